"""The first words in a session."""

from __future__ import annotations

from bot.call.commands import CreateResponse
from bot.call.conversation import Conversation, LastWord
from bot.call.policy import ASK_TO_REPEAT, CONTINUE, GREET, Policy
from bot.call.response import ResponseDesk


def first_words(
    policy: Policy, conversation: Conversation, desk: ResponseDesk, *, broken_off: bool
) -> list[CreateResponse]:
    """A greeting; or, in a session that replaces another, a word of excuse and then what was left open.

    broken_off: the old session was lost in the middle of a reply.
    """
    if not conversation.history():
        say = policy.greeting
        return desk.ask(CreateResponse(say=say) if say else CreateResponse(instructions=GREET))
    out = desk.ask(CreateResponse(say=policy.reconnected))
    match conversation.last_word():
        case LastWord.CALLER:
            desk.plan(CreateResponse())
        case LastWord.CALLER_UNHEARD:
            desk.plan(CreateResponse(instructions=ASK_TO_REPEAT))
        case _ if broken_off:
            desk.plan(CreateResponse(instructions=CONTINUE))
    return out
