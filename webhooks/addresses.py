"""The addresses by which Twilio knows this application."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Addresses:
    """Made from one base such as `https://bot.example.com` or, behind a path, `https://example.com/bot`."""

    base: str

    def web(self, path: str) -> str:
        """The address of a webhook; `path` begins with a slash."""
        return self.base + path

    def socket(self, path: str) -> str:
        """The address of a WebSocket: wss for https, ws for http (loopback only)."""
        return "ws" + self.base.removeprefix("http") + path


def prefix_of(base: str) -> str:
    """The path that all our routes hide behind, such as `/bot`; mostly empty."""
    return urlsplit(base).path.rstrip("/")


def without_prefix(path: str, prefix: str) -> str:
    """The route that is meant, whether or not the proxy in front has taken the prefix off."""
    return path[len(prefix) :] if prefix and path.startswith(prefix + "/") else path
