"""`voicebot twilio sip`, as a person runs it."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.twilio_console_stand_in import FALLBACK, STATUS, VOICE, ConsoleStandIn, console, wait_until
from webhooks.console.errors import ConsoleError
from webhooks.console.passwords import problem_of_password
from webhooks.console.sip import domain_name

NAME = "acme.sip.twilio.com"
ALICE = ("sip", "acme", "--user", "alice", "--generate-password")
FILE = Path(".voicebot") / f"sip-{NAME}-alice.txt"
CHOSEN = "IWasAtSignal2018"


@pytest.fixture
def twilio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ConsoleStandIn]:
    with console(monkeypatch, tmp_path) as stand_in:
        yield stand_in


def credentials(twilio: ConsoleStandIn) -> dict[str, str]:
    """Users and passwords that may register and call."""
    [domain], [several] = twilio.of("SIP/Domains"), twilio.of("SIP/CredentialLists")
    for kind in ("Calls", "Registrations"):
        mapped = twilio.of(f"SIP/Domains/{domain['sid']}/Auth/{kind}/CredentialListMappings")
        assert [one["sid"] for one in mapped] == [several["sid"]]
    users = twilio.of(f"SIP/CredentialLists/{several['sid']}/Credentials")
    return {user["username"]: user["password"] for user in users}


@pytest.mark.parametrize("given", ["acme", "ACME", "acme.sip.twilio.com", " acme "])
def test_a_domain_is_understood_short_and_whole(given: str) -> None:
    assert domain_name(given) == NAME


@pytest.mark.parametrize("given", ["", "a b", "acme.example.com", "-acme", "acme-", "a.b", "acmé", "x" * 64])
def test_what_is_no_domain_is_refused(given: str) -> None:
    with pytest.raises(ConsoleError, match="letters, digits and hyphens"):
        domain_name(given)


def test_a_domain_is_made_for_registration_and_for_calls(twilio: ConsoleStandIn) -> None:
    result = twilio.run(*ALICE)
    assert result.exit_code == 0
    [domain] = twilio.of("SIP/Domains")
    assert domain["domain_name"] == NAME
    assert (domain["voice_url"], domain["voice_fallback_url"]) == (VOICE, FALLBACK)
    assert (domain["voice_status_callback_url"], domain["voice_method"]) == (STATUS, "POST")
    assert (domain["sip_registration"], domain["secure"]) == (True, False)
    password = credentials(twilio)["alice"]
    assert problem_of_password(password) == ""
    assert FILE.read_text() == password + "\n"
    assert FILE.stat().st_mode & 0o777 == 0o600
    assert (FILE.parent / ".gitignore").read_text() == "*\n"
    assert password not in result.output


def test_nobody_gets_in_before_all_is_there(twilio: ConsoleStandIn) -> None:
    twilio.run(*ALICE)
    made = [request.path.rpartition("/")[2] for request in twilio.writes]
    assert made == [
        "CredentialLists",
        "Credentials",
        "Domains",
        "CredentialListMappings",
        "CredentialListMappings",
    ]


def test_again_changes_nothing(twilio: ConsoleStandIn) -> None:
    twilio.run(*ALICE)
    writes, kept = len(twilio.writes), FILE.read_text()
    assert twilio.run(*ALICE).exit_code == 0
    assert (len(twilio.writes), FILE.read_text()) == (writes, kept)


@pytest.mark.parametrize("end", ["CredentialLists", "Credentials", "Domains", "CredentialListMappings"])
def test_what_was_refused_in_the_middle_is_told_and_taken_up_again(twilio: ConsoleStandIn, end: str) -> None:
    twilio.fail["POST", end] = (429, 20429)
    result = twilio.run(*ALICE)
    assert result.exit_code == 1
    assert "Wait a minute" in result.stderr
    before = {
        "CredentialLists": "Nothing was changed.",
        "Credentials": f"Done before that: the credential list {NAME} was made.",
        "Domains": "the user alice was made.",
        "CredentialListMappings": f"the SIP Domain {NAME} was made.",
    }
    assert before[end] in result.stderr
    assert FILE.exists() is (end not in ("CredentialLists", "Credentials"))
    twilio.fail.clear()
    assert twilio.run(*ALICE).exit_code == 0
    assert credentials(twilio)["alice"] == FILE.read_text().strip()


def test_a_password_that_twilio_may_have_is_kept_and_used_again(twilio: ConsoleStandIn) -> None:
    twilio.fail["POST", "Credentials"] = (503, 503)
    result = twilio.run(*ALICE)
    assert "Perhaps done" in result.stderr
    kept = FILE.read_text()
    twilio.fail.clear()
    assert twilio.run(*ALICE).exit_code == 0
    assert credentials(twilio)["alice"] == FILE.read_text().strip() == kept.strip()


def test_ctrl_c_in_the_middle_says_what_there_is_and_the_same_again_finishes(twilio: ConsoleStandIn) -> None:
    twilio.wait["POST", "Domains"] = 2.0
    process = twilio.started(*ALICE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: any(request.path == "SIP/Domains" for request in twilio.writes))
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert said.startswith("Stopped. Done before that:")
    assert f"Perhaps done, as Twilio's answer was not seen: the SIP Domain {NAME} was made." in said
    assert "Traceback" not in said
    wait_until(lambda: twilio.of("SIP/Domains"))
    twilio.wait.clear()
    assert twilio.run(*ALICE).exit_code == 0
    assert credentials(twilio)["alice"] == FILE.read_text().strip()


def test_a_second_user_joins_the_list(twilio: ConsoleStandIn) -> None:
    twilio.run(*ALICE)
    twilio.run("sip", NAME, "--user", "bob", "--password-file", "bob.txt")
    assert set(credentials(twilio)) == {"alice", "bob"}
    assert credentials(twilio)["bob"] == Path("bob.txt").read_text().strip()


def test_a_new_password_replaces_the_old_one_and_overwrites_no_file(twilio: ConsoleStandIn) -> None:
    twilio.run(*ALICE)
    old = credentials(twilio)["alice"]
    refused = twilio.run(*ALICE, "--new-password")
    assert refused.exit_code == 1
    assert "is there already" in refused.stderr
    assert twilio.run(*ALICE, "--new-password", "--password-file", "new.txt").exit_code == 0
    assert credentials(twilio)["alice"] == Path("new.txt").read_text().strip() != old


def test_secure_is_an_option_and_stays_as_it_is_without_it(twilio: ConsoleStandIn) -> None:
    twilio.run(*ALICE, "--secure")
    [domain] = twilio.of("SIP/Domains")
    assert domain["secure"] is True
    twilio.run(*ALICE)
    assert domain["secure"] is True
    twilio.run(*ALICE, "--no-secure")
    assert domain["secure"] is False


def test_a_domain_of_the_account_that_points_elsewhere_is_left_so_until_replace(twilio: ConsoleStandIn) -> None:
    domain = twilio.domain(NAME, voice_url="https://old.example/v", auth_type="IP_ACL")
    refused = twilio.run(*ALICE)
    assert refused.exit_code == 1
    assert "points at: POST https://old.example/v" in refused.stderr
    assert twilio.writes == []
    assert not FILE.exists()
    replaced = twilio.run(*ALICE, "--replace")
    assert replaced.exit_code == 0
    assert (domain["voice_url"], domain["sip_registration"]) == (VOICE, True)
    assert "An IP access control list is mapped too" in replaced.stdout


def test_a_domain_of_somebody_else_is_told(twilio: ConsoleStandIn) -> None:
    twilio.fail["POST", "Domains"] = (400, 21232)
    assert "is taken, by you or by somebody else" in twilio.run(*ALICE).stderr


def test_a_dry_run_asks_for_nothing_and_writes_nothing_anywhere(twilio: ConsoleStandIn, tmp_path: Path) -> None:
    dry = twilio.run(*ALICE, "--dry-run")
    assert dry.exit_code == 0
    assert twilio.run("sip", "acme", "--user", "alice", "--dry-run").exit_code == 0
    assert twilio.writes == []
    assert list(tmp_path.iterdir()) == []
    real = twilio.run(*ALICE)
    assert dry.stdout.splitlines()[:-1] == real.stdout.splitlines()[:-1]


def test_without_a_terminal_nothing_is_asked(twilio: ConsoleStandIn) -> None:
    for arguments in (("sip", "acme"), ("sip", "acme", "--user", "alice")):
        result = twilio.run(*arguments)
        assert result.exit_code == 2
        assert "--generate-password" in result.stderr
    assert twilio.writes == []


def test_a_password_is_asked_for_without_an_echo_until_it_follows_the_rules(twilio: ConsoleStandIn) -> None:
    ours, theirs = pty.openpty()
    process = twilio.started(
        "sip", "acme", stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, close_fds=True
    )
    os.close(theirs)
    seen = b""

    def until(words: bytes) -> None:
        nonlocal seen
        start = len(seen)
        while words not in seen[start:]:
            assert select.select([ours], [], [], 20)[0], seen
            seen += os.read(ours, 4096)

    try:
        for question, answer in {
            b"SIP user: ": b"alice",
            b"password of alice: ": b"tooshort1",
            b"Repeat for confirmation: ": b"tooshort1",
        }.items():
            until(question)
            os.write(ours, answer + b"\n")
        until(b"at least 12 characters, a capital letter")
        for question in (b"password of alice: ", b"Repeat for confirmation: "):
            if question not in seen.rpartition(b"capital letter")[2]:
                until(question)
            os.write(ours, CHOSEN.encode() + b"\n")
        until(b"Done.")
    finally:
        if b"Done." not in seen:
            process.kill()
        process.wait(20)
        os.close(ours)
    assert process.returncode == 0
    assert credentials(twilio) == {"alice": CHOSEN}
    assert b"alice" in seen
    assert CHOSEN.encode() not in seen
    assert b"tooshort1" not in seen
    assert not FILE.exists()
