"""A run as a table for people and as JSON for machines."""

from __future__ import annotations

from dataclasses import dataclass

from bot.load.fleet import Run
from bot.load.measures import COUNTS, Findings
from bot.load.stats import STATISTICS
from bot.load.watching import Watch

_LATE_GENERATOR = 5.0  # ms, of the 99th percentile; later than that, the generator's own lateness is in the figures


@dataclass(frozen=True, slots=True)
class Use:
    """Processor and memory of the watched process, from the end of the ramp on. MiB; cores: 1.0 is all of one.

    ms_a_call: processor milliseconds for each call and second; memory for each call: KiB more than before the run.
    """

    cores: float | None
    ms_a_call: float | None
    rss_before: float
    rss_most: float
    pss_before: float
    pss_most: float
    kib_a_call: float
    processes: int


def use(run: Run, watched: Watch) -> Use:
    """Sum up what was watched."""
    looks = watched.looks
    between = watched.cpu_between(run.steady, run.began + run.plan.seconds)
    cores = None if between is None else between[0] / between[1]
    most, most_pss = max(look.rss for look in looks), max(look.pss for look in looks)
    talking = sum(bool(call.sent) for call in run.calls)
    at_once = min(run.plan.calls, talking)
    return Use(
        cores,
        1000 * cores / at_once if cores is not None and at_once else None,
        looks[0].rss,
        most,
        looks[0].pss,
        most_pss,
        1024 * (most - looks[0].rss) / at_once if at_once else 0.0,
        max(look.processes for look in looks),
    )


def table(run: Run, found: Findings) -> str:
    """The whole report, as text of at most 110 columns."""
    plan = run.plan
    worked = found.counts["calls"] - found.counts["failed"]
    lines = [
        f"{plan.calls} calls at once to {plan.target.stream or plan.target.url}, {run.ended - run.began:.0f} s"
        + (f", the first {plan.ramp:g} s to get there" if plan.ramp else "")
        + (", ended early" if run.interrupted else ""),
        f"{worked} of {found.counts['calls']} calls worked"
        + (f", {found.ended_by_bot} of them ended by the bot" if found.ended_by_bot else ""),
    ]
    lines += [f"  {times} failed: {sentence}" for sentence, times in found.failures.most_common()]
    lines += [f"  Twilio would have warned {times} times of {code}" for code, times in sorted(found.warnings.items())]
    lines += ["", f"{'milliseconds':<52} {'p50':>9} {'p90':>9} {'p99':>9} {'max':>9} {'n':>8}"]
    for measured in found.distributions.values():
        if measured.ordered:
            values = [f"{measured.statistic(name):>9.2f}" for name in STATISTICS]
            lines.append(f"{measured.what:<52} {' '.join(values)} {len(measured.ordered):>8}")
    lines.append("")
    lines += [
        f"{COUNTS[key]:<88} {count:>9}" for key, count in found.counts.items() if key not in ("calls", "failed")
    ]
    if run.watched is not None:
        lines += ["", *_use(use(run, run.watched), run.watched)]
    return "\n".join([*lines, "", *_generator(run, found)])


def _use(used: Use, watched: Watch) -> list[str]:
    several = f" and {used.processes - 1} of its children" if used.processes > 1 else ""
    lines = [f"process {watched.pid}{several}{', which ended meanwhile' if watched.gone else ''}"]
    if used.cores is not None:
        each = f", {used.ms_a_call:.2f} ms for each call and second" if used.ms_a_call is not None else ""
        lines.append(f"  CPU {100 * used.cores:.0f} % of a core{each}")
    lines.append(
        f"  memory (RSS) {used.rss_before:.0f} MiB before, {used.rss_most:.0f} MiB at most: "
        f"{used.kib_a_call:.0f} KiB for each call"
    )
    if used.pss_most:
        lines.append(f"  memory (PSS) {used.pss_before:.0f} MiB before, {used.pss_most:.0f} MiB at most")
    return lines


def _generator(run: Run, found: Findings) -> list[str]:
    """What the load itself cost, and whether it kept the time."""
    lines = []
    if run.generators:
        each = ", ".join(f"{100 * share:.0f} %" for share in run.generators)
        model = " with the model's side" if run.sessions is not None and len(run.generators) == 1 else ""
        apart = f", the model's side {100 * run.model_share:.0f} %" if run.model_share and run.sessions else ""
        lines.append(f"this generator{model}: {each}{apart} of a core")
    late = found.distributions["lateness"].statistic("p99")
    if late is not None and late > _LATE_GENERATOR:
        lines.append(
            f"The generator itself was late (p99 {late:.1f} ms), so these figures are not the server's alone; "
            "use more --processes or fewer --calls."
        )
    return lines


def as_json(run: Run, found: Findings) -> dict[str, object]:
    """The same for machines; times in milliseconds, memory in MiB."""
    plan = run.plan
    report: dict[str, object] = {
        "run": {
            "target": plan.target.stream or plan.target.url,
            "calls": plan.calls,
            "ramp_seconds": plan.ramp,
            "seconds": round(run.ended - run.began, 3),
            "processes": plan.processes,
            "interrupted": run.interrupted,
        },
        "counts": found.counts,
        "failures": dict(found.failures),
        "twilio_warnings": {str(code): times for code, times in found.warnings.items()},
        "measures": {
            key: {"what": measured.what, "unit": measured.unit, "n": len(measured.ordered)}
            | {name: _rounded(measured.statistic(name)) for name in ("min", *STATISTICS, "mean")}
            for key, measured in found.distributions.items()
        },
        "generator": {
            "cores": [round(share, 4) for share in run.generators],
            "model_cores": _rounded(run.model_share),
        },
    }
    if run.watched is not None:
        used = use(run, run.watched)
        report["process"] = {
            "pid": run.watched.pid,
            "ended": run.watched.gone,
            "processes": used.processes,
            "cores": _rounded(used.cores),
            "cpu_ms_per_call_and_second": _rounded(used.ms_a_call),
            "rss_before": _rounded(used.rss_before),
            "rss_most": _rounded(used.rss_most),
            "pss_before": _rounded(used.pss_before),
            "pss_most": _rounded(used.pss_most),
            "rss_kib_per_call": _rounded(used.kib_a_call),
            "samples": [
                [round(look.at - run.began, 2), round(look.cpu, 2), round(look.rss, 2), round(look.pss, 2)]
                for look in run.watched.looks
            ],
        }
    return report


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
