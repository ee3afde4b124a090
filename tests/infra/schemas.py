"""What each resource type takes and gives, read from the two files beside this one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.infra.kinds import PRIMITIVES, Exactly, Kind, Later, ListOf, Property, Record, either

FILES = ("schemas.json", "monitor.json")
_TYPE_AND_FLAGS = re.compile(r"(?P<type>.*?)(?P<flags>[!<>=]*)")


@dataclass(frozen=True)
class Resource:
    """A resource type at a version. forms: by the fixed names that it may have; mostly one, under no name."""

    forms: Mapping[str, Record]
    extends: bool  # may be put on another resource
    in_subscription: bool
    in_group: bool


def _kind(text: str, types: Mapping[str, Any]) -> Kind:
    if text.endswith("[]"):
        return ListOf(_kind(text.removesuffix("[]").strip("()"), types))
    if " | " in text:
        return either([_kind(one, types) for one in text.split(" | ")])
    if text in types:
        return Later(text, lambda: _record(types[text], types))
    return PRIMITIVES.get(text) or Exactly(text)


def _property(text: str, types: Mapping[str, Any]) -> Property:
    found = _TYPE_AND_FLAGS.fullmatch(text)
    assert found is not None
    kind, flags = _kind(found["type"], types), found["flags"]
    return Property(kind, required="!" in flags, read_only="<" in flags, constant="=" in flags)


def _record(entry: Mapping[str, Any], types: Mapping[str, Any]) -> Record:
    others = entry.get("others")
    properties = {name: _property(text, types) for name, text in entry["has"].items()}
    return Record(properties, _kind(others, types) if others else None)


def _resource(entry: Mapping[str, Any]) -> Resource:
    forms = {}
    for form in entry["forms"]:
        record = _record(form, entry["types"])
        name = record.properties["name"].kind
        forms[name.text if isinstance(name, Exactly) else ""] = record
    scopes = entry["scopes"]
    return Resource(
        forms,
        extends=scopes in ("Extension", "AllExceptExtension"),
        in_subscription=scopes in ("Subscription", "AllExceptExtension"),
        in_group=scopes in ("ResourceGroup", "AllExceptExtension"),
    )


def load() -> dict[str, Resource]:
    """Every resource type that is known, by `Type@version`."""
    resources: dict[str, Resource] = {}
    for file in FILES:
        content = json.loads(Path(__file__).with_name(file).read_text(encoding="utf-8"))
        resources |= {name: _resource(entry) for name, entry in content["resources"].items()}
    return resources
