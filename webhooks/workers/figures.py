"""The metrics of several processes as one: counters and histograms add, and so do gauges of what there is now."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

_MOMENT = "_created"  # the suffix of samples that say when counting began: of two, the earlier


class Family(msgspec.Struct, frozen=True, array_like=True):
    """One metric with all its labels. samples: name, labels, value."""

    name: str
    help: str
    kind: str
    samples: list[tuple[str, dict[str, str], float]]


def families_of(registry: CollectorRegistry) -> list[Family]:
    """What is counted in a registry now."""
    return [
        Family(metric.name, metric.documentation, metric.type, [(s.name, s.labels, s.value) for s in metric.samples])
        for metric in registry.collect()
    ]


def added(groups: Iterable[list[Family]]) -> list[Family]:
    """The sum of several processes' families."""
    sums: dict[str, tuple[Family, dict[tuple[str, tuple[tuple[str, str], ...]], float]]] = {}
    for family in (family for group in groups for family in group):
        _, values = sums.setdefault(family.name, (family, {}))
        for name, labels, value in family.samples:
            key = name, tuple(sorted(labels.items()))
            if key in values:
                value = min(values[key], value) if name.endswith(_MOMENT) else values[key] + value
            values[key] = value
    return [
        Family(
            name,
            family.help,
            family.kind,
            [(sample, dict(labels), value) for (sample, labels), value in values.items()],
        )
        for name, (family, values) in sums.items()
    ]


def lasting(families: Iterable[Family]) -> list[Family]:
    """What is left of a process that has ended: what it counted, and nothing of what it had."""
    return [family for family in families if family.kind != "gauge"]


class _Told(Collector):
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        for family in self._families:
            metric = Metric(family.name, family.help, family.kind)
            metric.samples = [Sample(name, labels, value) for name, labels, value in family.samples]
            yield metric


def registry_of(families: Iterable[Family]) -> CollectorRegistry:
    """A registry that says nothing but these."""
    registry = CollectorRegistry()
    registry.register(_Told(families))
    return registry
