"""What can go wrong with Voice Live, on request: so that a test can see what the bot makes of it."""

from __future__ import annotations

from dataclasses import dataclass

NOT_JSON = "{ this is not JSON"
NOT_AN_OBJECT = "[1, 2, 3]"
BINARY = b"\xff\xfe\x00rubbish"
WRONG_TYPES = '{"type": "response.audio.delta", "response_id": 5, "item_id": null, "delta": {"a": 1}}'
NOT_BASE64 = '{"type": "response.audio.delta", "response_id": "r", "item_id": "i", "delta": "~~~"}'
NO_TYPE = '{"event_id": "event_1"}'
UNKNOWN_EVENT = '{"type": "foundry_agent_call.happened", "event_id": "event_2", "anything": [1]}'


@dataclass(frozen=True, slots=True)
class Stall:
    """The audio of a reply stops for `seconds` once `after_ms` milliseconds of it were delivered."""

    after_ms: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Faults:
    """What an engine does wrong. The default does nothing wrong.

    `connections` limits everything here to the first so many connections (refused ones count), so that a later one
    succeeds; `times` limits what concerns answers to the first so many of a session. None: no limit.
    """

    connections: int | None = None
    times: int | None = None

    # The handshake
    refuse_status: int = 0
    """Answer the upgrade with this HTTP status: 401, 429, 503 …"""
    hang_handshake: bool = False
    """Take the TCP connection and the request, and never answer."""

    # The session
    no_session_created: bool = False
    """Upgrade, and never say `session.created`."""
    refuse_update: str = ""
    """Answer every `session.update` with an error of this code."""
    hang_after_update: bool = False
    """Say nothing at all from the first `session.update` on, not even `session.updated`."""
    lifetime: float | None = None
    """Seconds until `expires_at`; the engine closes the session then."""
    rubbish: tuple[str | bytes, ...] = ()
    """Frames to send as they are (the constants above), once, after `rubbish_after`."""
    rubbish_after: str = "session.updated"
    """The server event that the rubbish follows."""

    # The answers
    drop_after_deltas: int | None = None
    """Cut the TCP connection, without a closing frame, after so many `response.audio.delta`."""
    never_answer: bool = False
    """Hear the caller out, commit, and then neither transcribe nor respond."""
    stall: Stall | None = None
    """Stop in the middle of an answer's audio for a while."""
    fail_response: str = ""
    """Fail responses at once with this error code, such as `rate_limit_exceeded`."""

    def for_connection(self, number: int) -> Faults:
        """What goes wrong on connection `number`, counted from 1."""
        return self if self.connections is None or number <= self.connections else NO_FAULTS

    def hits(self, number: int) -> bool:
        """Whether the session's answer `number`, counted from 1, is one of those that go wrong."""
        return self.times is None or number <= self.times


NO_FAULTS = Faults()
