"""Opens Voice Live sessions by the SDK, within a time limit, and with nothing left behind where that fails.

The SDK (version 1.3.1) connects and authenticates; it has no time limit, and forgets its HTTP session when
connecting is given up.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Callable, Sequence
from types import CodeType, TracebackType

import aiohttp
from azure.ai.voicelive.aio import ConnectionError as ConnectionFailed
from azure.ai.voicelive.aio import VoiceLiveConnection, connect
from azure.core.credentials import AzureKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.identity.aio import DefaultAzureCredential

from bot.call.commands import Turn
from bot.call.events import CallerFacts, SessionReady
from bot.errors import SessionLost, SessionRefused, SessionTimeout, SettingsError
from bot.persona import Persona
from bot.settings import Settings
from bot.tools import ToolDefinition
from bot.voicelive.configuration import compatible, session_configuration
from bot.voicelive.messages import (
    ErrorReported,
    ServerEvent,
    SessionCreated,
    SessionFacts,
    SessionUpdated,
    shortened,
)
from bot.voicelive.session import Session
from bot.voicelive.wire import turn_event

WARM_SECONDS = 30.0  # longest wait for the first token; nobody is on the phone yet
HEARTBEAT_SECONDS = 10.0  # a ping this often, and half of it for the pong: a dead line shows within 15 s

_TOKEN_SCOPE = "https://ai.azure.com/.default"  # noqa: S105 - the name of a permission, not a secret
_END_OF_TIME = 2**53  # Unix times from here on are no times, infinity included
_NO_KEY = "embedded"  # the engine on loopback asks for none, but the SDK must send something

_logger = logging.getLogger(__name__)


class VoiceLive:
    """Opens sessions; one for the whole process. It owns the one credential that all of them share.

    endpoint: address of the service in place of the setting, for the embedded engine.
    credential: Entra ID credential in place of the one that the settings ask for. It is closed by `close`.
    Raises SettingsError if there is no address, or the settings ask for what the service is known to refuse.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        wall_clock: Callable[[], float] = time.time,
        endpoint: str = "",
        credential: AsyncTokenCredential | None = None,
    ) -> None:
        self._endpoint = endpoint or settings.azure_voice_live_endpoint
        if not self._endpoint:
            raise SettingsError(
                ["AZURE_VOICE_LIVE_ENDPOINT is missing: it should be https://NAME.services.ai.azure.com"]
            )
        self._settings = compatible(settings)
        self._wall_clock = wall_clock
        self._credential: AzureKeyCredential | AsyncTokenCredential | None = credential or self._key()

    def _key(self) -> AzureKeyCredential | None:
        key = self._settings.azure_voice_live_api_key.get_secret_value()
        if self._settings.embedded or (not key and self._endpoint.startswith("http:")):
            return AzureKeyCredential(_NO_KEY)
        return AzureKeyCredential(key) if key else None

    def _shared_credential(self) -> AzureKeyCredential | AsyncTokenCredential:
        # One for all calls: each new DefaultAzureCredential looks for a managed identity for seconds.
        if self._credential is None:
            self._credential = DefaultAzureCredential()
        return self._credential

    async def warm(self) -> None:
        """Fetch a token ahead of the first call, which then finds it cached. A failure is logged, not raised."""
        credential = self._shared_credential()
        if isinstance(credential, AzureKeyCredential):
            return
        try:
            async with asyncio.timeout(WARM_SECONDS):
                await credential.get_token(_TOKEN_SCOPE)
        except (AzureError, OSError, ValueError) as error:
            _logger.warning("no Entra ID token yet: %s", shortened(str(error)) or type(error).__name__)

    async def close(self) -> None:
        """Let the credential go. Sessions belong to those who opened them."""
        credential = self._credential
        if credential is not None and not isinstance(credential, AzureKeyCredential):
            self._credential = None
            await credential.close()

    async def open(
        self,
        facts: CallerFacts,
        history: Sequence[Turn] = (),
        *,
        limit: float,
        persona: Persona | None = None,
        tools: Sequence[ToolDefinition] = (),
    ) -> Session:
        """Connect, pin the session, and tell it what was said before; the session that comes back takes audio.

        limit: seconds for all of it, the token included. persona: who answers, in place of the settings; tools:
        functions that it may call. Raises SessionRefused (the service said no), SessionTimeout,
        or SessionLost (it cannot be reached, or hung up). Whatever comes of it, cancellation included, nothing is
        left open but the session that is returned.
        """
        settings = persona.onto(self._settings) if persona is not None else self._settings
        opening = _Opening(settings, persona, tools, facts.call_id, self._wall_clock)
        try:
            async with asyncio.timeout(limit):
                return await opening.run(self._endpoint, self._shared_credential(), history)
        except TimeoutError:
            raise SessionTimeout(f"{opening.stage}: nothing within {limit:g} s") from None


