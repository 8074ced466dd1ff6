"""pip-audit asks the index for what is known about every package of a lock, where the index answers."""

import json
from pathlib import Path

import pytest

from tests.scanners.installed import ROOT, run

LOCKS = sorted((*(ROOT / "requirements").glob("*.lock"), *(ROOT / "layers").glob("*/requirements.txt")))


def test_there_are_locks() -> None:
    assert len(LOCKS) > 8


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_no_package_of_a_lock_has_a_known_vulnerability(lock: Path) -> None:
    # What scans is installed beside nothing that runs.
    if lock.stem == "scan":
        pytest.skip("checkov pins the packages of the scanners' own environment exactly")
    options = (
        "--disable-pip",
        "--require-hashes",
        "--progress-spinner",
        "off",
        "--timeout",
        "20",
        "-f",
        "json",
    )
    done = run("pip-audit", *options, "-r", lock)
    if not done.stdout.startswith("{"):
        pytest.skip(f"no index answered: {done.stderr.splitlines()[-1] if done.stderr else ''}")
    packages = json.loads(done.stdout)["dependencies"]
    answered = [one for one in packages if "vulns" in one]
    if not answered:
        pytest.skip("the index that is reached here knows no advisories")
    assert {one["name"]: [found["id"] for found in one["vulns"]] for one in answered if one["vulns"]} == {}
