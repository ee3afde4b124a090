"""Settings and secrets on their way from .env to the web app and the vault."""

from __future__ import annotations

import json
import re
import resource
import subprocess
from io import StringIO

import pytest
from dotenv import dotenv_values

from tests.deploy.harness import GROUP, SID, TOKEN, Cloud

CALLS_KEY = "a key for calls out, quite long"


def test_what_env_says_is_carried_over_and_only_names_are_shown(deployed: Cloud) -> None:
    deployed.twilio(FALLBACK_NUMBER="+14255550100", VOICE_LIVE_GREETING='"Hello, \\"dear\\" caller"', MAX_CALLS="7")
    done = deployed.run("settings", "--yes")
    assert done.code == 0, done.text
    assert "change: VOICE_LIVE_GREETING FALLBACK_NUMBER MAX_CALLS" in done.out
    assert "+14255550100" not in done.text
    assert deployed.state["settings"]["VOICE_LIVE_GREETING"] == 'Hello, "dear" caller'
    assert deployed.state["settings"]["FALLBACK_NUMBER"] == "+14255550100"
    assert done.steps() == ["settings", "restart"]


def test_no_value_of_a_setting_is_on_a_command_line(deployed: Cloud) -> None:
    deployed.twilio(FALLBACK_NUMBER="+14255550100")
    done = deployed.run("settings", "--yes")
    assert not any("+14255550100" in call.line for call in done.calls)
    written = next(call for call in done.calls if "appsettings set" in call.line)
    [file] = written.files.values()
    assert json.loads(file["text"]) == {"FALLBACK_NUMBER": "+14255550100"}
    assert file["mode"] == 0o600


def test_settings_that_are_as_they_should_be_change_nothing(deployed: Cloud) -> None:
    done = deployed.run("settings", "--yes")
    assert done.steps() == []
    assert "nothing has changed" in done.out


def test_a_setting_that_left_env_leaves_azure(deployed: Cloud) -> None:
    deployed.env_file({"TWILIO_AUTH_TOKEN": TOKEN, "CALLS_KEY": CALLS_KEY}, TWILIO_ACCOUNT_SID=SID, MAX_CALLS="7")
    deployed.run("settings", "--yes")
    assert "CALLS_KEY" in deployed.state["settings"]
    deployed.twilio()
    done = deployed.run("settings", "--yes")
    assert (
        "no longer in .env: MAX_CALLS CALLS_KEY" in done.out or "no longer in .env: CALLS_KEY MAX_CALLS" in done.out
    )
    assert not {"CALLS_KEY", "MAX_CALLS"} & set(deployed.state["settings"])
    assert "TWILIO_AUTH_TOKEN" in deployed.state["settings"]


def test_without_a_file_nothing_is_taken_away(deployed: Cloud) -> None:
    deployed.twilio(MAX_CALLS="7")
    deployed.run("settings", "--yes")
    (deployed.project / ".env").unlink()
    done = deployed.run("settings", "--yes")
    assert done.steps() == []
    assert deployed.state["settings"]["MAX_CALLS"] == "7"


def test_what_is_azures_is_not_carried_over(deployed: Cloud) -> None:
    before = deployed.state["settings"]
    deployed.env_file(
        {"TWILIO_AUTH_TOKEN": TOKEN, "AZURE_VOICE_LIVE_API_KEY": "a-key-that-stays-at-home"},
        TWILIO_ACCOUNT_SID=SID,
        HOST="127.0.0.1",
        PORT="1",
        PUBLIC_URL="https://tunnel.example",
        DRAIN_SECONDS="3",
        AZURE_VOICE_LIVE_ENDPOINT="https://x.example",
    )
    deployed.run("settings", "--yes")
    assert deployed.state["settings"] == before
    assert "a-key-that-stays-at-home" not in json.dumps(deployed.state["vault"])


