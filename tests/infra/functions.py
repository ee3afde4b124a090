"""The functions and decorators of Bicep that `infra/` uses: how many arguments, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.infra.kinds import ANY, ARRAY, BOOL, INT, STRING, Kind, OneOf, Property, Record, either, resolved


@dataclass(frozen=True)
class Signature:
    """least, most: arguments; most is None where there is no bound."""

    returns: Kind
    takes: Kind
    least: int = 1
    most: int | None = 1


_SUBSCRIPTION = Record({name: Property(STRING) for name in ("id", "subscriptionId", "tenantId", "displayName")})
_TENANT = Record({name: Property(STRING) for name in ("tenantId", "displayName", "country")})

FUNCTIONS: Mapping[str, Signature] = {
    "empty": Signature(BOOL, ANY),
    "guid": Signature(STRING, STRING, most=None),
    "subscription": Signature(_SUBSCRIPTION, ANY, least=0, most=0),
    "subscriptionResourceId": Signature(STRING, STRING, least=2, most=None),
    "tenant": Signature(_TENANT, ANY, least=0, most=0),
    "toLower": Signature(STRING, STRING),
    "union": Signature(ANY, OneOf((Record(others=ANY), ARRAY)), least=2, most=None),
    "uniqueString": Signature(STRING, STRING, most=None),
}

DECORATORS: Mapping[str, Kind] = {
    "allowed": ARRAY,
    "description": STRING,
    "maxLength": INT,
    "maxValue": INT,
    "metadata": Record(others=ANY),
    "minLength": INT,
    "minValue": INT,
}


def united(given: list[Kind]) -> Kind:
    """What `union` makes of objects: everything that any of them may have."""
    records = [one for kind in given for one in (kind.kinds if isinstance(kind, OneOf) else (resolved(kind),))]
    properties: dict[str, Property] = {}
    others: list[Kind] = []
    for record in records:
        if not isinstance(record, Record):
            return ANY
        for name, has in record.properties.items():
            before = properties.get(name)
            properties[name] = Property(either([before.kind, has.kind])) if before else has
        others += [record.others] if record.others is not None else []
    return Record(properties, either(others) if others else None)
