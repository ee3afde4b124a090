"""The first words in a session."""

from __future__ import annotations

from dataclasses import dataclass

from bot.call.commands import CreateResponse, Turn
from bot.call.conversation import Conversation, LastWord
from bot.call.policy import ASK_TO_REPEAT, CONTINUE, GREET, Policy
from bot.call.response import ResponseDesk


@dataclass(frozen=True, slots=True)
class Returning:
    """A caller who comes back to the same conversation. instructions: for the first words; empty: wait for theirs."""

    history: tuple[Turn, ...] = ()
    instructions: str = ""


def first_words(
    policy: Policy,
    conversation: Conversation,
    desk: ResponseDesk,
    *,
    broken_off: bool,
    returning: Returning | None = None,
) -> list[CreateResponse]:
    """A greeting; or, in a session that replaces another, a word of excuse and then what was left open.

    broken_off: the old session was lost in the middle of a reply. returning: the caller was away meanwhile.
    """
    if returning is not None:  # the first session of a call that goes on
        return desk.ask(CreateResponse(instructions=returning.instructions)) if returning.instructions else []
    if not conversation.history():
        say = policy.greeting
        return desk.ask(CreateResponse(say=say) if say else CreateResponse(instructions=GREET))
    out = desk.ask(CreateResponse(say=policy.phrases.reconnected))
    match conversation.last_word():
        case LastWord.CALLER:
            desk.plan(CreateResponse())
        case LastWord.CALLER_UNHEARD:
            desk.plan(CreateResponse(instructions=ASK_TO_REPEAT))
        case _ if broken_off:
            desk.plan(CreateResponse(instructions=CONTINUE))
    return out
