"""What is called: a bot's webhook, or a stream without one; and how many calls it may be.

Only this machine is called unless that is asked for, since every call elsewhere costs somebody money.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bot.errors import SimulatorError
from bot.loopback import is_loopback
from bot.simulator.twiml import LONGEST_PARAMETER

MOST_AT_ONCE = 2000
MOST_IN_ALL = 10_000
MOST_AT_ONCE_REMOTE = 50
LONGEST_RUN = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class Target:
    """Where the calls go.

    url: the webhook, `/voice` where it has no path; or stream: a WebSocket, which is given `parameters`. auth_token:
    signs what is sent, where there is one; public_url: the address that is signed, if it is another.
    """

    url: str = ""
    stream: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    auth_token: str = ""
    public_url: str = ""
    account_sid: str = "AC" + "0" * 32
    allow_remote: bool = False

    def check(self) -> None:
        """Raises SimulatorError with one sentence where nobody could be called there."""
        if bool(self.url) == bool(self.stream):
            raise SimulatorError("give either --url, the bot's webhook, or --stream, a Media Streams socket")
        if self.parameters and not self.stream:
            raise SimulatorError("--parameter goes with --stream; with --url the bot's TwiML has the parameters")
        for name, value in self.parameters.items():
            if len(name) + len(value) >= LONGEST_PARAMETER:
                raise SimulatorError(f"--parameter {name} should have fewer than 500 characters with its value")
        schemes, example = (
            (("ws", "wss"), "ws://127.0.0.1:8000/media")
            if self.stream
            else (("http", "https"), "http://127.0.0.1:8000")
        )
        try:
            parts = urlsplit(self.stream or self.url)
            good = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good:
            raise SimulatorError(f"{self.stream or self.url} should be an address such as {example}")
        if self.remote and not self.allow_remote:
            raise SimulatorError(
                f"{self.host} is not this machine, and every call there costs somebody money; allow it with "
                f"--allow-remote"
            )

    @property
    def host(self) -> str:
        """Who is called."""
        return urlsplit(self.stream or self.url).hostname or ""

    @property
    def remote(self) -> bool:
        """Whether that is another machine."""
        return not is_loopback(self.host)

    @property
    def base(self) -> str:
        """The webhook's address without its path."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def entrance(self) -> str:
        """The webhook's path, with its query."""
        parts = urlsplit(self.url)
        path = parts.path if parts.path not in ("", "/") else "/voice"
        return f"{path}?{parts.query}" if parts.query else path


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. Seconds: all of it, the ramp included.

    calls: at once; most: calls in all, where a script ends and the caller phones again. script: its file, empty for
    the default. levels: keep how loud everything is, because the model's side is ours.
    """

    target: Target
    calls: int = 1
    ramp: float = 0.0
    seconds: float = 30.0
    processes: int = 1
    most: int = MOST_IN_ALL
    script: str = ""
    levels: bool = False

    def check(self) -> None:
        """Raises SimulatorError with one sentence for what cannot be meant."""
        self.target.check()
        if self.calls > (limit := MOST_AT_ONCE_REMOTE if self.target.remote else MOST_AT_ONCE):
            raise SimulatorError(f"--calls should be at most {limit} at {self.target.host}")
        if not 0 < self.seconds <= LONGEST_RUN:  # as for "nan", which no range of options refuses
            raise SimulatorError(f"--seconds should be at most {LONGEST_RUN:g}")
        if not 0 <= self.ramp < self.seconds:
            raise SimulatorError(
                f"--ramp should be shorter than --seconds, which is {self.seconds:g} for the whole run"
            )
        if self.processes > self.calls:
            raise SimulatorError("--processes should be no more than --calls")
        if self.most < self.calls:
            raise SimulatorError("--most should be no less than --calls")
