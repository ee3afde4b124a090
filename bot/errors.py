"""Every error that the bot raises on purpose.

VoicebotError
├── SettingsError        a setting is wrong or missing; names the variable and what it should be
├── LegError             the caller's side of a call
│   ├── LegClosed        the caller's side has gone: nothing more can be played
│   └── LegStalled       the caller's side takes no more data within its time limit
├── SwitchboardFull      there is no room for another call
├── SessionError         the Voice Live side of a call
│   ├── SessionRefused   the service answered, and the answer was no
│   ├── SessionTimeout   the service did not answer in time
│   └── SessionLost      an established session ended without being asked to
├── EngineError          the embedded engine cannot start or speak
└── SimulatorError       the simulated caller, or the load, could not place or hold a call
"""


class VoicebotError(Exception):
    """Base of every error that the bot raises on purpose."""


class SettingsError(VoicebotError):
    """A setting is wrong or missing. Each problem is one line that names the variable."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class LegError(VoicebotError):
    """The caller's side of a call failed."""


class LegClosed(LegError):
    """The caller's side has gone: nothing more can be played."""


class LegStalled(LegError):
    """The caller's side takes no more data within its time limit."""


class SwitchboardFull(VoicebotError):
    """There is no room for another call."""


class SessionError(VoicebotError):
    """The Voice Live side of a call failed."""


class SessionRefused(SessionError):
    """The service answered, and the answer was no."""


class SessionTimeout(SessionError):
    """The service did not answer in time."""


class SessionLost(SessionError):
    """An established session ended without being asked to."""


class EngineError(VoicebotError):
    """The embedded engine cannot start or speak."""


class SimulatorError(VoicebotError):
    """The simulated caller could not place or hold its call."""
