"""The process that speaks with espeak-ng: requests in on stdin, audio out on stdout.

espeak-ng is under the GPL, so it lives in a process of its own and nothing of the bot is linked with it. The library
comes from the `espeakng-loader` wheel. Run as `python -m bot.engine.espeak_process`; it ends when stdin closes.

A request is one line of JSON, `{"text": ..., "voice": ..., "rate": ..., "pitch": ...}`. An answer is a sequence of
chunks, each a 4-byte big-endian length and as many bytes of pcm (16-bit little-endian mono); length 0 ends the answer
and 0xFFFFFFFF says that it failed. The first four bytes ever written are the sampling rate.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable
from typing import BinaryIO

FAILED = 0xFFFFFFFF

# espeak-ng's speak_lib.h
_RETRIEVAL = 1  # AUDIO_OUTPUT_RETRIEVAL: audio goes to the callback
_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: espeak_Synth returns when it is done
_DONT_EXIT = 0x8000  # espeakINITIALIZE_DONT_EXIT: report missing data, do not exit()
_UTF8 = 1  # espeakCHARS_UTF8, without espeakSSML (0x10): markup is read as text
_POSITION_CHARACTER = 1
_RATE, _PITCH = 1, 3  # espeakRATE (words a minute), espeakPITCH (0 to 100)
_BUFFER_MS = 60  # how much audio one callback brings: the first one is the caller's wait

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Synthesizer:
    """espeak-ng, in this process. `write` gets pcm as it is made. Raises OSError where the library cannot be had."""

    def __init__(self, library: str, data: str, write: Callable[[bytes], None]) -> None:
        self._library = ctypes.CDLL(library)
        self._write = write
        self._callback = _Callback(self._take)  # kept: ctypes does not
        self.sampling_rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, data.encode(), _DONT_EXIT))
        if self.sampling_rate <= 0:
            raise OSError("espeak-ng does not start: its data is missing or of another version")
        self._library.espeak_SetSynthCallback(self._callback)

    def _take(self, samples: object, count: int, _events: object) -> int:
        if samples and count > 0:
            self._write(ctypes.string_at(samples, count * 2))  # type: ignore[arg-type]  # a pointer, by the prototype
        return 0

    def speak(self, text: str, voice: str, rate: int, pitch: int) -> bool:
        """Speak `text`; whether the voice was there and espeak-ng took it."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            return False
        self._library.espeak_SetParameter(_RATE, rate, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        data = text.replace("\0", " ").encode()
        status = self._library.espeak_Synth(data, len(data) + 1, 0, _POSITION_CHARACTER, 0, _UTF8, None, None)
        return bool(status == 0)


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    import espeakng_loader  # only this process ever loads it

    def write(pcm: bytes) -> None:
        answers.write(len(pcm).to_bytes(4, "big") + pcm)
        answers.flush()

    synthesizer = Synthesizer(espeakng_loader.get_library_path(), espeakng_loader.get_data_path(), write)
    answers.write(synthesizer.sampling_rate.to_bytes(4, "big"))
    answers.flush()
    for line in requests:
        request = json.loads(line)
        spoken = synthesizer.speak(request["text"], request["voice"], request["rate"], request["pitch"])
        answers.write((0 if spoken else FAILED).to_bytes(4, "big"))
        answers.flush()


def main() -> None:
    """Serve stdin and stdout. Nobody listening any more, or an interrupt meant for the parent, is a quiet end."""
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except (BrokenPipeError, KeyboardInterrupt):
        # Python would try to flush stdout once more and complain.
        sys.stderr.close()


if __name__ == "__main__":
    main()
