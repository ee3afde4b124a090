"""What Twilio is told to do with a caller, as documents, and every sentence that Twilio itself speaks.

Pure: facts in, TwiML out. No document ends in silence: each connects, dials, redirects, or speaks and hangs up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from twilio.twiml.voice_response import Connect, Dial, Stream, VoiceResponse

from bot.call.events import CallerFacts
from webhooks.addresses import Addresses

# Name and value of a <Parameter> together: "must be under 500 characters".
# https://www.twilio.com/docs/voice/twiml/stream#custom-parameters
LONGEST_PARAMETER = 499
MOST_PARAMETERS = 20

_NUMBER = re.compile(r"\+\d{6,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sentences:
    """What callers hear when the assistant itself cannot speak."""

    language: str = "en-US"
    busy: str = "All our lines are busy at the moment. Please call again in a few minutes. Goodbye."
    closing: str = "We are about to restart our telephone system. Please call again in a few minutes. Goodbye."
    limit: str = "This call has reached its longest duration. Please call again if there is more. Goodbye."
    sorry: str = "I am sorry, something went wrong on our side. Please call again in a few minutes. Goodbye."
    dialling: str = "I am sorry, I cannot help you at the moment. Please hold the line, I am connecting you."
    nobody: str = "I am sorry, nobody could take your call. Please try again later. Goodbye."
    again: str = "I am sorry, we were cut off. One moment please."
    transfer: str = "One moment please, I am connecting you."
    back: str = "I am sorry, nobody answered. I am connecting you with the assistant again."


class Documents:
    """Writes the documents of one application.

    addresses: the addresses given to Twilio; fallback_number: a number or SIP address, empty where there is none.
    """

    def __init__(
        self, addresses: Addresses, fallback_number: str, sentences: Sentences, *, caller_id: str = ""
    ) -> None:
        self._addresses = addresses
        self._fallback_number = fallback_number
        self._sentences = sentences
        self._caller_id = caller_id

    def connect(self, facts: CallerFacts, token: str, *, again: bool = False, back: bool = False) -> str:
        """Open the media stream.

        again: after a stream that broke, with a word on it, and for the last time. back: after a transfer that
        nobody took, with a word on that.
        """
        document = VoiceResponse()
        if again or back:
            self._say(document, self._sentences.again if again else self._sentences.back)
        connect = Connect(action=self._addresses.web("/voice/after" + "?again=1" * again), method="POST")
        stream = Stream(
            url=self._addresses.socket("/media"),
            status_callback=self._addresses.web("/voice/stream-status"),
            status_callback_method="POST",
        )
        named = {"token": token, "caller": facts.caller, "called": facts.called}
        for name, value in list((facts.parameters | named).items())[-MOST_PARAMETERS:]:
            if value and len(name) < LONGEST_PARAMETER:
                stream.parameter(name=name, value=value[: LONGEST_PARAMETER - len(name)])
        connect.append(stream)
        document.append(connect)
        return str(document)

    def transfer(self, facts: CallerFacts, to: str) -> str:
        """Somebody else takes over. to: a number or SIP address."""
        return self._dial(self._sentences.transfer, facts, to, after="/voice/after?transfer=1")

    def dial(self, facts: CallerFacts, to: str) -> str:
        """The softphone calls a number or SIP address."""
        return self._dial("", facts, to, after="/voice/after")

    def busy(self, facts: CallerFacts) -> str:
        """No room: the fallback number or a sentence."""
        return self._dial_or(self._sentences.busy, facts)

    def sorry(self, facts: CallerFacts) -> str:
        """The assistant failed for good: the fallback number or an apology."""
        return self._dial_or(self._sentences.sorry, facts)

    def nobody(self) -> str:
        """The fallback number did not answer either."""
        return self._last_words(self._sentences.nobody)

    def limit(self) -> str:
        """The longest call is over."""
        return self._last_words(self._sentences.limit)

    def closing(self, redirect: str) -> str:
        """The house closes: to the other instance at `redirect`, or, where that is empty, a sentence."""
        if not redirect:
            return self._last_words(self._sentences.closing)
        document = VoiceResponse()
        document.redirect(redirect + "/voice", method="POST")
        return str(document)

    def hang_up(self) -> str:
        """Everything was said."""
        document = VoiceResponse()
        document.hangup()
        return str(document)

    def nothing(self) -> str:
        """Nobody is on the line any more."""
        return str(VoiceResponse())

    def _dial_or(self, sentence: str, facts: CallerFacts) -> str:
        if not self._fallback_number:
            return self._last_words(sentence)
        return self._dial(self._sentences.dialling, facts, self._fallback_number, after="/voice/after")

    def _dial(self, sentence: str, facts: CallerFacts, to: str, *, after: str) -> str:
        document = VoiceResponse()
        if sentence:
            self._say(document, sentence)
        shown = self._shown(facts)
        dial = Dial(action=self._addresses.web(after), method="POST", **({"caller_id": shown} if shown else {}))
        if to.startswith(("sip:", "sips:")):
            dial.sip(to)
        else:
            dial.number(to)
        document.append(dial)
        return str(document)

    def _shown(self, facts: CallerFacts) -> str:
        """The number to show whom we dial; empty for the caller's own, which Twilio shows by itself."""
        if _NUMBER.fullmatch(facts.caller):
            return ""
        if self._caller_id or facts.caller.startswith("client:"):
            return self._caller_id  # what a browser says it called is its own invention
        # A call from SIP has no number of its own to show; the one that was called is ours.
        return facts.called if _NUMBER.fullmatch(facts.called) else ""

    def _last_words(self, sentence: str) -> str:
        document = VoiceResponse()
        self._say(document, sentence)
        document.hangup()
        return str(document)

    def _say(self, document: VoiceResponse, sentence: str) -> None:
        document.say(sentence, language=self._sentences.language)
