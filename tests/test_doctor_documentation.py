from __future__ import annotations

import re
from pathlib import Path

from webhooks.doctor.findings import Group

_ROOT = Path(__file__).parent.parent
_TOLD = re.compile(r'notes\.(?:ok|warn|fail|skip)\(\s*"([a-z-]+)"')
_ROW = re.compile(r"^\| `([a-z-]+)` \| (`[^|]*) \|", re.MULTILINE)
_GROUPS = {
    "settings_checks": Group.SETTINGS,
    "machine": Group.MACHINE,
    "local_server": Group.SERVER,
    "voice_live": Group.VOICE_LIVE,
    "sign_in": Group.VOICE_LIVE,
    "twilio_account": Group.TWILIO,
    "address": Group.ADDRESS,
    "clock": Group.CLOCK,
    "call": Group.CALL,
}


def test_every_check_is_documented_and_no_other() -> None:
    told: dict[str, set[str]] = {}
    for module, group in _GROUPS.items():
        source = (_ROOT / "webhooks" / "doctor" / f"{module}.py").read_text(encoding="utf-8")
        told.setdefault(group, set()).update(_TOLD.findall(source))
    told[Group.TWILIO] |= {"numbers", "domains", "application", "key"}
    text = (_ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    documented = {group: set(re.findall(r"`([a-z-]+)`", checks)) for group, checks in _ROW.findall(text)}
    assert {group: documented[group] for group in told} == told
