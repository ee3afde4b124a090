"""A frame of the caller's may not grow dear unnoticed. Counted in instructions, so a busy machine changes nothing."""

from __future__ import annotations

import pytest

from benchmarks import instructions
from benchmarks.instructions import FrameCost, committed, measure


async def test_a_frame_costs_no_more_than_it_did() -> None:
    cost = await measure()
    assert cost.ratio <= instructions.MAY_GROW * committed(), (
        f"a frame costs {cost.ratio:.2f} times what it costs a bare relay; it was {committed():.2f}. "
        "Where that is worth it, write it down: python -m benchmarks.instructions --commit"
    )


def test_the_ratio_is_the_bot_s_cost_in_the_relay_s() -> None:
    assert FrameCost(bot=300.0, floor=150.0).ratio == 2.0


async def test_without_valgrind_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(RuntimeError, match="valgrind is missing"):
        await measure()
