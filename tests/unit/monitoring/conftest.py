"""The findings of a check as people read them, compared with a snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clinrisk.core.monitoring.findings import CheckFinding
    from tests.unit.conftest import Snapshot


@pytest.fixture
def finding_snapshot(snapshot: Snapshot) -> Callable[[str, Mapping[str, CheckFinding]], None]:
    """Compare every way in which a check can end with `snapshots/<check>.txt`."""

    def compare(check: str, findings: Mapping[str, CheckFinding]) -> None:
        assert {finding.check for finding in findings.values()} == {check}
        lines = (
            f"{ending}: {found.verdict}, {found.statistic} (limit {found.threshold})\n{found.detail}\n"
            for ending, found in findings.items()
        )
        snapshot(check, "\n".join(lines))

    return compare
