"""A local SageMaker that goes on from another one knows what it knew, and ends what ran there."""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from twin.sagemaker.api_errors import SageMakerError
from twin.sagemaker.feature_store import offline_files
from twin.sagemaker.local_service import LocalSageMaker

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUP = "clinrisk-heart-v1"


@pytest.fixture
def restored(  # noqa: PLR0917 - fixtures
    sagemaker: LocalSageMaker,
    platform: Any,
    lake: Any,
    training_request: Any,
    events: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[LocalSageMaker]:
    """A second local SageMaker, made of the first one's contents while a job ran and a record was new."""
    monkeypatch.setattr(offline_files, "QUIET_SECONDS", 600)
    lake.put("code/main.py", "import time; time.sleep(600)")
    tags = [{"Key": "use_case", "Value": "heart"}]
    sagemaker.handle("CreateTrainingJob", training_request("interrupted") | {"Tags": tags})
    features = [{"FeatureName": name, "FeatureType": "String"} for name in ("record_id", "event_time")]
    group = {
        "FeatureGroupName": GROUP,
        "RecordIdentifierFeatureName": "record_id",
        "EventTimeFeatureName": "event_time",
        "FeatureDefinitions": features,
        "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://lake/offline-store/"}},
        "OnlineStoreConfig": {"EnableOnlineStore": True},
        "RoleArn": "arn:aws:iam::123456789012:role/sagemaker",
    }
    sagemaker.handle("CreateFeatureGroup", group)
    values = {"record_id": "r1", "event_time": "2026-03-04T05:06:07.890Z"}
    record = [{"FeatureName": name, "ValueAsString": value} for name, value in values.items()]
    sagemaker.handle_features("PutRecord", {"FeatureGroupName": GROUP, "Record": record})
    contents = pickle.dumps(sagemaker.contents())
    sagemaker.features.forget(GROUP)
    sagemaker.shutdown()
    assert sagemaker.training.wait("interrupted", 60)
    events.clear()
    second = LocalSageMaker(platform)
    second.restore(pickle.loads(contents))  # noqa: S301 - made above
    yield second
    second.shutdown()


def test_a_job_that_ran_has_failed_with_the_reason_and_is_announced(
    restored: LocalSageMaker, events: list[Any]
) -> None:
    name = {"TrainingJobName": "interrupted"}
    assert restored.handle("DescribeTrainingJob", name)["TrainingJobStatus"] == "InProgress"
    restored.end_interrupted()
    job = restored.handle("DescribeTrainingJob", name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"] == "InternalServerError: the twin was stopped while the job ran"
    assert job["TrainingEndTime"] >= job["CreationTime"]
    [(kind, detail)] = events
    assert (kind, detail["TrainingJobStatus"]) == ("SageMaker Training Job State Change", "Failed")
    assert detail["Tags"] == {"use_case": "heart"}
    restored.end_interrupted()
    assert len(events) == 1


def test_its_name_is_taken_and_its_place_is_free(
    restored: LocalSageMaker, training_request: Any, lake: Any, quotas: dict[str, int]
) -> None:
    restored.end_interrupted()
    quotas["training"] = 1
    with pytest.raises(SageMakerError) as caught:
        restored.handle("CreateTrainingJob", training_request("interrupted"))
    assert caught.value.code == "ResourceInUse"
    lake.put("code/main.py", "")
    restored.handle("CreateTrainingJob", training_request("next"))


def test_records_are_online_and_those_that_were_not_in_s3_get_there(
    restored: LocalSageMaker, lake: Any
) -> None:
    asked = {"FeatureGroupName": GROUP, "RecordIdentifierValueAsString": "r1"}
    assert restored.handle_features("GetRecord", asked)["Record"][0]["ValueAsString"] == "r1"
    restored.features.offline.flush()
    [key] = lake.keys("offline-store/")
    assert pq.read_table(io.BytesIO(lake.get(key)), partitioning=None)["record_id"].to_pylist() == ["r1"]
