"""What an operator can count: one set of Prometheus metrics for a process."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class CallMetrics:
    """The metrics of calls. Labels hold codes of ours, never what came from outside."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.live = Gauge("voicebot_calls_live", "Calls that are being held now.", registry=registry)
        self.ended = Counter("voicebot_calls_ended", "Calls that ended, by how.", ["outcome"], registry=registry)
        self.refused = Counter("voicebot_calls_refused", "Calls not taken, by why.", ["reason"], registry=registry)
        self.trouble = Counter("voicebot_trouble", "What went wrong in calls, by code.", ["code"], registry=registry)
        self.interruptions = Counter(
            "voicebot_interruptions", "Replies that a caller talked over.", registry=registry
        )
        self.tools = Counter(
            "voicebot_tools",
            "Functions that the model called, by how they ended.",
            ["tool", "outcome"],
            registry=registry,
        )
        self.tool_seconds = Histogram(
            "voicebot_tool_seconds",
            "How long functions took.",
            ["tool"],
            buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 30),
            registry=registry,
        )
        self.answer_seconds = Histogram(
            "voicebot_answer_seconds",
            "From the caller's last word, as the service heard it, to the first sound of the answer.",
            buckets=(0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 10),
            registry=registry,
        )
        self.connect_seconds = Histogram(
            "voicebot_connect_seconds",
            "To open a Voice Live session and have it take its configuration.",
            buckets=(0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5),
            registry=registry,
        )

    def tool_used(self, name: str, outcome: str, seconds: float) -> None:
        """Count a function that was run. name: of a tool of ours, never the model's own word."""
        self.tools.labels(name, outcome).inc()
        self.tool_seconds.labels(name).observe(seconds)
