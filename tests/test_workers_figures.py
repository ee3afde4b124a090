from __future__ import annotations

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from webhooks.workers.figures import Family, added, families_of, lasting, registry_of


def process(calls: int, *, live: int, seconds: float) -> CollectorRegistry:
    """What a process may have counted."""
    registry = CollectorRegistry()
    ended = Counter("ended", "Calls that ended.", ["how"], registry=registry)
    ended.labels("caller").inc(calls)
    ended.labels(f"only {calls}").inc()
    Gauge("live", "Calls now.", registry=registry).set(live)
    Histogram("seconds", "How long.", buckets=(1, 2), registry=registry).observe(seconds)
    return registry


def told(registry: CollectorRegistry) -> list[Family]:
    """As it comes from another process."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(families_of(registry)), type=list[Family])


def test_counters_histograms_and_gauges_add() -> None:
    everybody = registry_of(added([told(process(3, live=1, seconds=0.5)), told(process(4, live=2, seconds=1.5))]))
    value = everybody.get_sample_value
    assert value("ended_total", {"how": "caller"}) == 7
    assert (value("ended_total", {"how": "only 3"}), value("ended_total", {"how": "only 4"})) == (1, 1)
    assert value("live") == 3
    assert (value("seconds_bucket", {"le": "1.0"}), value("seconds_bucket", {"le": "2.0"})) == (1, 2)
    assert (value("seconds_count"), value("seconds_sum")) == (2, 2.0)


def test_one_process_alone_reads_the_same_as_ever() -> None:
    registry = process(3, live=1, seconds=0.5)
    assert generate_latest(registry_of(added([told(registry)]))) == generate_latest(registry)


def test_of_two_beginnings_the_earlier_stands() -> None:
    early = Family("x", "", "counter", [("x_total", {}, 1), ("x_created", {}, 100)])
    late = Family("x", "", "counter", [("x_total", {}, 2), ("x_created", {}, 200)])
    assert added([[early], [late]])[0].samples == [("x_total", {}, 3), ("x_created", {}, 100)]


def test_a_process_that_ended_leaves_what_it_counted_and_nothing_that_it_had() -> None:
    assert {family.name for family in lasting(told(process(3, live=1, seconds=0.5)))} == {"ended", "seconds"}
