"""What callers hear in moments in which the model does not find the words."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

from pydantic import ConfigDict

from bot.persona.checks import LanguageTag, Sentence

ENGLISH = "en-US"


@dataclass(frozen=True, slots=True)
class Sentences:
    """Every fixed sentence of a call, in one language.

    language: of all of them, as a tag such as `de-DE`. The telephone network itself speaks the first group, the
    assistant's voice the second.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    language: LanguageTag = ENGLISH

    busy: Sentence = "All our lines are busy at the moment. Please call again in a few minutes. Goodbye."
    closing: Sentence = "We are about to restart our telephone system. Please call again in a few minutes. Goodbye."
    limit: Sentence = "This call has reached its longest duration. Please call again if there is more. Goodbye."
    sorry: Sentence = "I am sorry, something went wrong on our side. Please call again in a few minutes. Goodbye."
    dialling: Sentence = "I am sorry, I cannot help you at the moment. Please hold the line, I am connecting you."
    nobody: Sentence = "I am sorry, nobody could take your call. Please try again later. Goodbye."
    again: Sentence = "I am sorry, we were cut off. One moment please."
    transfer: Sentence = "One moment please, I am connecting you."
    back: Sentence = "I am sorry, nobody answered. I am connecting you with the assistant again."

    reconnected: Sentence = "Sorry, the line dropped for a moment."
    blocked: Sentence = "I'm sorry, I can't help with that. Is there anything else?"
    moment: Sentence = "One moment, please."
    still_there: Sentence = "Are you still there?"
    goodbye: Sentence = "Thank you for calling. Goodbye."
    transferring: Sentence = "I am connecting you now. One moment, please."


WORDED = tuple(field.name for field in fields(Sentences) if field.name != "language")


def is_english(language: str) -> bool:
    """Whether the sentences as they stand here are in this language."""
    return language.partition("-")[0].lower() == "en"
