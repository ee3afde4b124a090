"""What a run was like: every measure as a distribution, and what is counted. From records, after the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bot.load import two_sides
from bot.load.record import FRAME_SECONDS, CallRecord, SessionRecord
from bot.load.stats import Distribution

_MS = 1000.0
_TIME_TO_STOP = 2.0  # seconds from a barge-in to a `clear` that belongs to it
_TIME_TO_ANSWER = 10.0
_SPEAKS_ON = 1.0  # who falls silent sooner without a `clear` had come to the end anyway

# Key, what it is, in milliseconds all of them. The order is the report's.
MEASURES = {
    "answer": "webhook asked → TwiML",
    "greeting": "webhook asked → first sound of the assistant",
    "stream_greeting": "stream's `start` → first sound of the assistant",
    "frame": "caller frame → model",
    "delta": "model's audio → caller",
    "response": "caller has finished → first sound of the answer",
    "clear": "barge-in: first loud frame → `clear`",
    "silence": "barge-in: first loud frame → last sound heard",
    "model_clear": "barge-in: `speech_started` → `clear`",
    "gap": "gap in the middle of a reply",
    "truncation": "truncation: told against heard, either way",
    "lateness": "this generator: frame later than its clock",
}

COUNTS = {
    "calls": "calls placed",
    "failed": "calls failed",
    "frames": "caller frames that the model should have got",
    "missing_frames": "caller frames missing at the model",
    "late_frames": "caller frames later than 20 ms at the model",
    "early_frames": "caller frames before the model's session, never passed on",
    "audio": "20 ms of the model's audio that the caller should have got",
    "missing_audio": "20 ms of the model's audio missing at the caller",
    "late_audio": "deltas later than 20 ms at the caller",
    "barge_ins": "barge-ins",
    "unheeded": "barge-ins without a `clear`, the assistant speaking on for more than a second",
    "never_silent": "barge-ins after which the assistant never fell silent",
    "untold": "replies cut off without the model being told",
    "unanswered": "lines of the caller without an answer",
    "gaps": "gaps in the middle of replies",
    "warnings": "messages that Twilio would warn of",
    "unrecognised": "streams whose sound was changed too much to recognise a frame (bytes were counted)",
    "unpaired": "calls without a session at the model",
}


@dataclass(slots=True)
class Findings:
    """What was found.

    distributions: by key of MEASURES, empty ones too; counts: by key of COUNTS, if they could be counted; failures:
    how often, by sentence; warnings: by Twilio's number; ended_by_bot: calls.
    """

    distributions: dict[str, Distribution] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    warnings: Counter[int] = field(default_factory=Counter)
    ended_by_bot: int = 0


def find(
    calls: Sequence[CallRecord], sessions: Sequence[SessionRecord] | None, since: float, *, phoned: bool
) -> Findings:
    """Judge a run.

    sessions: None where the model is somebody else's; since: when every call should have stood; phoned: there was a
    webhook.
    """
    samples: dict[str, list[float]] = {key: [] for key in MEASURES}
    counts = dict.fromkeys(
        ("calls", "failed", "barge_ins", "unheeded", "never_silent", "unanswered", "gaps", "warnings"), 0
    )
    found = Findings()
    for call in calls:
        counts["calls"] += 1
        if call.failure:
            counts["failed"] += 1
            found.failures[call.failure] += 1
        found.warnings.update(call.warnings)
        found.ended_by_bot += call.ended_by_bot
        _of_call(call, samples, counts, phoned=phoned)
    counts["warnings"] = found.warnings.total()
    if sessions is not None:
        _of_both(calls, sessions, since, samples, counts)
    for key, what in MEASURES.items():
        ordered = tuple(sorted(_MS * sample for sample in samples[key]))
        found.distributions[key] = Distribution(key, what, "ms", ordered)
    found.counts = {key: counts[key] for key in COUNTS if key in counts}
    return found


def _of_call(call: CallRecord, samples: dict[str, list[float]], counts: dict[str, int], *, phoned: bool) -> None:
    """What the caller's side alone tells."""
    if call.answered is not None and phoned:
        samples["answer"].append(call.answered - call.placed)
    if call.first_sound is not None and call.started is not None:
        samples["stream_greeting"].append(call.first_sound - call.started)
        if phoned:
            samples["greeting"].append(call.first_sound - call.placed)
    for barge_in in call.barge_ins:
        counts["barge_ins"] += 1
        if barge_in.cleared is not None:
            samples["clear"].append(barge_in.cleared - barge_in.began)
        if barge_in.silent is not None:
            samples["silence"].append(barge_in.silent - barge_in.began)
        # The end of the call is not the assistant's fault.
        over = call.ended - barge_in.began < _TIME_TO_STOP
        spoke_on = barge_in.silent is None or barge_in.silent - barge_in.began > _SPEAKS_ON
        counts["unheeded"] += barge_in.cleared is None and spoke_on and not over
        counts["never_silent"] += barge_in.silent is None and not over
    for line in call.lines:
        if line.answered is not None:
            samples["response"].append(max(0.0, line.answered - line.ended))
        elif call.ended - line.ended > _TIME_TO_ANSWER:
            counts["unanswered"] += 1
    samples["gap"] += call.gaps
    counts["gaps"] += len(call.gaps)
    due = call.first_due + FRAME_SECONDS * np.arange(len(call.sent))
    samples["lateness"] += np.maximum(np.asarray(call.sent) - due, 0.0).tolist()


def _of_both(
    calls: Iterable[CallRecord],
    sessions: Sequence[SessionRecord],
    since: float,
    samples: dict[str, list[float]],
    counts: dict[str, int],
) -> None:
    """What only both sides together tell."""
    counts |= dict.fromkeys(
        ("frames", "missing_frames", "late_frames", "early_frames", "audio", "missing_audio", "late_audio"), 0
    )
    counts |= {"untold": 0, "unrecognised": 0, "unpaired": 0}
    by_call = two_sides.pairs(calls, sessions)
    for call in calls:
        found = by_call.get(call.call_sid)
        if found is None:
            counts["unpaired"] += bool(call.sent)
            continue
        there = two_sides.to_model(call, found, since)
        back = two_sides.from_model(call, found, since)
        samples["frame"] += there.delays
        samples["delta"] += back.way.delays
        samples["truncation"] += [abs(error) / _MS for error in back.truncation]
        for started in found.speech_started:
            clear = next((at for at in call.clears if at >= started), None)
            if clear is not None and clear - started < _TIME_TO_STOP:
                samples["model_clear"].append(clear - started)
        counts["frames"] += there.sent
        counts["missing_frames"] += there.missing
        counts["late_frames"] += there.late
        counts["early_frames"] += there.before
        counts["audio"] += back.way.sent
        counts["missing_audio"] += back.way.missing
        counts["late_audio"] += back.way.late
        counts["untold"] += back.untold
        counts["unrecognised"] += there.unrecognised + back.way.unrecognised
