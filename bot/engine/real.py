"""The engine's real parts: silero's and pocketsphinx's ears, flite's or espeak-ng's voice, a script or a chat."""

from __future__ import annotations

import aiohttp

from bot.engine.chat import ChatMind
from bot.engine.detector import best_detector
from bot.engine.parts import Detector, Listener, Mind, Speaker
from bot.engine.receptionist import Receptionist
from bot.engine.recognizer import Ears
from bot.engine.speech import Voices
from bot.settings import Settings


class RealParts:
    """`Parts` for people. Make it with `open_parts`, and `close` it."""

    def __init__(self, settings: Settings, ears: Ears, voices: Voices) -> None:
        self._settings = settings
        self._ears = ears
        self._voices = voices
        self._new_detector = best_detector()
        self._http = aiohttp.ClientSession() if settings.chat_endpoint else None

    @property
    def speaker(self) -> Speaker:
        """The engine's voice."""
        return self._voices

    def detector(self) -> Detector:
        """A new session's detector."""
        return self._new_detector()

    def listener(self) -> Listener:
        """A new session's listener."""
        return self._ears.listener()

    def mind(self) -> Mind:
        """A new session's mind."""
        if self._http is None:
            return Receptionist()
        settings = self._settings
        key = settings.chat_api_key.get_secret_value()
        return ChatMind(self._http, settings.chat_endpoint, key, settings.chat_model)

    def tool_server(self, label: str, url: str) -> None:
        """None: this engine calls nobody on the network, and says so to whoever names a server."""

    async def close(self) -> None:
        """End threads, child processes and the HTTP session. Twice is fine."""
        if self._http is not None:
            await self._http.close()
        await self._voices.close()
        await self._ears.close()


async def open_parts(settings: Settings) -> RealParts:
    """Load the models and start the voice, two seconds' work, ahead of the first call.

    Raises EngineError where a package is missing; nothing is left running then.
    """
    ears = Ears(dictation=2 if settings.chat_endpoint else 0)
    try:
        voices = Voices()
        try:
            await voices.start()
            await ears.start()
            return RealParts(settings, ears, voices)
        except BaseException:
            await voices.close()
            raise
    except BaseException:
        await ears.close()
        raise
