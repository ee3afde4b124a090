"""What Twilio is told to do with a caller, as documents, and every sentence that Twilio itself speaks.

Pure: facts in, TwiML out. No document ends in silence: each connects, dials, redirects, or speaks and hangs up.
"""

from __future__ import annotations

import re

from twilio.twiml.voice_response import Connect, Dial, Stream, VoiceResponse

from bot.call.commands import Farewell
from bot.call.events import CallerFacts
from bot.persona import Sentences
from webhooks.addresses import Addresses
from webhooks.carried import Carried

# Name and value of a <Parameter> together: "must be under 500 characters".
# https://www.twilio.com/docs/voice/twiml/stream#custom-parameters
LONGEST_PARAMETER = 499
MOST_PARAMETERS = 20

_NUMBER = re.compile(r"\+\d{6,15}", re.ASCII)


class Documents:
    """Writes the documents of one application.

    addresses: the addresses given to Twilio; fallback_number: a number or SIP address, empty where there is none;
    carried: what a call that the bot placed carries with it.
    """

    def __init__(
        self,
        addresses: Addresses,
        fallback_number: str,
        sentences: Sentences,
        *,
        caller_id: str = "",
        carried: Carried | None = None,
    ) -> None:
        self._addresses = addresses
        self._fallback_number = fallback_number
        self._sentences = sentences
        self._caller_id = caller_id
        self._carried = (carried or Carried()).query

    def connect(
        self, facts: CallerFacts, token: str, *, again: bool = False, back: bool = False, digits: str = ""
    ) -> str:
        """Open the media stream.

        again: after a stream that broke, with a word on it, and for the last time. back: after a transfer that
        nobody took, with a word on that. digits: keys to press before.
        """
        document = VoiceResponse()
        if again or back:
            self._say(document, self._sentences.again if again else self._sentences.back)
        if digits:
            document.play(digits=digits)
        connect = Connect(action=self._after("again=1" if again else ""), method="POST")
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

    def transfer(self, facts: CallerFacts, farewell: Farewell) -> str:
        """Somebody else takes over, after hearing what the call is about where there is a summary."""
        whisper = self._addresses.web(f"/voice/whisper?call={facts.call_id}") if farewell.summary else ""
        return self._dial(
            farewell.words,
            facts,
            farewell.transfer_to,
            transfer=True,
            seconds=farewell.seconds,
            whisper=whisper,
        )

    def whisper(self, summary: str) -> str:
        """What whoever takes a transfer hears before the caller is put through."""
        document = VoiceResponse()
        if summary:
            self._say(document, summary)
        return str(document)

    def dial(self, facts: CallerFacts, to: str) -> str:
        """The softphone calls a number or SIP address."""
        return self._dial("", facts, to)

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
        document.redirect(redirect + (f"/voice/out?{self._carried}" if self._carried else "/voice"), method="POST")
        return str(document)

    def hang_up(self, words: str = "") -> str:
        """Everything was said but `words`, which the assistant could not say itself."""
        document = VoiceResponse()
        if words:
            self._say(document, words)
        document.hangup()
        return str(document)

    def nothing(self) -> str:
        """Nobody is on the line any more."""
        return str(VoiceResponse())

    def _dial_or(self, sentence: str, facts: CallerFacts) -> str:
        if not self._fallback_number:
            return self._last_words(sentence)
        return self._dial(self._sentences.dialling, facts, self._fallback_number)

    def _dial(
        self,
        sentence: str,
        facts: CallerFacts,
        to: str,
        *,
        transfer: bool = False,
        seconds: int = 0,
        whisper: str = "",
    ) -> str:
        document = VoiceResponse()
        if sentence:
            self._say(document, sentence)
        shown = self._shown(facts)
        options = ({"caller_id": shown} if shown else {}) | ({"timeout": seconds} if seconds else {})
        dial = Dial(action=self._after("transfer=1" if transfer else ""), method="POST", **options)
        first = {"url": whisper, "method": "POST"} if whisper else {}
        if to.startswith(("sip:", "sips:")):
            dial.sip(to, **first)
        elif to.startswith("client:"):
            dial.client(to.removeprefix("client:"), **first)
        else:
            dial.number(to, **first)
        document.append(dial)
        return str(document)

    def _after(self, why: str) -> str:
        """The address of the safety net. why: what it is to know, as a query."""
        query = "&".join(part for part in (why, self._carried) if part)
        return self._addresses.web("/voice/after" + (f"?{query}" if query else ""))

    def _shown(self, facts: CallerFacts) -> str:
        """The number to show whom we dial; empty for the caller's own, which Twilio shows by itself."""
        if _NUMBER.fullmatch(facts.caller) and facts.caller != self._caller_id:
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
