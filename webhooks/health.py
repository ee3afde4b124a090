"""Alive, ready, and in numbers: what a load balancer and an operator ask."""

from __future__ import annotations

from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from quart import Blueprint, Response, abort, request

from bot.settings import Settings
from webhooks.bearer import shows
from webhooks.gate import stranger
from webhooks.switchboard import Switchboard


class Others(Protocol):
    """The workers beside this one, where there are several."""

    @property
    def take(self) -> bool:
        """Whether any of them would take a call."""
        ...

    async def figures(self, registry: CollectorRegistry) -> CollectorRegistry:
        """What all have counted, with what this one has counted in `registry`."""
        ...


def health_routes(
    settings: Settings, switchboard: Switchboard, registry: CollectorRegistry, others: Others | None = None
) -> Blueprint:
    """`/health`, `/ready` and `/metrics`. others: None where this is the only process."""
    routes = Blueprint("health", __name__)
    bearer = settings.metrics_token.get_secret_value()

    @routes.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "alive"}

    @routes.get("/ready")
    async def ready() -> tuple[dict[str, str], int]:
        if (reason := _why_not(switchboard)) and not (others is not None and others.take):
            return {"status": reason}, 503
        return {"status": "ready"}, 200

    @routes.get("/metrics")
    async def metrics() -> Response:
        if not shows(request.headers.get("Authorization", ""), bearer) and stranger(request):
            abort(404)
        response = Response(generate_latest(registry if others is None else await others.figures(registry)))
        response.headers["Content-Type"] = CONTENT_TYPE_LATEST
        return response

    return routes


def _why_not(switchboard: Switchboard) -> str:
    if switchboard.draining:
        return "draining"
    if switchboard.full:
        return "full"
    return "" if switchboard.ready else "starting"
