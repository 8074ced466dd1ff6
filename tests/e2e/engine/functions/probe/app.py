"""A Lambda for the engine's tests: what it does is named in its event."""

import json
import os
import sys
import urllib.request
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


class OutOfPatience(Exception):  # noqa: N818
    """Raised on request."""


def handler(event: Any, context: Any) -> Any:
    """Do what the event names."""
    if "RequestType" in event:
        return custom_resource(event)
    if "requestContext" in event:
        return page(event)
    return globals()[event["do"]](event)


def fail(event: Any) -> Any:
    raise OutOfPatience("as asked")


def echo(event: Any) -> Any:
    return event


def surroundings(event: Any) -> Any:
    return {
        "path": sys.path,
        "environment": sorted(os.environ),
        "modules": {
            name: importable(name)
            for name in ("sharedcode", "boto3", "clinrisk", "twin", "ministack", "typer")
        },
        "where": getattr(sys.modules.get("sharedcode"), "__file__", None),
    }


def importable(name: str) -> bool:
    try:
        __import__(name)
    except ImportError:
        return False
    return True


def metrics(event: Any) -> Any:
    print(
        json.dumps(
            {
                "_aws": {
                    "Timestamp": 1,
                    "CloudWatchMetrics": [
                        {
                            "Namespace": "probe",
                            "Dimensions": [["use_case"]],
                            "Metrics": [{"Name": "Seen", "Unit": "Count"}],
                        }
                    ],
                },
                "use_case": "heart",
                "Seen": [3.0],
            }
        )
    )
    return {}


def read(event: Any) -> Any:
    client = boto3.client("s3")
    return client.get_object(Bucket=event["bucket"], Key=event["key"])["Body"].read().decode()


def identity(event: Any) -> Any:
    return {"arn": boto3.client("sts").get_caller_identity()["Arn"], "key": os.environ["AWS_ACCESS_KEY_ID"]}


def keep_text(event: Any) -> Any:
    boto3.client("s3").put_object(Bucket=event["bucket"], Key=event["key"], Body=event["text"].encode())
    return {}


def call_itself(event: Any) -> Any:
    client = boto3.client("lambda", config=Config(retries={"max_attempts": 0}))
    inner = json.dumps({"do": "echo", "n": 1})
    try:
        answer = client.invoke(FunctionName=os.environ["AWS_LAMBDA_FUNCTION_NAME"], Payload=inner)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return json.loads(answer["Payload"].read())


def grow(event: Any) -> Any:
    return len(bytearray(event["bytes"]))


def keep(event: Any) -> Any:
    boto3.client("s3").put_object(Bucket=event["bucket"], Key="open/token", Body=event["token"].encode())


def complete(event: Any) -> Any:
    boto3.client("stepfunctions").send_task_success(
        taskToken=event["token"], output='{"decision": "APPROVED"}'
    )
    return {}


def page(event: Any) -> Any:
    body = f"{event['requestContext']['http']['method']} {event['rawPath']} {event.get('pathParameters')}"
    return {"statusCode": 200, "headers": {"content-type": "text/html"}, "body": body}


def custom_resource(event: Any) -> Any:
    answer = {
        "Status": "SUCCESS",
        "PhysicalResourceId": "made",
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": {"Prefix": "made/by/lambda"},
    }
    request = urllib.request.Request(
        event["ResponseURL"], json.dumps(answer).encode(), {"content-type": ""}, method="PUT"
    )
    urllib.request.urlopen(request)
