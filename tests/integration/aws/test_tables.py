"""The tables as the command reads them: newest first, and without what answers for a person."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from clinrisk.aws import dynamodb
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import approvals, deployments, uploads
from tests.integration.approval_request import RequestedApproval

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

TOKEN = "a-task-token-that-answers"  # noqa: S105 - the point of the test


def test_an_approval_is_shown_with_everything_but_its_token_and_format(stack: Stack) -> None:
    asked = RequestedApproval(stack, token=TOKEN)
    (shown,) = approvals.stored_for("heart", limit=50)
    table = stack.tables.Table("clinrisk-approvals")
    key = {"pk": shown["pk"], "sk": shown["sk"]}
    held = table.get_item(Key=key)["Item"]
    assert shown["approval_id"] == asked.approval_id
    assert held.keys() - shown.keys() == {"task_token", "format"}
    assert TOKEN not in json.dumps(shown)
    assert TOKEN not in repr(approvals.find(asked.approval_id))
    assert approvals.stored("nobody-asked") is None


@pytest.mark.usefixtures("stack")
def test_live_versions_are_read_newest_first_without_the_pointer() -> None:
    assert deployments.stored_live("heart") is None
    table = settings().deployments_table
    for version in (1, 2, 3):
        item = {"pk": "USE_CASE#heart", "live_version": version, "threshold": 0.25}
        dynamodb.write(table, item | {"sk": f"VERSION#{version:08d}"})
        dynamodb.write(table, item | {"sk": "LIVE"})
    live = deployments.stored_live("heart")
    assert live is not None
    assert (live["live_version"], live["threshold"]) == (3, 0.25)
    found = deployments.stored_versions("heart", limit=2)
    assert [one["live_version"] for one in found] == [3, 2]


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("limit", [1, 3, 4, 5, None])
def test_a_partition_of_several_pages_is_read_up_to_the_limit(limit: int | None) -> None:
    table = settings().uploads_table
    for number in range(4):  # DynamoDB answers with a megabyte at a time
        dynamodb.write(table, {"pk": "p", "sk": f"s{number}", "text": "x" * 390_000})
    found = dynamodb.query(table, "p", limit=limit)
    assert [one["sk"] for one in found] == ["s0", "s1", "s2", "s3"][:limit]


@pytest.mark.usefixtures("stack")
def test_a_use_of_the_hold_out_counts_once_per_run() -> None:
    assert uploads.record_holdout_use("heart", "run-1", 100) == 1
    assert uploads.record_holdout_use("heart", "run-1", 100) == 1
    assert uploads.record_holdout_use("heart", "run-2", 120) == 2
    assert uploads.record_holdout_use("stroke", "run-1", 100) == 1


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize(("rows", "uses"), [(199, 2), (200, 1), (201, 1)])
def test_a_use_counts_until_the_labelled_rows_have_doubled(rows: int, uses: int) -> None:
    uploads.record_holdout_use("heart", "run-1", 100)
    assert uploads.record_holdout_use("heart", "run-2", rows) == uses
