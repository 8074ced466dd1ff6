"""Bad input and broken parts on the deployed stack: a receipt or a reason, a mail, and nothing half done."""

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import RunningTwin
from tests.statemachines.definitions import resources

pytestmark = pytest.mark.twin

HEADER = b"age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal,num\n"
ROW = b"63,1,1,145,233,1,2,150,0,2.3,3,0,6,0\n"
CANARY = b"Q7canaryZX"
BAD_FILES = {
    "inbox/liver/training/patients.csv": HEADER + ROW,
    "inbox/heart/gossip/patients.csv": HEADER + ROW,
    "inbox/heart/training/empty.csv": b"",
    "inbox/heart/training/header-only.csv": HEADER,
    "inbox/heart/training/wrong-header.csv": HEADER.replace(b"chol", CANARY) + ROW,
    "inbox/heart/training/page.csv": b"<!doctype html><html><body>" + CANARY + b"</body></html>",
    "inbox/heart/training/bytes.csv": HEADER + b"\xff\xfe\x80" + CANARY + b"\n",
    "inbox/heart/training/unlabelled.csv": HEADER.replace(b",num", b"") + ROW.replace(b",0\n", b"\n"),
    "inbox/heart/training/impossible.csv": HEADER + ROW.replace(b"63", b"630") + ROW.replace(b"145", CANARY),
}


@pytest.fixture(scope="module")
def receipts(twin: RunningTwin, stack: dict[str, str]) -> dict[str, Any]:
    """Each bad file, dropped, with its receipt."""
    s3 = twin.client("s3")
    for key, content in BAD_FILES.items():
        s3.put_object(Bucket=stack["InboxBucket"], Key=key, Body=content)
    return {key: twin.receipt(stack["ResultsBucket"], key) for key in BAD_FILES}


@pytest.mark.parametrize("key", BAD_FILES)
def test_a_bad_file_is_rejected_with_a_reason_and_a_remedy(receipts: dict[str, Any], key: str) -> None:
    receipt = receipts[key]
    assert receipt["disposition"] == "REJECTED"
    assert receipt["rows_accepted"] == 0
    assert receipt["reasons"]
    assert receipt["explanation"]


def test_a_wrong_header_names_the_column_that_is_missing(receipts: dict[str, Any]) -> None:
    assert "chol" in " ".join(receipts["inbox/heart/training/wrong-header.csv"]["explanation"])


def test_the_data_manager_gets_mail_about_every_bad_file_and_sees_no_value_of_it(
    twin: RunningTwin, receipts: dict[str, Any]
) -> None:
    def mailed() -> list[str]:
        mails = twin.mail("data-manager@example.org")
        return [mail["subject"] + mail["body"] for mail in mails]

    assert twin.until(lambda: all(any(key in text for text in mailed()) for key in BAD_FILES))
    texts = [*mailed(), *(json.dumps(receipt) for receipt in receipts.values())]
    assert not [text for text in texts if "Traceback" in text]
    # In a header the canary is the name of a column, which the sender has to read.
    assert [text for text in texts if CANARY.decode() in text and "wrong-header" not in text] == []


def test_a_good_row_next_to_a_bad_one_is_used_and_the_bad_one_counted(
    twin: RunningTwin, stack: dict[str, str]
) -> None:
    key = "inbox/heart/inference/mixed.csv"
    rows = b"".join(ROW.replace(b"63", str(age).encode()) for age in range(40, 45))
    content = HEADER + rows + ROW.replace(b"145", b"no")
    twin.client("s3").put_object(Bucket=stack["InboxBucket"], Key=key, Body=content)
    receipt = twin.receipt(stack["ResultsBucket"], key)
    assert receipt["disposition"] == "PARTIAL"
    assert (receipt["rows_accepted"], receipt["rows_quarantined"]) == (5, 1)
    assert list(receipt["reasons"].values()) == [1]


