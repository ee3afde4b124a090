"""Percentiles, thresholds, the table, the JSON and the picture of a run."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from bot.errors import SimulatorError
from bot.load.fleet import Run
from bot.load.measures import MEASURES, Findings, find
from bot.load.picture import picture
from bot.load.record import BargeIn, CallRecord, Line
from bot.load.report import as_json, table, use
from bot.load.stats import Distribution
from bot.load.target import Plan, Target
from bot.load.thresholds import threshold
from bot.load.watching import Look, Watch

SVG = "{http://www.w3.org/2000/svg}"


def distribution(*samples: float) -> Distribution:
    return Distribution("frame", "a frame", "ms", tuple(sorted(samples)))


def record(number: int, **changes: object) -> CallRecord:
    made = CallRecord(number, f"CA{number}", 100.0 + number, ended=160.0)
    made.answered, made.started, made.first_sound = 100.004 + number, 100.01 + number, 100.05 + number
    made.first_due = 100.02 + number
    made.sent.extend(made.first_due + 0.02 * n + 0.0005 for n in range(50))
    made.levels.extend([100] * 50)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def run(*calls: CallRecord, watched: Watch | None = None) -> tuple[Run, Findings]:
    plan = Plan(Target("http://127.0.0.1:8000/<&>"), 3, 10.0, 60.0)
    done = Run(plan, 100.0, 111.0, 160.0, list(calls), None, watched, [0.25])
    return done, find(done.calls, None, done.steady, phoned=True)


WATCH = Watch(7, [Look(100.0 + n, 0.4 * n, 100.0 + min(n, 3), 90.0 + min(n, 3), 2) for n in range(0, 61, 5)])


def test_a_percentile_is_a_sample_that_was_measured() -> None:
    hundred = distribution(*range(1, 101))
    assert [hundred.statistic(name) for name in ("p50", "p90", "p99", "max", "min", "mean", "n")] == [
        *(50, 90, 99, 100, 1),
        *(50.5, 100),
    ]
    assert distribution(3).statistic("p99") == 3
    assert distribution().statistic("p99") is None
    assert distribution().statistic("n") == 0


def test_a_curve_is_thinned_out_and_keeps_its_ends() -> None:
    curve = distribution(*range(10_000)).curve(100)
    assert 100 <= len(curve) <= 102
    assert [*curve[0], *curve[-1]] == [0, 1 / 10_000, 9999, 1.0]
    assert curve == sorted(curve)


def test_a_call_is_measured_from_its_webhook_and_from_its_stream() -> None:
    _, found = run(record(0), record(1))
    assert found.distributions["answer"].statistic("max") == pytest.approx(4)
    assert found.distributions["greeting"].statistic("max") == pytest.approx(50)
    assert found.distributions["stream_greeting"].statistic("max") == pytest.approx(40)
    assert found.distributions["lateness"].statistic("p50") == pytest.approx(0.5)
    assert "missing_frames" not in found.counts  # nobody can say


def test_what_the_end_of_a_call_cut_off_is_no_fault() -> None:
    fine = record(0, barge_ins=[BargeIn(159.0)], lines=[Line(155.0)])
    bad = record(1, barge_ins=[BargeIn(140.0), BargeIn(150.0, 150.1, 150.1)], lines=[Line(140.0), Line(150.0, 150.6)])
    _, found = run(fine, bad)
    assert [found.counts[key] for key in ("barge_ins", "unheeded", "never_silent", "unanswered")] == [3, 1, 1, 1]
    assert found.distributions["response"].statistic("max") == pytest.approx(600)
    assert found.distributions["clear"].statistic("max") == pytest.approx(100)


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("p99_lateness=1ms", False),
        ("p99_lateness=0.4ms", True),
        ("max_greeting=0.051s", False),
        ("mean_greeting=49", True),
        ("failed=1", False),
        ("failed=0", True),
        ("p50_frame=1000ms", True),
        ("missing_frames=10", True),
    ],
)
def test_a_threshold_is_broken_by_more_and_by_nothing_measured(text: str, broken: bool) -> None:
    _, found = run(record(0), record(1, failure="it broke"))
    verdict = threshold(text).verdict(found)
    assert bool(verdict) is broken
    assert "\n" not in verdict


@pytest.mark.parametrize(
    "text", ["", "p99", "p99_frame", "p98_frame=1", "p99_speed=1ms", "failed=1ms", "frame=8ms", "x=1"]
)
def test_a_threshold_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(SimulatorError, match="--fail-over"):
        threshold(text)


def test_the_table_says_what_worked_what_failed_and_why() -> None:
    done, found = run(record(0), record(1, failure="the bot did not take the call"), watched=WATCH)
    found.warnings[31951] = 3
    text = table(done, found)
    assert "1 of 2 calls worked" in text
    assert "1 failed: the bot did not take the call" in text
    assert "Twilio would have warned 3 times of 31951" in text
    assert re.search(r"webhook asked → TwiML +4\.00 +4\.00 +4\.00 +4\.00 +2\n", text)
    assert MEASURES["frame"] not in text  # nothing measured
    assert "CPU 40 % of a core, 200.00 ms for each call and second" in text
    assert "this generator: 25 % of a core" in text
    assert "was late" not in text
    assert max(map(len, text.splitlines())) <= 110


def test_the_table_owns_up_to_a_generator_that_was_late() -> None:
    late = record(0)
    for number in range(len(late.sent)):
        late.sent[number] += 0.02
    assert "The generator itself was late (p99 20.5 ms)" in table(*run(late))


def test_use_is_of_the_time_in_which_every_call_stood() -> None:
    done, _ = run(record(0), record(1), watched=WATCH)
    used = use(done, WATCH)
    assert used.cores == pytest.approx(0.4)
    assert (used.rss_before, used.rss_most) == (100.0, 103.0)
    assert used.kib_a_call == pytest.approx(1536)


def test_the_json_has_it_all() -> None:
    done, found = run(record(0), watched=WATCH)
    report = json.loads(json.dumps(as_json(done, found)))
    assert report["measures"]["answer"]["p99"] == pytest.approx(4)
    assert report["measures"]["frame"] == {
        "what": MEASURES["frame"],
        "unit": "ms",
        "n": 0,
        **dict.fromkeys(("min", "p50", "p90", "p99", "max", "mean")),
    }
    assert report["counts"]["calls"] == 1
    assert report["process"]["rss_most"] == 103
    assert len(report["process"]["samples"]) == 13
    assert report["generator"] == {"cores": [0.25], "model_cores": None}


def test_the_picture_can_be_read_and_heard() -> None:
    done, found = run(record(0), record(1), watched=WATCH)
    svg = ElementTree.fromstring(picture(done, found))  # noqa: S314 - our own
    assert svg.tag == f"{SVG}svg"
    assert svg.get("role") == "img"
    named = [svg.find(f"{SVG}{tag}[@id='{tag}']") for tag in str(svg.get("aria-labelledby")).split()]
    assert all(element is not None and element.text for element in named)
    panels = svg.findall(f"{SVG}g")
    drawn = sum(bool(measured.ordered) for measured in found.distributions.values())
    assert len(panels) == drawn + 2
    assert all(panel.get("role") == "img" and panel.get("aria-label") for panel in panels)
    _, _, width, height = map(float, str(svg.get("viewBox")).split())
    for panel in panels:
        offset = re.fullmatch(r"translate\(([\d.]+) ([\d.]+)\)", str(panel.get("transform")))
        assert offset
        for line in panel.findall(f"{SVG}polyline"):
            for x, y in (point.split(",") for point in str(line.get("points")).split()):
                assert 0 <= float(offset[1]) + float(x) <= width
                assert 0 <= float(offset[2]) + float(y) <= height
    assert len(panels[0].findall(f"{SVG}circle")) == 3
    words = " ".join(element.text or "" for element in panels[0].iter(f"{SVG}text"))
    assert "p99 4 ·" in words
    assert "n 2" in words


@pytest.mark.parametrize("samples", [(0.0,), (5.0, 5.0), (0.1, 9000.0), (0.0, 0.0, 50.0), (1e-6, 2e-6)])
def test_any_distribution_can_be_drawn(samples: tuple[float, ...]) -> None:
    done, found = run(record(0))
    found.distributions["frame"] = distribution(*samples)
    assert ElementTree.fromstring(picture(done, found)).tag == f"{SVG}svg"  # noqa: S314 - our own


def test_a_run_of_nothing_can_be_shown() -> None:
    done, found = run()
    assert "0 of 0 calls worked" in table(done, found)
    assert "Nothing was measured." in picture(done, found)
    assert as_json(done, found)
