"""Bearer keys, as `Authorization: Bearer KEY` brings them."""

from __future__ import annotations

import hmac


def shows(authorization: str, key: str) -> bool:
    """Whether the header holds this key; compared in constant time. An empty key is shown by nobody."""
    scheme, _, given = authorization.partition(" ")
    right = hmac.compare_digest(given.strip().encode(), key.encode())
    return bool(key) and scheme.lower() == "bearer" and right