def test_a_failing_job_gives_its_reason_is_announced_and_registers_nothing(
    twin: RunningTwin, stack: dict[str, str], tmp_path: Path
) -> None:
    s3, lake = twin.client("s3"), stack["LakeBucket"]
    (code,) = [one["Key"] for one in s3.list_objects_v2(Bucket=lake, Prefix="code/")["Contents"]]
    good = s3.get_object(Bucket=lake, Key=code)["Body"].read()
    broken = b"""import os, pathlib, sys
message = pathlib.Path(os.environ["CLINRISK_ML_ROOT"], "output/message")
message.parent.mkdir(parents=True, exist_ok=True)
message.write_text("The disk of this worker is on fire.")
sys.exit(1)
"""
    s3.put_object(Bucket=lake, Key=code, Body=broken)
    try:
        cohort = tmp_path / "fire.csv"
        twin.clinrisk("cohort", "heart", "--rows", "300", "--seed", "5", "--out", cohort)
        twin.clinrisk("drop", cohort, "--as", "heart/training", "--wait")

        def failed() -> Any:
            executions = twin.clinrisk("status")
            return [e for e in executions if e["machine"] == "training" and e["status"] == "FAILED"]

        (execution,) = twin.until(failed)
    finally:
        s3.put_object(Bucket=lake, Key=code, Body=good)
    assert "on fire" in execution["reason"]
    mails = twin.until(
        lambda: [one for one in twin.mail("operator@example.org") if "heart" in one["subject"]]
    )
    assert "on fire" in mails[-1]["body"]
    group = f"{stack['NamePrefix']}-heart-v1"
    packages = twin.client("sagemaker").list_model_packages(ModelPackageGroupName=group)
    assert packages["ModelPackageSummaryList"] == []


def breaches(alarm: dict[str, Any], lasts: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield data of every period that break the limit of an alarm: namespace and datum.

    lasts: seconds after which what the alarm saw is longer ago than it looks back.
    """
    metric, period = alarm, alarm.get("Period", 0)
    if alarm.get("Metrics"):
        [metric, *_] = (one["MetricStat"]["Metric"] for one in alarm["Metrics"] if "MetricStat" in one)
        period = next(one["MetricStat"]["Period"] for one in alarm["Metrics"] if "MetricStat" in one)
    above = alarm["ComparisonOperator"] == "GreaterThanThreshold"
    now = datetime.now(UTC)
    for number in range(alarm["EvaluationPeriods"]):
        began = now - timedelta(seconds=(number + 1) * period - lasts)
        yield (
            metric["Namespace"],
            {
                "MetricName": metric["MetricName"],
                "Dimensions": metric.get("Dimensions", []),
                "Timestamp": began if above else now - timedelta(seconds=number * period),
                "Value": alarm["Threshold"] + (1 if above else -1),
            },
        )


def test_every_alarm_goes_on_is_mailed_with_its_remedy_and_goes_off(
    twin: RunningTwin, stack: dict[str, str]
) -> None:
    cloudwatch = twin.client("cloudwatch")

    def on() -> set[str]:
        return {one["AlarmName"] for one in cloudwatch.describe_alarms(StateValue="ALARM")["MetricAlarms"]}

    known = cloudwatch.describe_alarms(AlarmNamePrefix="clinrisk-")["MetricAlarms"]
    assert len(known) == len(resources("AWS::CloudWatch::Alarm"))
    # One that a fault of another test has set off goes on as it should; its fault may not be over. And where
    # checks of another test ran today, nothing makes the last two days unwatched.
    ran = cloudwatch.list_metrics(MetricName="CheckRan")["Metrics"]
    watched = {one["Value"] for metric in ran for one in metric["Dimensions"] if one["Name"] == "use_case"}
    alarms = {
        one["AlarmName"]: one
        for one in known
        if one["StateValue"] != "ALARM"
        and not any(f"{name.capitalize()}Unwatched" in one["AlarmName"] for name in watched)
    }
    fired: set[str] = set()

    def break_limits(names: Iterable[str], lasts: float) -> float:
        data: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for namespace, datum in (each for name in names for each in breaches(alarms[name], lasts)):
            data[namespace].append(datum)
        for namespace, together in data.items():
            cloudwatch.put_metric_data(Namespace=namespace, MetricData=together)
        return time.monotonic()

    lasts = 8.0
    broken = break_limits(alarms, lasts)

    def all_fired() -> bool:
        nonlocal broken, lasts
        fired.update(on())
        if time.monotonic() - broken > lasts:
            lasts *= 2  # a busy machine needs longer to look at all of them
            broken = break_limits(alarms.keys() - fired, lasts)
        return fired >= alarms.keys()

    assert twin.until(all_fired)
    listed = twin.clinrisk("alarms", "--all")
    assert len(listed) == len(known)
    assert all(one["remedy"] and one["runbook"] for one in listed)
    # What is silent goes off when it is heard again; the others when what they saw is long enough ago.
    twin.run(stack["MonitoringStateMachine"], {"use_case": "heart"})
    assert twin.until(lambda: not on() & alarms.keys())
    mailed = [one["body"] for one in twin.mail("operator@example.org")]
    for name, alarm in alarms.items():
        [mail, *_] = [body for body in mailed if name in body]
        assert alarm["AlarmDescription"].rpartition("Runbook: ")[2] in mail
