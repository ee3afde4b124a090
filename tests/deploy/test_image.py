"""The image alone, waiting until the bot answers, status and log."""

from __future__ import annotations

from tests.deploy import texts
from tests.deploy.harness import Cloud

STARTING = ["503", '{"status":"starting"}']
READY = ["200", '{"status":"ready"}']
PLACEHOLDER = ["200", "<html>Your app service is up and running</html>"]
NOBODY = ["000", ""]


def test_the_image_alone_is_built_and_run(deployed: Cloud) -> None:
    done = deployed.run("image", "--yes")
    assert done.code == 0, done.text
    assert done.steps() == ["build", "image", "restart"]
    assert deployed.state["runs"].endswith(deployed.state["images"][-1])
    assert not any("keyvault" in line or "appsettings" in line for line in done.lines("az"))


def test_the_image_is_remembered_for_the_template(deployed: Cloud) -> None:
    deployed.run("image", "--yes")
    [values] = deployed.state["environments"].values()
    assert f"DOCKER|{values['BOT_IMAGE']}" == deployed.state["runs"]


def test_it_waits_until_the_bot_says_ready_three_times_in_a_row(deployed: Cloud) -> None:
    """One answer may still be the former container's."""
    deployed.set(ready=[READY, STARTING, NOBODY, PLACEHOLDER, READY, READY, READY])
    done = deployed.run("image", "--yes")
    assert done.code == 0, done.text
    assert len(done.lines("curl")) == 7


def test_a_bot_that_never_gets_ready_is_a_failure_with_the_end_of_the_log(deployed: Cloud) -> None:
    deployed.set(ready=[STARTING], log="and a second line\n")
    done = deployed.run("image", "--yes")
    assert done.code == 1
    assert len(done.lines("curl")) == 60
    assert "voicebot: TWILIO_AUTH_TOKEN is wrong" in done.out
    assert "and a second line" in done.out
    assert "the bot does not answer https://app-abc123.azurewebsites.net/ready with 200 (last: 503)" in done.err
    assert "bash azdeploy.sh logs" in done.err


def test_a_secret_in_the_log_is_masked(deployed: Cloud) -> None:
    secret = deployed.secrets[0]
    deployed.set(ready=[STARTING], log=f"somebody logs {secret}\n")
    assert "somebody logs ***" in deployed.run("image", "--yes").out


def test_no_log_is_left_running(deployed: Cloud) -> None:
    deployed.set(ready=[STARTING])
    done = deployed.run("image", "--yes")
    assert done.code == 1
    # The run has ended although the stand-in's log goes on for a minute: it was stopped with its whole group.
    assert (deployed.home / "tailing").exists()


def test_status_says_what_runs_and_whether_it_takes_calls(deployed: Cloud) -> None:
    done = deployed.run("status")
    assert done.code == 0, done.text
    assert "app-abc123: Running Normal" in done.out
    assert "crabc123.azurecr.io/voicebot:" in done.out
    assert "takes calls" in done.out
    assert "TWILIO_AUTH_TOKEN Resolved" in done.out
    assert "Webhook:  https://app-abc123.azurewebsites.net/voice#rc=2&rp=all" in done.out


def test_status_says_when_it_does_not(deployed: Cloud) -> None:
    deployed.set(ready=[STARTING], unresolved=1)
    done = deployed.run("status")
    assert "does not take calls (503" in done.out
    assert "TWILIO_AUTH_TOKEN AccessToKeyVaultDenied" in done.out


def test_status_with_an_expired_login_is_a_sentence(deployed: Cloud) -> None:
    deployed.rule("^az webapp show", texts.EXPIRED_70043)
    done = deployed.run("status")
    assert done.code == 1
    assert "The sign-in has expired" in done.err


def test_the_log_is_followed_until_somebody_stops_it(deployed: Cloud) -> None:
    deployed.rule("^az webapp log tail", hang=True)
    done = deployed.interrupt("logs")
    assert done.code == 130
    assert done.steps() == []


def test_a_plan_of_the_image_or_the_settings_changes_nothing(deployed: Cloud) -> None:
    for command in ("image", "settings"):
        done = deployed.run(command, "--dry-run")
        assert done.code == 0, done.text
        assert done.steps() == []
        assert "app-abc123" in done.out
