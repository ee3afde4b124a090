"""How often a secret may be tried: by one peer, and by all of them together. Pure: times in, waits out."""

from __future__ import annotations

import ipaddress
import math
from typing import NamedTuple


class Pace(NamedTuple):
    """So many attempts at once, and one more each so many seconds."""

    at_once: int
    seconds: float

    @property
    def memory(self) -> float:
        """Seconds after which an attempt no longer counts, whatever came before it."""
        return self.at_once * self.seconds


EACH = Pace(5, 30.0)
TOTAL = Pace(50, 2.0)


class Attempts:
    """Counts attempts, and says how long to wait for the next one.

    One number is kept for each peer: the time at which it will have all its attempts again. As those in total are
    limited too, no more peers than `TOTAL` lets through within `EACH.memory` are remembered, whatever comes.
    """

    def __init__(self, each: Pace = EACH, total: Pace = TOTAL) -> None:
        self._each = each
        self._total = total
        self._rested: dict[str, float] = {}  # by peer, the last to try at the end
        self._all_rested = -math.inf

    def take(self, peer: str, now: float) -> float:
        """Count an attempt and return 0, or return the seconds to wait and count nothing.

        now: seconds on a clock that never goes back.
        """
        self._forget(now)
        rested = self._rested.get(peer, -math.inf)
        wait = max(_wait(self._each, rested, now), _wait(self._total, self._all_rested, now))
        if wait > 0:
            return wait
        self._rested.pop(peer, None)
        self._rested[peer] = max(rested, now) + self._each.seconds
        self._all_rested = max(self._all_rested, now) + self._total.seconds
        return 0.0

    def forgive(self, peer: str) -> None:
        """Forget this peer's attempts: it knew the secret."""
        self._rested.pop(peer, None)

    def _forget(self, now: float) -> None:
        while self._rested:
            eldest = next(iter(self._rested))
            # Whoever tried last within the memory may stand before others who have rested: they wait for it.
            if self._rested[eldest] > now:
                return
            del self._rested[eldest]


def _wait(pace: Pace, rested: float, now: float) -> float:
    return rested - now - (pace.at_once - 1) * pace.seconds


def peer_key(peer: str, forwarded_for: str) -> str:
    """Who is trying, as far as that can be known.

    peer: the address that the connection comes from; forwarded_for: what the last proxy says of its own peer, the
    rightmost entry of `X-Forwarded-For`. Some proxies write its port too, and who has an IPv6 address has 2^64.
    """
    said = forwarded_for.rpartition(",")[2].strip()
    return f"{_network(said)} by {_network(peer)}" if said else _network(peer)


def _network(text: str) -> str:
    host = text
    if text.startswith("["):
        host = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        host = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network((int(address), 64), strict=False))
        address = address.ipv4_mapped
    return str(address)
