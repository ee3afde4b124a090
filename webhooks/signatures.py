"""Twilio's request signatures: which addresses a request may have been signed for, and whether it was.

Source: https://www.twilio.com/docs/usage/webhooks/webhooks-security. The address is always built from PUBLIC_URL and
the path and query exactly as requested, never from what a request says of its host.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from webhooks.addresses import prefix_of, without_prefix

_DEFAULT_PORT = {"https": 443, "wss": 443, "http": 80, "ws": 80}


def signed_addresses(base: str, target: str, *, socket: bool) -> list[str]:
    """Every way in which Twilio may have written the address that it signed.

    base: PUBLIC_URL; target: path and query as requested, not decoded. Twilio signs with the port or without it; a
    WebSocket as `wss`, and some report `https` or a slash at the end. A fragment such as `#rc=2` is never signed.
    """
    parts = urlsplit(base)
    target = target.partition("#")[0]
    path, question, query = (prefix_of(base) + without_prefix(target, prefix_of(base))).partition("?")
    paths = [path, f"{path}/"] if socket and not path.endswith("/") else [path]
    secure = parts.scheme == "https"
    schemes = (["wss", "https"] if secure else ["ws", "http"]) if socket else [parts.scheme]
    return [
        f"{scheme}://{host}{a_path}{question}{query}"
        for scheme in schemes
        for a_path in paths
        for host in _with_and_without_port(base, _DEFAULT_PORT[scheme])
    ]


def _with_and_without_port(base: str, default: int) -> tuple[str, str]:
    parts = urlsplit(base)
    name = parts.hostname or ""
    host = f"[{name}]" if ":" in name else name
    return host, f"{host}:{parts.port or default}"


class Signatures:
    """Checks signatures against every token in use, so that a rotation loses no call."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._validators = [RequestValidator(token) for token in tokens]

    def genuine(self, signature: str, addresses: Iterable[str], form: MultiDict[str, str]) -> bool:
        """Whether `signature` was made with one of our tokens for one of `addresses` and all of `form`.

        form: the posted fields, repeated ones included; empty for GET and for sockets.
        """
        given = signature.encode()
        found = False
        for address in addresses:
            for validator in self._validators:
                expected: str = validator.compute_signature(address, form)
                found |= hmac.compare_digest(expected.encode(), given)
        return found
