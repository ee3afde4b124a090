"""A caller to test with: it plays Twilio against a bot, over real sockets.

from bot.simulator import Network, listen, place_call

call = await place_call("http://127.0.0.1:8000", listen, network=Network.symmetric(delay=0.06, jitter=0.03))
"""

from bot.simulator.caller import place_call
from bot.simulator.line import Line
from bot.simulator.network import Network, Path, Stall
from bot.simulator.playout import PlayOut
from bot.simulator.result import Dialled, Interruption, Note, Outcome, PhoneCall, Turn
from bot.simulator.script import Pressed, Script, Spoken, Voice, conversation, listen
from bot.simulator.webhook import Parties

__all__ = [
    "Dialled",
    "Interruption",
    "Line",
    "Network",
    "Note",
    "Outcome",
    "Parties",
    "Path",
    "PhoneCall",
    "PlayOut",
    "Pressed",
    "Script",
    "Spoken",
    "Stall",
    "Turn",
    "Voice",
    "conversation",
    "listen",
    "place_call",
]
