"""The Azure side of a call: a Voice Live session, pinned, opened within a time limit, and never left behind."""

from bot.voicelive.connection import VoiceLive
from bot.voicelive.session import Session

__all__ = ["Session", "VoiceLive"]
