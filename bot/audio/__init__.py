"""Between the telephone's sound (8 kHz μ-law) and the session's (24 kHz PCM16). Bytes in, bytes out; no I/O.

caller ──► mulaw.decode ──► Upsampler ──► session
caller ◄── mulaw.encode ◄── Downsampler ◄── session
"""

from bot.audio import mulaw
from bot.audio.resampler import Downsampler, Upsampler

__all__ = ["Downsampler", "Upsampler", "mulaw"]
