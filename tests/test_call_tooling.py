from bot.call.commands import AddText, AddToolOutput, AnswerApproval, RunTool, Turn
from bot.call.conversation import Conversation
from bot.call.events import ApprovalAsked, ServerToolEnded, ToolCalled, ToolFinished
from bot.call.policy import Policy
from bot.call.reports import ToolUsed, Trouble
from bot.call.tooling import ToolDesk


class Desk(ToolDesk):
    """A tool desk whose conversation can be looked at."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.conversation = Conversation()
        super().__init__(policy or Policy(), self.conversation)

    def works(self) -> bool:
        return self.working

    def speaks(self) -> bool:
        return self.to_be_spoken_of

    def begins(self, *names: str) -> None:
        for name in names:
            self.called(call := ToolCalled("r", name, name, "{}"))
            self.run(call, None, 0.0, listening=True)


def test_a_function_is_run_with_what_the_model_wrote_and_answered() -> None:
    desk = Desk()
    call = ToolCalled("r", "c1", "weather", '{"city": "Rome"}')
    desk.called(call)
    assert desk.run(call, None, 0.0, listening=True) == [RunTool("c1", "weather", '{"city": "Rome"}')]
    assert desk.works()
    assert not desk.speaks()
    assert desk.finished(ToolFinished("c1", "sunny"), listening=True) == [
        ToolUsed("weather", "ok"),
        AddToolOutput("c1", "sunny"),
    ]
    assert not desk.works()
    assert desk.speaks()


def test_an_answer_is_given_once() -> None:
    desk = Desk()
    desk.begins("a")
    desk.finished(ToolFinished("a", "1"), listening=True)
    assert desk.finished(ToolFinished("a", "1"), listening=True) == []
    assert desk.finished(ToolFinished("nobody asked", "1"), listening=True) == []


def test_a_call_that_is_reported_twice_is_known() -> None:
    desk = Desk()
    desk.begins("a")
    desk.finished(ToolFinished("a", "1"), listening=True)
    assert desk.knows(ToolCalled("r", "a", "a", "{}"))


def test_all_are_answered_before_the_model_speaks() -> None:
    desk = Desk()
    desk.begins("a", "b")
    desk.finished(ToolFinished("a", "1"), listening=True)
    assert not desk.speaks()
    desk.finished(ToolFinished("b", "2"), listening=True)
    assert desk.speaks()
    desk.response_began()
    assert not desk.speaks()


def test_what_answers_while_the_model_speaks_is_spoken_of_next() -> None:
    desk = Desk()
    desk.begins("a")
    desk.response_began()
    desk.finished(ToolFinished("a", "1"), listening=True)
    assert desk.speaks()


def test_what_the_caller_spoke_over_is_answered_and_not_spoken_of() -> None:
    desk = Desk()
    call = ToolCalled("r", "c1", "end_call", "{}")
    desk.called(call)
    [_, given] = desk.overtaken(call, listening=True)
    assert isinstance(given, AddToolOutput)
    assert "the caller spoke" in given.output
    assert not desk.speaks()


def test_more_functions_at_once_than_anybody_needs_are_refused() -> None:
    desk = Desk()
    desk.begins(*(f"f{n}" for n in range(16)))
    call = ToolCalled("r", "c", "f", "{}")
    desk.called(call)
    assert any(isinstance(o, AddToolOutput) for o in desk.run(call, None, 0.0, listening=True))


def test_what_answers_after_its_session_is_lost_is_a_line_for_the_next() -> None:
    desk = Desk()
    desk.begins("a")
    desk.session_lost()
    assert desk.finished(ToolFinished("a", "booked"), listening=True) == [
        ToolUsed("a", "ok"),
        AddText("(a has answered: booked)"),
    ]
    assert desk.conversation.history() == (Turn("user", "(a has answered: booked)"),)
    assert desk.session_opened() == []


def test_what_answers_while_no_session_listens_is_told_to_the_next_once() -> None:
    desk = Desk()
    desk.begins("a")
    desk.session_lost()
    assert desk.finished(ToolFinished("a", "booked"), listening=False) == [ToolUsed("a", "ok")]
    assert desk.session_opened() == [AddText("(a has answered: booked)")]
    assert desk.session_opened() == []


def test_what_is_in_the_history_of_the_next_session_is_not_told_again() -> None:
    desk = Desk()
    desk.begins("a")
    desk.session_lost()
    desk.finished(ToolFinished("a", "booked"), listening=False)
    desk.session_lost()  # and the next is opened with a history that has it
    assert desk.session_opened() == []
    assert len(desk.conversation.history()) == 1


def test_what_the_lost_session_knew_and_had_not_said_is_kept() -> None:
    desk = Desk()
    desk.begins("a", "b")
    desk.finished(ToolFinished("a", "1"), listening=True)
    desk.response_began()
    desk.finished(ToolFinished("b", "2"), listening=True)
    desk.session_lost()
    assert [turn.text for turn in desk.conversation.history()] == ["(a has answered: 1)", "(b has answered: 2)"]


def test_what_was_said_need_not_be_kept() -> None:
    desk = Desk()
    desk.begins("a")
    desk.finished(ToolFinished("a", "1"), listening=True)
    desk.response_began()
    desk.response_heard()
    desk.session_lost()
    assert desk.conversation.history() == ()


# --- one moment


def test_a_caller_who_waits_is_told_so_after_a_time_and_again_before_the_silence_is_long() -> None:
    desk = Desk(Policy(moment_after=2.0, longest_silence=6.0))
    assert not desk.moment_due(99.0, 99.0), "nothing is run"
    desk.begins("a")
    assert not desk.moment_due(1.9, 1.9)
    assert desk.moment_due(2.0, 2.0)
    assert not desk.moment_due(3.5, 3.5)
    assert desk.moment_due(3.6, 3.6)


def test_the_time_counts_from_the_beginning_of_the_function_unless_the_silence_is_long() -> None:
    desk = Desk(Policy(moment_after=2.0, longest_silence=6.0))
    call = ToolCalled("r", "a", "a", "{}")
    desk.called(call)
    desk.run(call, None, 1.5, listening=True)
    assert not desk.moment_due(quiet=2.0, now=2.0)
    assert not desk.moment_due(quiet=1.0, now=3.5)
    assert desk.moment_due(quiet=3.6, now=1.6)


def test_who_asked_for_longer_than_the_longest_silence_does_not_get_it() -> None:
    desk = Desk(Policy(moment_after=60.0, longest_silence=6.0))
    desk.begins("a")
    assert desk.moment_due(3.6, 3.6)


def test_without_a_time_nobody_is_told() -> None:
    desk = Desk(Policy(moment_after=0.0))
    desk.begins("a")
    assert not desk.moment_due(60.0, 60.0)
    assert not desk.long_silent(60.0)


def test_what_waits_for_the_caller_is_nothing_to_wait_for() -> None:
    desk = Desk()
    desk.called(ToolCalled("r", "c", "check_pin", "{}"))
    assert not desk.moment_due(60.0, 60.0)


# --- MCP servers


def test_an_approval_is_answered_by_the_persona_and_fails_closed() -> None:
    desk = Desk(Policy(approves={"shop": lambda tool: tool == "search", "none": lambda tool: False}))
    assert desk.approval(ApprovalAsked("r", "q1", "shop", "search"), 0.0) == [AnswerApproval("q1", approve=True)]
    for server, tool in [("shop", "delete_everything"), ("none", "search"), ("stranger", "search"), ("", "")]:
        [trouble, answer] = desk.approval(ApprovalAsked("r", "q2", server, tool), 0.0)
        assert answer == AnswerApproval("q2", approve=False)
        assert isinstance(trouble, Trouble)


def test_what_the_service_runs_is_waited_for_and_spoken_of() -> None:
    desk = Desk(Policy(approves={"shop": lambda tool: True}))
    desk.approval(ApprovalAsked("r", "q1", "shop", "search"), 0.0)
    desk.response_began()
    assert desk.works()
    assert desk.moment_due(2.0, 2.0)
    assert not desk.speaks()
    assert desk.server_tool_ended(ServerToolEnded("i", failed=True)) == [ToolUsed("mcp", "error")]
    assert desk.speaks()


def test_what_was_not_approved_is_spoken_of() -> None:
    desk = Desk()
    desk.approval(ApprovalAsked("r", "q1", "shop", "search"), 0.0)
    assert desk.speaks()


def test_a_server_that_never_answers_is_given_up() -> None:
    desk = Desk(Policy(approves={"shop": lambda tool: True}))
    desk.approval(ApprovalAsked("r", "q1", "shop", "search"), 0.0)
    assert desk.give_up(29.9) == []
    assert desk.give_up(30.0) == [ToolUsed("mcp", "timeout")]
    assert desk.speaks()
    assert desk.give_up(99.0) == []


def test_a_server_is_not_waited_for_when_its_session_is_gone() -> None:
    desk = Desk(Policy(approves={"shop": lambda tool: True}))
    desk.approval(ApprovalAsked("r", "q1", "shop", "search"), 0.0)
    desk.session_lost()
    assert not desk.works()
