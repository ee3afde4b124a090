"""Asking an MCP server, where the engine's parts know one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from bot.engine.parts import Parts
from bot.engine.protocol import Session
from bot.engine.work import CallServer, ListTools, Output
from bot.errors import EngineError

_log = logging.getLogger(__name__)


async def ask_server(
    parts: Parts, session: Session, asked: ListTools | CallServer, seconds: float
) -> Sequence[Output]:
    """Do what the session asks for, in so many seconds, and tell it how that went. Never raises."""
    try:
        server = parts.tool_server(asked.label, asked.url)
        if server is None:
            raise EngineError("the embedded engine calls no MCP servers")
        async with asyncio.timeout(seconds):
            if isinstance(asked, ListTools):
                return session.tools_listed(asked.item_id, await server.tools())
            return session.server_answered(asked.item_id, await server.call(asked.name, asked.arguments))
    except (EngineError, TimeoutError) as error:
        reason = str(error) or "the server does not answer"
    except Exception:  # noqa: BLE001 - a server that fails costs one call of a tool, not the phone call
        _log.exception("MCP server %s failed", asked.label)
        reason = "the server failed"
    _log.info("MCP server %s: %s", asked.label, reason)
    return session.server_failed(asked.item_id, reason)
