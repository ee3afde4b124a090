"""The findings as text for people and as JSON for machines, with no secret and no whole number in either."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec
from pydantic import SecretStr

from bot.masking import mask
from bot.settings import Settings
from webhooks.doctor.findings import Finding, HeardFrom, Status, Verdict

FORMAT = 1
"""Of the JSON. It grows when a field changes its meaning or goes, not when one is added."""

_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
_SHORTEST_SECRET = 4  # characters; a shorter one would blot out words
_SHORTEST_FOREIGN = 10  # of one whose name alone says that it is one
_SECRET_NAME = re.compile("KEY|SECRET|TOKEN|PASSWORD", re.IGNORECASE)
_LONGEST = 500  # characters of a sentence; others' words in it may have no end
_COLUMN = 22
_IN_COLOUR = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "red", Status.SKIP: "bright_black"}


class Redactor:
    """Takes secrets and numbers out of a line. Nothing that is written here should hold any; others' words may."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted({secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}, key=len)[::-1]

    @classmethod
    def of(cls, settings: Settings, environ: Mapping[str, str]) -> Redactor:
        """Know every secret of the settings, and what the environment calls one, such as a tool server's key."""
        values = (getattr(settings, name) for name in type(settings).model_fields)
        ours = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
        others = [
            value for name, value in environ.items() if _SECRET_NAME.search(name) and len(value) >= _SHORTEST_FOREIGN
        ]
        return cls(ours + others)

    def clean(self, finding: Finding) -> Finding:
        """The finding, fit to be shown."""
        return replace(finding, says=self._cleaned(finding.says), do=self._cleaned(finding.do))

    def _cleaned(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = "".join(letter if letter.isprintable() else " " for letter in text)
        text = _NUMBER.sub(lambda found: mask(found[0]), text)
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def line(finding: Finding) -> tuple[str, str]:
    """One line of text, and the colour of its first word."""
    name = f"{finding.group}.{finding.check}"
    took = f" ({finding.seconds * 1000:.0f} ms)" if finding.seconds is not None else ""
    step = f"  → {finding.do}" if finding.do else ""
    return f"{finding.status:<5} {name:<{_COLUMN}} {finding.says}{took}{step}", _IN_COLOUR[finding.status]


def summary(verdict: Verdict, findings: Sequence[Finding], heard: HeardFrom) -> str:
    """The last line: whether a call would work, and why."""
    failures = sum(found.status is Status.FAIL for found in findings)
    marked = "1 line marked `fail`" if failures == 1 else f"{failures} lines marked `fail`"
    match verdict:
        case Verdict.WORKS if failures:
            return f"A call would work: the assistant was heard. About this shell, not about the bot: {marked}."
        case Verdict.WORKS if heard is HeardFrom.OWN:
            return (
                "A call would work: the assistant was heard, in a bot that was started for it and is gone again. "
                "Start yours with `voicebot serve`."
            )
        case Verdict.WORKS:
            return "A call would work: the assistant was heard."
        case Verdict.FAILS:
            return f"A call would not work yet. What to do: {marked}."
    return "Whether a call would work cannot be told: none was made. Nothing that was looked at speaks against it."


def as_json(verdict: Verdict, findings: Sequence[Finding], heard: HeardFrom, *, seconds: float) -> bytes:
    """The whole report, as `docs/doctor.md` describes it."""
    checks = [
        {
            "group": str(found.group),
            "check": found.check,
            "status": str(found.status),
            "says": found.says,
            "do": found.do,
            "milliseconds": None if found.seconds is None else round(found.seconds * 1000, 1),
        }
        for found in findings
    ]
    report = {
        "format": FORMAT,
        "verdict": str(verdict),
        "exit_code": verdict.exit_code,
        "summary": summary(verdict, findings, heard),
        "heard": heard is not HeardFrom.NOBODY,
        "seconds": round(seconds, 3),
        "checks": checks,
    }
    return msgspec.json.format(msgspec.json.encode(report), indent=2)
