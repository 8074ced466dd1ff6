"""After an edit the nearest tests come first: a changed test, the module's own, those that import it."""

import pytest

from tools.quick import nearest_tests

TESTS = {
    "tests/unit/ingest/test_file_verdict.py": "from clinrisk.core.ingest.file_verdict import FileVerdict",
    "tests/unit/ingest/test_cells.py": "from clinrisk.core.ingest import (\n    cells,\n    file_verdict,\n)",
    "tests/unit/ingest/test_head.py": "from clinrisk.core.ingest.csv_file import head",
    "tests/unit/monitoring/test_drift.py": "from clinrisk.core.monitoring import drift",
    "tests/integration/ingest/test_ingest.py": 'stack.call("claim_upload", event)',
    "tests/integration/ingest/test_crashes.py": "workflow",
    "tests/integration/test_events.py": "EVENTS",
    "tests/statemachines/ingest/test_play_ingest.py": "played",
    "tests/statemachines/test_template.py": "template",
    "tests/unit/cli/test_inbox.py": "from cli.commands import inbox",
}


def names(*changed: str) -> list[str]:
    return [path.split("test_")[-1] for path in nearest_tests(list(changed), TESTS)]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ("tests/unit/monitoring/test_drift.py", ["drift.py"]),
        ("layers/clinrisk/clinrisk/core/ingest/file_verdict.py", ["file_verdict.py", "cells.py", "head.py"]),
        ("layers/clinrisk/clinrisk/core/monitoring/drift.py", ["drift.py"]),
        (
            "layers/clinrisk/clinrisk/services/ingest/claim_upload.py",
            ["ingest.py", "crashes.py"],
        ),
        ("functions/ingest/claim_upload/app.py", ["ingest.py", "crashes.py"]),
        ("statemachines/ingest.asl.yaml", ["play_ingest.py", "template.py"]),
        ("template.yaml", ["template.py"]),
        ("events/claim_upload.file.json", ["events.py"]),
        ("cli/commands/inbox.py", ["inbox.py"]),
        ("out/report.html", []),
    ],
)
def test_the_tests_of_a_file_by_distance(changed: str, expected: list[str]) -> None:
    assert names(changed) == expected


def test_a_test_is_as_near_as_its_nearest_file() -> None:
    changed = (
        "layers/clinrisk/clinrisk/core/ingest/cells.py",
        "layers/clinrisk/clinrisk/core/monitoring/drift.py",
    )
    assert names(*changed)[:2] == ["cells.py", "drift.py"]
