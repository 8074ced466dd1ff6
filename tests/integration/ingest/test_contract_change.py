"""After a contract has changed, files are read anew: into another group, for trainings of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk import use_cases
from clinrisk.aws import feature_store
from clinrisk.errors import ContractChanged, NotEnoughData
from clinrisk.use_cases.columns import Number
from tests.integration.fake_feature_store import FakeFeatureStore, create_group
from tests.integration.inbox_files import Ingest, heart_csv

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Stack

FIRST = use_cases.get("heart")
EVENT = {"use_case": "heart", "run_id": "heart-0123456789", "reason": "upload"}
MARCH, APRIL = "inbox/heart/training/march.csv", "inbox/heart/training/april.csv"


@pytest.fixture
def store(stack: Stack) -> FakeFeatureStore:
    return FakeFeatureStore().install()


@pytest.fixture
def deploy_second(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Make the code that of another contract: cholesterol up to 320 only, and a feature more."""

    def column(given: Any) -> Any:
        if isinstance(given, Number) and given.name == "chol":
            return replace(given, high=320, missing_indicator=True)
        return given

    second = replace(FIRST, schema_version=2, columns=tuple(map(column, FIRST.columns)))
    known = use_cases.get

    def deploy() -> None:
        monkeypatch.setattr(use_cases, "get", lambda name: second if name == "heart" else known(name))
        create_group("heart")

    return deploy


def rows_in(stack: Stack, use_case: Any) -> int:
    """Count the objects that the offline store of a contract's group holds."""
    prefix = feature_store.feature_group("clinrisk", use_case).offline_prefix
    folder = prefix.removeprefix("s3://clinrisk-lake/")
    return len([key for key in stack.keys("lake") if key.startswith(folder)])


def test_the_same_file_is_read_again_and_trained_on_under_the_new_contract_alone(
    stack: Stack, store: FakeFeatureStore, deploy_second: Callable[[], None]
) -> None:
    data = heart_csv(FIRST.min_training_rows * 2)
    first, _ = Ingest.of(stack, MARCH, data).run()
    before = rows_in(stack, FIRST)
    deploy_second()
    with pytest.raises(NotEnoughData, match=r"has 0 labelled rows.*240 more were read under another version"):
        stack.call("plan_training", EVENT)
    again, committed = Ingest.of(stack, MARCH, data).run()
    assert again["upload_id"] != first["upload_id"]
    assert (committed["disposition"], committed["train"]) == ("PARTIAL", True)
    planned = stack.call("plan_training", EVENT)
    assert stack.read_json(planned["plan"]["uri"])["upload_ids"] == [again["upload_id"]]
    assert planned["expected_rows"] == committed["labelled_rows"] < FIRST.min_training_rows * 2
    assert planned["package_group"] == "clinrisk-heart-v2"
    assert "/clinrisk-heart-v2-" in planned["offline_prefix"]
    # What the first contract left lies where it lay.
    assert rows_in(stack, FIRST) == before > 0


def test_too_few_rows_of_the_new_contract_start_no_training_however_many_the_old_one_has(
    stack: Stack, store: FakeFeatureStore, deploy_second: Callable[[], None]
) -> None:
    _, committed = Ingest.of(stack, MARCH, heart_csv(FIRST.min_training_rows)).run()
    assert committed["train"]
    deploy_second()
    _, committed = Ingest.of(stack, APRIL, heart_csv(20, seed=5)).run()
    assert not committed["train"]


def test_under_one_contract_the_same_bytes_stay_a_duplicate(
    stack: Stack, store: FakeFeatureStore, deploy_second: Callable[[], None]
) -> None:
    Ingest.of(stack, MARCH, heart_csv(40)).run()
    deploy_second()
    Ingest.of(stack, MARCH, heart_csv(40)).run()
    assert Ingest.of(stack, APRIL, heart_csv(40)).claim()["disposition"] == "DUPLICATE"


@pytest.mark.parametrize("step", ["build_features", "write_features", "commit_upload"])
def test_a_file_that_was_claimed_under_the_old_contract_is_not_finished_under_the_new_one(
    stack: Stack, store: FakeFeatureStore, deploy_second: Callable[[], None], step: str
) -> None:
    ingest = Ingest.of(stack, MARCH, heart_csv(40))
    upload = ingest.claim()["upload"]
    event = ingest.build(upload)
    plan = stack.call("plan_chunks", {"upload": upload})
    chunk = {"upload": upload, "header": plan["header"], "chunk": plan["chunks"][0]}
    events = {"build_features": chunk, "write_features": chunk | {"used": True}, "commit_upload": event}
    deploy_second()
    with pytest.raises(ContractChanged, match=r"read under version 1 .* version 2 by now"):
        stack.call(step, events[step])
    # Parked as any upload that could not be processed, and then claimed and read again.
    ingest.park(upload)
    again = ingest.claim("run-2")["upload"]
    assert again["schema_version"] == 2
    assert stack.call("commit_upload", ingest.build(again))["disposition"] == "PARTIAL"
