"""What a number points at: read from Twilio, compared, shown, written back. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Self

from webhooks.console.target import Target, shown

_LABELS = {
    "voice": "a call comes in",
    "voice_fallback": "that fails",
    "status": "a call is over",
    "application": "application",
    "trunk": "trunk",
}


@dataclass(frozen=True, slots=True)
class Pointing:
    """Where Twilio sends what concerns a number's calls, in Twilio's own names; empty where it is not set.

    Twilio ignores the three addresses while trunk_sid or voice_application_sid is set.
    """

    voice_url: str = ""
    voice_method: str = "POST"
    voice_fallback_url: str = ""
    voice_fallback_method: str = "POST"
    status_callback: str = ""
    status_callback_method: str = "POST"
    voice_application_sid: str = ""
    trunk_sid: str = ""

    @classmethod
    def at(cls, target: Target) -> Self:
        """At this bot, and nothing in the way."""
        return cls(voice_url=target.voice, voice_fallback_url=target.fallback, status_callback=target.status)

    @classmethod
    def of(cls, record: Any) -> Self:  # noqa: ANN401 - Twilio's client has no types
        """As Twilio has it for a number or an application. record: has attributes of these names; some are None."""
        found = {field.name: getattr(record, field.name, None) for field in fields(cls)}
        return cls(**{name: value for name, value in found.items() if isinstance(value, str) and value})

    @classmethod
    def of_domain(cls, record: Any) -> Self:  # noqa: ANN401 - as above
        """As Twilio has it for a SIP Domain, where the status callback goes by another name."""
        plain = cls.of(record)
        return cls(
            plain.voice_url,
            plain.voice_method,
            plain.voice_fallback_url,
            plain.voice_fallback_method,
            getattr(record, "voice_status_callback_url", None) or "",
            getattr(record, "voice_status_callback_method", None) or "POST",
        )

    @property
    def addresses(self) -> dict[str, str]:
        """The three addresses and how they are asked, as Twilio takes them for numbers and applications."""
        names = [field.name for field in fields(self) if field.name not in ("voice_application_sid", "trunk_sid")]
        return {name: getattr(self, name) for name in names}

    def change_from(self, before: Pointing) -> dict[str, str]:
        """The fields that make `before` this.

        Setting a trunk removes an application and the other way round, so that only one of the two is ever sent with
        a value, and an empty one only to remove what is there.
        """
        change = self.addresses
        if self.trunk_sid or self.voice_application_sid:
            name = "trunk_sid" if self.trunk_sid else "voice_application_sid"
            change[name] = getattr(self, name)
        else:
            change |= {name: "" for name in ("trunk_sid", "voice_application_sid") if getattr(before, name)}
        return change

    @property
    def rows(self) -> dict[str, str]:
        """What a person is shown, by the Console's words; passwords in addresses are not."""
        return {
            "voice": _asked(self.voice_url, self.voice_method),
            "voice_fallback": _asked(self.voice_fallback_url, self.voice_fallback_method),
            "status": _asked(self.status_callback, self.status_callback_method),
            "application": self.voice_application_sid,
            "trunk": self.trunk_sid,
        }

    @property
    def gist(self) -> str:
        """Who answers, in a few words."""
        if self.trunk_sid:
            return f"trunk {self.trunk_sid} (its own addresses are ignored)"
        if self.voice_application_sid:
            return f"application {self.voice_application_sid} (its own addresses are ignored)"
        return self.rows["voice"] or "nothing"


def difference(before: Pointing, after: Pointing) -> Iterator[str]:
    """Lines that show what changes, and what stays."""
    old, new = before.rows, after.rows
    for name, label in _LABELS.items():
        if old[name] == new[name]:
            if new[name]:
                yield f"  {label:<16} {new[name]}"
        else:
            yield f"  {label:<16} before: {old[name] or 'nothing'}"
            yield f"  {'':<16} after:  {new[name] or 'nothing'}"


def _asked(url: str, method: str) -> str:
    return f"{method} {shown(url)}" if url else ""
