"""A stack of SageMaker resources in the twin, and the code of its jobs."""

import json
from collections.abc import Callable
from typing import Any

import pytest

ROLE = "arn:aws:iam::000000000000:role/sagemaker"
CODE = """
import os, pathlib, sys, time
root = pathlib.Path(os.environ["CLINRISK_ML_ROOT"])
if sys.argv[1] == "train":
    import numpy, xgboost
    matrix = numpy.random.default_rng(0).normal(size=(200, 3))
    parameters = {"objective": "binary:logistic", "seed": 1, "nthread": 1}
    model = xgboost.train(parameters, xgboost.DMatrix(matrix, matrix[:, 0] > 0), 5)
    (root / "model/xgboost-model").write_bytes(model.save_raw("ubj"))
if sys.argv[1] == "process":
    (root / "processing/output/made/a.txt").write_text("made")
if sys.argv[1] == "fail":
    (root / "output/failure").write_text("one class only")
    sys.exit(1)
if sys.argv[1] == "wait":
    time.sleep(600)
"""


TEMPLATE = {
    "Resources": {
        "Models": {
            "Type": "AWS::SageMaker::ModelPackageGroup",
            "Properties": {"ModelPackageGroupName": {"Fn::Sub": "${AWS::StackName}-heart"}},
        },
        "Features": {
            "Type": "AWS::SageMaker::FeatureGroup",
            "Properties": {
                "FeatureGroupName": {"Fn::Sub": "${AWS::StackName}-heart-v1"},
                "RecordIdentifierFeatureName": "record_id",
                "EventTimeFeatureName": "event_time",
                "FeatureDefinitions": [
                    {"FeatureName": "record_id", "FeatureType": "String"},
                    {"FeatureName": "event_time", "FeatureType": "String"},
                    {"FeatureName": "age", "FeatureType": "Fractional"},
                ],
                "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://sm-lake/offline-store/"}},
                "RoleArn": ROLE,
            },
        },
    },
    "Outputs": {
        "Models": {"Value": {"Ref": "Models"}},
        "Features": {"Value": {"Ref": "Features"}},
        "Created": {"Value": {"Fn::GetAtt": ["Features", "CreationTime"]}},
    },
}


def _training(name: str, what: str, seconds: int = 60) -> dict[str, Any]:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://sm-lake/code/"}}
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": "sagemaker-xgboost",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python3", "/opt/ml/input/data/code/main.py"],
            "ContainerArguments": [what],
        },
        "InputDataConfig": [{"ChannelName": "code", "DataSource": source}],
        "OutputDataConfig": {"S3OutputPath": "s3://sm-lake/models/"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
        "EnableNetworkIsolation": True,
    }


@pytest.fixture
def training() -> Callable[..., dict[str, Any]]:
    """`training(name, what, seconds=)`: the request of a job that runs one branch of the code above."""
    return _training


@pytest.fixture(scope="session")
def stack(twin: Any) -> dict[str, str]:
    s3, stacks = twin.client("s3"), twin.client("cloudformation")
    s3.create_bucket(Bucket="sm-lake")
    s3.put_object(Bucket="sm-lake", Key="code/main.py", Body=CODE)
    stacks.create_stack(
        StackName="sm", TemplateBody=json.dumps(TEMPLATE), Tags=[{"Key": "owner", "Value": "me"}]
    )
    stacks.get_waiter("stack_create_complete").wait(StackName="sm", WaiterConfig={"Delay": 1})
    [found] = stacks.describe_stacks(StackName="sm")["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}