def test_each_secret_gets_a_place_in_the_vault_by_a_private_file(deployed: Cloud) -> None:
    deployed.env_file({"TWILIO_AUTH_TOKEN": TOKEN, "CALLS_KEY": CALLS_KEY}, TWILIO_ACCOUNT_SID=SID)
    done = deployed.run("settings", "--yes")
    assert deployed.state["vault"]["calls-key"] == CALLS_KEY
    assert deployed.state["settings"]["CALLS_KEY"] == "@Microsoft.KeyVault(VaultName=kv-abc123;SecretName=calls-key)"
    written = next(call for call in done.calls if "keyvault secret set" in call.line)
    assert "--value" not in written.argv
    assert [file["mode"] for file in written.files.values()] == [0o600]


def test_a_token_that_changed_is_written_and_the_web_app_restarts_for_it(deployed: Cloud) -> None:
    new = "0" * 31 + "1"
    deployed.env_file({"TWILIO_AUTH_TOKEN": new}, TWILIO_ACCOUNT_SID=SID)
    done = deployed.run("settings", "--yes")
    assert deployed.state["vault"]["twilio-auth-token"] == new
    assert done.steps() == ["secret", "restart"]


def test_a_page_secret_is_made_once_and_never_shown(deployed: Cloud) -> None:
    made = deployed.state["vault"]["page-secret"]
    assert re.fullmatch(r"[A-Za-z0-9+/]{32}", made)
    deployed.run("full", "--yes")
    assert deployed.state["vault"]["page-secret"] == made


def test_ones_own_page_secret_is_taken(cloud: Cloud) -> None:
    cloud.env_file({"PAGE_SECRET": "a page secret of my own"})
    cloud.run("full", "--yes")
    assert cloud.state["vault"]["page-secret"] == "a page secret of my own"


def test_secrets_from_the_environment_win_over_the_file(cloud: Cloud) -> None:
    cloud.twilio()
    other = "1" * 32
    cloud.secrets.append(other)
    cloud.environment = {"TWILIO_AUTH_TOKEN": other}
    cloud.run("full", "--yes")
    assert cloud.state["vault"]["twilio-auth-token"] == other


def test_a_secret_that_the_personas_name_goes_along_and_others_stay_at_home(cloud: Cloud) -> None:
    (cloud.project / "voicebot.toml").write_text('token = "env:CRM_TOKEN"\n')
    cloud.env_file({"CRM_TOKEN": "the crm's token", "AWS_SECRET": "not for azure"})
    cloud.run("full", "--yes")
    assert cloud.state["vault"]["crm-token"] == "the crm's token"
    assert cloud.state["settings"]["CRM_TOKEN"] == "@Microsoft.KeyVault(VaultName=kv-abc123;SecretName=crm-token)"
    assert "aws-secret" not in cloud.state["vault"]


def test_model_and_voice_change_with_the_settings_and_stay_for_the_template(deployed: Cloud) -> None:
    deployed.run("settings", "--yes", "--model", "gpt-realtime", "--voice", "marin")
    assert deployed.state["settings"]["VOICE_LIVE_MODEL"] == "gpt-realtime"
    assert deployed.state["environments"][GROUP]["VOICE_LIVE_VOICE"] == "marin"


def test_the_web_app_is_given_time_until_it_can_read_its_secrets(cloud: Cloud) -> None:
    cloud.twilio()
    cloud.set(unresolved=2)
    done = cloud.run("full", "--yes")
    assert done.code == 0, done.text
    assert "not yet: TWILIO_AUTH_TOKEN AccessToKeyVaultDenied" in done.out or "AccessToKeyVaultDenied" in done.out
    assert len([line for line in done.lines("az", "rest") if "--method post" in line]) == 2


def test_a_web_app_that_never_can_read_them_is_a_failure(cloud: Cloud) -> None:
    cloud.twilio()
    cloud.set(unresolved=99)
    done = cloud.run("full", "--yes")
    assert done.code == 1
    assert "This step failed: waiting until the web app can read its secrets" in done.text
    assert "| TWILIO_AUTH_TOKEN\tAccessToKeyVaultDenied" in done.text


