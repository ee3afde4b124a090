"""What is said where a package that the engine is made of is not installed."""

from __future__ import annotations

from bot.errors import EngineError


class PartMissing(EngineError):
    """Something cannot be done here for want of a package.

    what: such as `speak`; also: programs that would do in the package's place.
    """

    def __init__(self, what: str, also: str = "") -> None:
        super().__init__(
            f"nothing here can {what}: install `voicelive-phone[engine]`{also}; an image is built with it by "
            "`--build-arg ENGINE=1`"
        )
