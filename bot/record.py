"""What an operator is left of a call: a log line with its id, and a metric, for each report that is worth one."""

from __future__ import annotations

import logging

from bot.call.reports import (
    Answered,
    AssistantWords,
    CallerWords,
    Interrupted,
    Report,
    State,
    StateChanged,
    ToolUsed,
    Trouble,
)
from bot.metrics import CallMetrics

log = logging.getLogger(__name__)


def record(call_id: str, report: Report, metrics: CallMetrics, *, words: bool = False) -> None:
    """Log and count. words: the persona lets what is said be logged; keys that were pressed never are."""
    match report:
        case Trouble():
            metrics.trouble.labels(report.code).inc()
            log.warning("call=%s %s %s", call_id, report.code, _line(report.detail))
        case Answered():
            metrics.answer_seconds.observe(report.seconds)
            log.info("call=%s answered seconds=%.3f", call_id, report.seconds)
        case Interrupted():
            metrics.interruptions.inc()
            log.info("call=%s interrupted heard_ms=%d sent_ms=%d", call_id, report.heard_ms, report.sent_ms)
        case ToolUsed():
            log.info("call=%s tool %.64r: %s", call_id, report.name, report.outcome)
        case CallerWords() if words:
            log.info("call=%s caller: %s", call_id, _line(report.text))
        case AssistantWords() if words:
            log.info("call=%s assistant: %s", call_id, _line(report.heard))
        case StateChanged(State.ERROR):
            log.warning("call=%s ended in an error: %s", call_id, _line(report.message))
        case _:
            pass


def _line(words: str) -> str:
    """Words from outside as one line, so that nobody writes a line of the log but us."""
    return "".join(letter for letter in " ".join(words.split()) if letter.isprintable())
