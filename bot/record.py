"""What an operator is left of a call: a log line with its id, and a metric, for each report that is worth one."""

from __future__ import annotations

import logging

from bot.call.reports import Answered, Interrupted, Report, State, StateChanged, Trouble
from bot.metrics import CallMetrics

log = logging.getLogger(__name__)


def record(call_id: str, report: Report, metrics: CallMetrics) -> None:
    """Log and count. What was said is in neither."""
    match report:
        case Trouble():
            metrics.trouble.labels(report.code).inc()
            log.warning("call=%s %s %s", call_id, report.code, report.detail)
        case Answered():
            metrics.answer_seconds.observe(report.seconds)
            log.info("call=%s answered seconds=%.3f", call_id, report.seconds)
        case Interrupted():
            metrics.interruptions.inc()
            log.info("call=%s interrupted heard_ms=%d sent_ms=%d", call_id, report.heard_ms, report.sent_ms)
        case StateChanged(State.ERROR):
            log.warning("call=%s ended in an error: %s", call_id, report.message)
        case _:
            pass
