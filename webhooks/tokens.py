"""Tokens that let one media stream of one call in, once.

The token travels in the TwiML and comes back in the stream's `start`: Twilio drops the query of its address. A page's
token travels to the page, and is bound to who was signed in there.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Sequence

from itsdangerous import BadSignature, URLSafeSerializer

LIFETIME = 60.0  # seconds
MOST_REMEMBERED = 20_000

_PURPOSE = b"voicelive-phone: media stream"


class BadToken(Exception):
    """The token is not to be trusted. kind: one word: missing, forged, foreign, visitor, expired, reused or busy."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(kind)


class StreamTokens:
    """Issues and redeems. Keys come from the Twilio tokens, so that another instance takes our tokens too.

    auth_tokens: the main one first; none: a random key for this process alone. "Once" is kept by this process: an
    instance that shares the key does not know what this one has redeemed. wall_clock: seconds since 1970. place:
    which worker of several this is; another one's tokens are not taken, or each could be used once with each.
    """

    def __init__(
        self, auth_tokens: Sequence[str], *, wall_clock: Callable[[], float] = time.time, place: str = ""
    ) -> None:
        purpose = _PURPOSE + place.encode()
        keys = [hmac.digest(token.encode(), purpose, "sha256") for token in auth_tokens]
        self._serializer = URLSafeSerializer(
            keys[::-1] or secrets.token_bytes(32),  # the last one signs, all verify
            salt=_PURPOSE,
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )
        self._now = wall_clock
        self._issued: dict[tuple[str, str], tuple[str, float]] = {}
        self._redeemed: dict[str, float] = {}

    def issue(self, call_id: str, *, bound_to: str = "") -> str:
        """A token for this call. Asked again at once, as by a repeated webhook, it is the same one.

        bound_to: the page's visitor who alone may use it; empty: only a socket of Twilio's may.
        """
        now = self._now()
        token, issued_at = self._issued.pop((call_id, bound_to), ("", 0.0))
        if not token or not 0 <= now - issued_at < LIFETIME / 2:
            token, issued_at = self._serializer.dumps([call_id, bound_to, now, secrets.token_urlsafe(12)]), now
            _make_room(self._issued)
        self._issued[call_id, bound_to] = (token, issued_at)
        return token

    def redeem(self, token: str, call_id: str, *, bound_to: str = "") -> None:
        """Take the token for this call, from whom it is bound to. Raises BadToken."""
        if not token:
            raise BadToken("missing")
        try:
            owner, visitor, issued_at, nonce = self._serializer.loads(token)
        except (BadSignature, ValueError, TypeError):
            raise BadToken("forged") from None
        now = self._now()
        if owner != call_id:
            raise BadToken("foreign")
        if visitor != bound_to:
            raise BadToken("visitor")
        if not -LIFETIME <= now - issued_at <= LIFETIME:  # another instance's clock may run ahead of ours
            raise BadToken("expired")
        if nonce in self._redeemed:
            raise BadToken("reused")
        self._forget_expired(now)
        if len(self._redeemed) >= MOST_REMEMBERED:
            raise BadToken("busy")
        self._redeemed[nonce] = issued_at + LIFETIME
        self._issued.pop((call_id, bound_to), None)

    def _forget_expired(self, now: float) -> None:
        while self._redeemed:
            oldest = next(iter(self._redeemed))
            if self._redeemed[oldest] >= now:
                return
            del self._redeemed[oldest]


def _make_room(issued: dict[tuple[str, str], tuple[str, float]]) -> None:
    while len(issued) >= MOST_REMEMBERED:
        del issued[next(iter(issued))]