class _Opening:
    """The way to one open session. stage: how far it has come, for the message when it goes no further."""

    def __init__(
        self,
        settings: Settings,
        persona: Persona | None,
        tools: Sequence[ToolDefinition],
        call_id: str,
        wall_clock: Callable[[], float],
    ) -> None:
        self.stage = "connecting"
        self._settings = settings
        self._servers = persona.mcp if persona is not None else ()
        self._tools = tools
        self._call_id = call_id
        self._wall_clock = wall_clock

    async def run(
        self, endpoint: str, credential: AzureKeyCredential | AsyncTokenCredential, history: Sequence[Turn]
    ) -> Session:
        connection = await self._connect(endpoint, credential)
        session = Session(connection, self._call_id, verbose=self._settings.voice_live_verbose)
        try:
            self.stage = "waiting for session.created"
            created = await self._answer(session, SessionCreated)
            self.stage = "waiting for session.updated"
            configuration = session_configuration(
                self._settings, self._call_id, tools=self._tools, servers=self._servers
            )
            await session.send({"type": "session.update", "session": configuration.as_dict()})
            updated = await self._answer(session, SessionUpdated)
            self.stage = "adding what was said before"
            for turn in history:
                await session.send(turn_event(turn))
            session.ready = self._ready(created.session, updated.session)
        except BaseException:
            await session.close(patience=0)  # whoever waits is already told no: say goodbye, but await no answer
            raise
        return session

    async def _connect(
        self, endpoint: str, credential: AzureKeyCredential | AsyncTokenCredential
    ) -> VoiceLiveConnection:
        manager = connect(
            credential=credential,
            endpoint=endpoint,
            model=self._settings.voice_live_model,
            credential_scopes=_TOKEN_SCOPE,
            connection_options={"heartbeat": HEARTBEAT_SECONDS},
        )
        try:
            return await manager.__aenter__()
        except BaseException as error:
            await _close_forgotten_session(error.__traceback__, type(manager).__aenter__.__code__)
            cause = error.__cause__
            if isinstance(cause, aiohttp.WSServerHandshakeError):
                raise SessionRefused(f"HTTP {cause.status} {shortened(cause.message)}") from None
            if isinstance(error, ConnectionFailed):
                raise SessionLost(f"cannot be reached: {shortened(str(cause or error))}") from None
            if isinstance(error, AzureError):
                raise SessionRefused(f"no access: {shortened(str(error))}") from None
            raise

    async def _answer[Answer: ServerEvent](self, session: Session, kind: type[Answer]) -> Answer:
        """The next event of this kind. What comes before it means nothing yet, but for an error."""
        while True:
            event = await session.next_event()
            if isinstance(event, kind):
                return event
            if isinstance(event, ErrorReported):
                raise SessionRefused(f"{self.stage}: {event.error}")

    def _ready(self, created: SessionFacts, updated: SessionFacts) -> SessionReady:
        expires_at = updated.expires_at or created.expires_at
        lifetime = None
        if isinstance(expires_at, int | float) and abs(expires_at) < _END_OF_TIME:
            lifetime = expires_at - self._wall_clock()
            if lifetime <= 0:
                _logger.warning("call=%s the service's clock and ours disagree; no lifetime", self._call_id)
                lifetime = None
        return SessionReady(updated.id or created.id or "", lifetime)


async def _close_forgotten_session(trace: TracebackType | None, entering: CodeType) -> None:
    """Close the HTTP session of a connection that did not come about.

    The SDK's `__aenter__` keeps it in a local variable until the connection stands, and closes it for
    aiohttp.ClientError only. When it is cancelled, as by a time limit, its frame in the traceback is the one place
    that still knows of it. entering: the code of that method; the sessions of other frames, such as the shared
    credential's, are not ours to close.
    """
    for frame, _ in traceback.walk_tb(trace):
        if frame.f_code is entering:
            for value in list(frame.f_locals.values()):
                if isinstance(value, aiohttp.ClientSession):
                    await value.close()