FILES = [
    "MAX_CALLS=7",
    "MAX_CALLS = 7",
    "export MAX_CALLS=7",
    "MAX_CALLS=7 # a comment",
    "MAX_CALLS='7'",
    'MAX_CALLS="7"  # a comment',
    "MAX_CALLS=7\r",
    "\ufeffMAX_CALLS=7",
    "MAX_CALLS=5\nMAX_CALLS=7",
    "VOICE_LIVE_GREETING=Hello there, how are you?",
    "VOICE_LIVE_GREETING=",
    'VOICE_LIVE_GREETING="two\\nlines and a \\"quote\\""',
    'VOICE_LIVE_GREETING="two\nlines, one = two"',
    "VOICE_LIVE_GREETING='no \\n escape, but it\\'s quoted'",
    "VOICE_LIVE_GREETING=Grüß Gott #1",
    "VOICE_LIVE_GREETING=a=b#c",
    'VOICE_LIVE_GREETING="back\\\\slash"',
    "VOICE_LIVE_GREETING= # none",
    "VOICE_LIVE_GREETING=#1",
    "export\tVOICE_LIVE_GREETING=Hello",
    'VOICE_LIVE_GREETING="it\\\'s a \\vtab"',
    'VOICE_LIVE_GREETING="spaces  \n  stay  "',
    'VOICE_LIVE_GREETING="Hello"# a comment',
    "VOICE_LIVE_INSTRUCTIONS='Say \"yes\"; $5 & `x` | *'",
]


@pytest.mark.parametrize("text", FILES)
def test_the_file_is_read_as_the_bot_reads_it(deployed: Cloud, text: str) -> None:
    (deployed.project / ".env").write_bytes(text.encode() + b"\n")
    expected = {
        name: value
        for name, value in dotenv_values(stream=StringIO(text.removeprefix("\ufeff"))).items()
        if value is not None
    }
    done = deployed.run("settings", "--yes")
    assert done.code == 0, done.text
    assert {name: deployed.state["settings"].get(name) for name in expected} == expected


def test_a_comment_in_place_of_a_secret_is_no_secret(deployed: Cloud) -> None:
    before = deployed.state["vault"]
    text = (
        f"TWILIO_ACCOUNT_SID={SID}\nTWILIO_AUTH_TOKEN= # from the Console\nPAGE_SECRET=  # opens the page, keep it\n"
    )
    (deployed.project / ".env").write_text(text)
    done = deployed.run("settings", "--yes")
    assert done.code == 0, done.text
    assert "secret" not in done.steps()
    assert deployed.state["vault"] == before


def test_more_behind_a_closing_quote_is_refused_as_the_bot_would_pass_over_it(deployed: Cloud) -> None:
    (deployed.project / ".env").write_text('MAX_CALLS=7\nCALLS_KEY="the key of"the calls\n')
    done = deployed.run("settings", "--yes")
    assert (done.code, done.steps()) == (2, [])
    assert "Line 2 of .env has more behind its closing quote" in done.err
    assert "the key of" not in done.text


def test_a_full_disk_is_told_with_what_is_half_done(deployed: Cloud) -> None:
    deployed.env_file({"TWILIO_AUTH_TOKEN": "7" * 300_000}, TWILIO_ACCOUNT_SID=SID)
    done = subprocess.run(  # noqa: S603 - our own script
        [deployed.programs / "bash", deployed.project / "azdeploy.sh", "settings", "--yes"],
        env=deployed.variables(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        restore_signals=False,  # Python has this error come as an answer, and not as a signal
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)),
    )
    assert done.returncode == 1
    assert "Secrets and settings that were written stay; the web app may not have all of them." in done.stderr
    assert "To go on: bash azdeploy.sh settings" in done.stderr
    assert "7" * 100 not in done.stdout + done.stderr
    assert list(deployed.temporary.iterdir()) == []
