"""What the web side counts. One object per application, on the registry it is given."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class Meters:
    """Counters of the web side. Labels take few values, all of our own choosing, never a peer's words."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.refusals = Counter(
            "voicebot_refusals", "Requests and sockets turned away.", ["reason"], registry=registry
        )
        self.answers = Counter(
            "voicebot_answers", "How calls were answered by the voice webhook.", ["how"], registry=registry
        )
        self.farewells = Counter(
            "voicebot_farewells", "Why callers came to the safety net.", ["outcome"], registry=registry
        )
        self.fallbacks = Counter(
            "voicebot_fallbacks", "Times Twilio could not use our answer.", ["code"], registry=registry
        )
        self.stream_errors = Counter(
            "voicebot_stream_errors", "Media streams that Twilio reports as failed.", ["code"], registry=registry
        )
        self.webhook_errors = Counter(
            "voicebot_webhook_errors", "Webhooks that ended in an unexpected error.", registry=registry
        )
        self.dials = Counter(
            "voicebot_dials", "Calls out that were asked for, and what became of that.", ["how"], registry=registry
        )
        self.dialled = Counter("voicebot_dialled", "How calls out ended.", ["outcome"], registry=registry)
        self.answered_by = Counter(
            "voicebot_answered_by",
            "Who answers calls out, or what was done about it.",
            ["outcome"],
            registry=registry,
        )
        self.bad_messages = Counter(
            "voicebot_bad_messages",
            "Stream messages skipped because they made no sense.",
            ["kind"],
            registry=registry,
        )
        self.missing_audio = Counter(
            "voicebot_missing_audio_seconds", "Caller audio that never came, filled with silence.", registry=registry
        )
        self.dropped_frames = Counter(
            "voicebot_dropped_frames", "Caller frames that came twice or too late.", registry=registry
        )
