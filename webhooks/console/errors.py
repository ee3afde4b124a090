"""What goes wrong with `voicebot twilio`, in words."""

from __future__ import annotations


class ConsoleError(Exception):
    """A command could not do what was wanted. str(): a sentence what is wrong and one what to do; no secret in it.

    code: Twilio's error code, 0 for none; missing: Twilio knows no such thing; refused: Twilio takes no such
    credentials; unsure: what was asked may have been done all the same; exit_code: 2 where the command line or a
    setting is wrong, else 1.
    """

    def __init__(
        self,
        sentences: str,
        *,
        code: int = 0,
        missing: bool = False,
        refused: bool = False,
        unsure: bool = False,
        exit_code: int = 1,
    ) -> None:
        self.code = code
        self.missing = missing
        self.refused = refused
        self.unsure = unsure
        self.exit_code = exit_code
        super().__init__(sentences)
