"""What the tests of phone manners share: a shop that may do everything, and a look at what came of it."""

from bot.call.commands import (
    AddToolOutput,
    CreateResponse,
)
from bot.call.events import (
    CallerSaid,
    SpeechStarted,
    SpeechStopped,
)
from bot.call.machine import Output
from bot.call.policy import DigitsWanted, Policy, Target
from bot.call.reports import Trouble
from tests.calls import Telephone

GOODBYE = Policy().phrases.goodbye
MOMENT = Policy().phrases.moment
STILL_THERE = Policy().phrases.still_there
TRANSFERRING = Policy().phrases.transferring
SHOP = Policy(
    targets={"sales": Target("+14255550100", seconds=25)},
    tool_digits={"check_pin": DigitsWanted(pause=1.5, length=4, secret=True)},
    approves={"shop": lambda tool: tool == "search"},
)


def outputs(out: list[Output]) -> list[AddToolOutput]:
    return [o for o in out if isinstance(o, AddToolOutput)]


def asked(out: list[Output]) -> list[CreateResponse]:
    return [o for o in out if isinstance(o, CreateResponse)]


def troubles(phone: Telephone) -> list[str]:
    return [trouble.code for trouble in phone.of(Trouble)]


def words(item: str, text: str) -> list[SpeechStarted | SpeechStopped | CallerSaid]:
    return [SpeechStarted(item), SpeechStopped(item), CallerSaid(item, text)]
