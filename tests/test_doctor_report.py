from __future__ import annotations

import json

from tests.webhooks_stand_ins import ACCOUNT, OLD_TOKEN, PUBLIC, TOKEN, settings
from webhooks.doctor.findings import Finding, Group, HeardFrom, Status, Verdict
from webhooks.doctor.report import Redactor, as_json, line, summary


def failing(says: str, do: str = "Do this.") -> Finding:
    return Finding(Group.TWILIO, "account", Status.FAIL, says, do, 0.25)


def test_secrets_and_numbers_are_taken_out_of_whatever_others_say() -> None:
    those = settings(
        twilio_auth_token=TOKEN, twilio_auth_token_secondary=OLD_TOKEN, twilio_account_sid=ACCOUNT, public_url=PUBLIC
    )
    redactor = Redactor.of(those, {"SHOP_API_KEY": "shop-key-123", "HOME": "/home/somebody"})
    says, do = f"{TOKEN} for +14255550123\nand /home/somebody", f"not {OLD_TOKEN} nor shop-key-123"
    clean = redactor.clean(failing(says, do))
    assert clean.says == "*** for ***23 and /home/somebody"
    assert clean.do == "not *** nor ***"


def test_a_secret_within_a_longer_one_gives_nothing_of_it_away() -> None:
    clean = Redactor(["secret", "a longer secret"]).clean(failing("it was a longer secret"))
    assert clean.says == "it was ***"


def test_a_line_says_how_it_is_and_what_to_do() -> None:
    text, colour = line(failing("it is suspended"))
    assert text.startswith("fail  twilio.account")
    assert "it is suspended (250 ms)  → Do this." in text
    assert "\n" not in text
    assert colour == "red"


def test_json_has_the_documented_shape() -> None:
    report = json.loads(as_json(Verdict.FAILS, [failing("it is suspended")], HeardFrom.NOBODY, seconds=1.23456))
    assert report == {
        "format": 1,
        "verdict": "fails",
        "exit_code": 1,
        "summary": summary(Verdict.FAILS, [failing("it is suspended")], HeardFrom.NOBODY),
        "heard": False,
        "seconds": 1.235,
        "checks": [
            {
                "group": "twilio",
                "check": "account",
                "status": "fail",
                "says": "it is suspended",
                "do": "Do this.",
                "milliseconds": 250.0,
            }
        ],
    }


def test_the_last_line_says_what_was_heard() -> None:
    well = [Finding(Group.CALL, "heard", Status.OK, "heard")]
    assert "voicebot serve" in summary(Verdict.WORKS, well, HeardFrom.OWN)
    assert "voicebot serve" not in summary(Verdict.WORKS, well, HeardFrom.RUNNING)
    assert "this shell" in summary(Verdict.WORKS, [*well, failing("no")], HeardFrom.RUNNING)
    assert "2 lines" in summary(Verdict.FAILS, [failing("no"), failing("no")], HeardFrom.NOBODY)
    assert "cannot be told" in summary(Verdict.UNKNOWN, well, HeardFrom.NOBODY)


def test_words_of_others_without_an_end_are_cut() -> None:
    told = Redactor().clean(Finding(Group.CALL, "heard", Status.FAIL, "no: " + "x" * 60_000, "Look."))
    assert told.says.startswith("no: xxx")
    assert told.says.endswith("x…")
    assert len(told.says) == 500
