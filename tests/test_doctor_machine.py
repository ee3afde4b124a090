from __future__ import annotations

from pathlib import Path

import pytest

from tests.doctor_stand_ins import notes, statuses, the
from tests.webhooks_stand_ins import settings
from webhooks.doctor.findings import Status
from webhooks.doctor.machine import available_cores, examine, open_files


def test_versions_are_told() -> None:
    found = notes()
    examine(settings(), found, cores=2, files=10_000)
    assert "voicelive-phone " in the(found, "versions").says
    assert "azure-ai-voicelive 1." in the(found, "versions").says
    assert set(statuses(found).values()) == {Status.OK}


def test_too_few_open_files_for_max_calls_are_told_with_the_number_to_set() -> None:
    found = notes()
    examine(settings(max_calls=500), found, cores=8, files=1024)
    assert the(found, "files").status is Status.WARN
    assert "ulimit -n 2100" in the(found, "files").do


@pytest.mark.parametrize(
    ("most", "cores", "status"), [(50, 0.5, Status.OK), (80, 0.5, Status.WARN), (200, 8, Status.WARN)]
)
def test_more_calls_than_were_measured_with_such_cores_are_told(most: int, cores: float, status: Status) -> None:
    found = notes()
    examine(settings(max_calls=most), found, cores=cores, files=100_000)
    assert the(found, "cores").status is status


def test_it_looks_at_the_machine_without_settings_too() -> None:
    found = notes()
    examine(None, found)
    assert {"python", "versions", "cores", "files"} <= set(statuses(found))


def test_a_containers_share_of_the_cores_counts(tmp_path: Path) -> None:
    share = tmp_path / "cpu.max"
    share.write_text("25000 100000\n")
    assert available_cores(share) == 0.25
    share.write_text("max 100000\n")
    assert available_cores(share) >= 1
    assert available_cores(tmp_path / "none") >= 1
    assert open_files() > 0
