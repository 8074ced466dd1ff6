"""The console over a stack on moto: as it shows a stack on AWS, and as it shows a twin."""

import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cli.console.site import ConsoleSite
from cli.console.web_app import create_app
from cli.executions import Execution, StateVisit
from cli.stack import open_stack
from clinrisk.aws import clients
from tests.unit.cli.conftest import REGION

SECRET = "the-key-of-this-test"  # noqa: S105
ORIGIN = "http://localhost"
HELD = "a" * 20
USED = "b" * 20
STUCK = {"name": "inbox/heart/training/march.csv", "kind": "UNREAD", "since": "2026-03-02T09:00:00.000Z"}


@dataclass
class Visitor:
    """A browser that came with the key, and the console that it sees."""

    client: FlaskClient
    site: ConsoleSite

    def read(self, path: str) -> str:
        """Return the text of a page, which has to be there."""
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_data(as_text=True)

    def send(self, path: str, fields: dict[str, Any], **headers: str) -> TestResponse:
        """Send a form as a page of the console would; a header or a field that is given replaces its own."""
        sent: dict[str, Any] = {"token": self.site.form_token} | fields
        return self.client.post(path, data=sent, headers={"Origin": ORIGIN} | headers)


class Reconciler:
    """Lambda, with a reconciler that has found one thing."""

    def invoke(self, **_: Any) -> dict[str, Any]:
        found = {"stuck": [STUCK | {"subject": HELD, "reason": "Nobody has read it."}], "more": 0}
        return {"Payload": io.BytesIO(json.dumps(found).encode())}


def visitor(site: ConsoleSite) -> Visitor:
    client = create_app(site).test_client()
    assert client.get(f"/?key={SECRET}").status_code == 302
    return Visitor(client, site)


@pytest.fixture
def on_stack(deployment: Any, monkeypatch: pytest.MonkeyPatch) -> Visitor:
    """A console over a stack: it only reads."""
    monkeypatch.setattr(clients, "functions", cache(Reconciler))
    return visitor(ConsoleSite(open_stack(None, on_twin=False), SECRET))


@pytest.fixture
def on_twin(deployment: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Visitor:
    """A console over a twin whose folder is empty."""
    monkeypatch.setattr(clients, "functions", cache(Reconciler))
    monkeypatch.setenv("TWIN_STATE_DIR", str(tmp_path))
    return visitor(ConsoleSite(open_stack(None, on_twin=False), SECRET, tmp_path))


@pytest.fixture
def batches(deployment: Any) -> Any:
    """A held batch of heart, and one with results."""
    write_batches(deployment)
    return deployment


def write_batches(deployment: Any) -> None:
    """Write what the pipeline leaves of a held batch and of one with results."""
    for upload_id, disposition in ((HELD, "HELD"), (USED, "ACCEPTED")):
        settle(deployment, upload_id, f"{upload_id[0]}.csv", disposition, "2026-03-02T09:00:00Z")
    sidecar = {
        "verdict": "CAUTION",
        "cautions": ["chol is missing in 9% of the rows."],
        "counts": {"rows": 60, "scored": 59, "flagged": 20, "uncertain": 3},
        "model": {"live_version": 4},
        "scored_at": "2026-03-02T09:05:00.000Z",
        "results": {"uri": "s3://results/x.csv", "sha256": "5" * 64, "version_id": "v1"},
    }
    deployment.write("ResultsBucket", f"results/heart/b/{USED}.json", sidecar)
    deployment.write("ResultsBucket", f"results/heart/b/{USED}.csv", "row,id,risk\n2,p1,0.31\n")


def write_mail(twin: Path, subject: str, body: str, at: str = "2026-03-01T00:00:00Z") -> None:
    """Write a mail as the twin's topics deliver it."""
    box = twin / "mail" / "ada@example.org"
    box.mkdir(parents=True, exist_ok=True)
    mail = {"to": "ada@example.org", "subject": subject, "body": body, "at": at}
    (box / f"{subject}.json").write_text(json.dumps(mail))


def settle(deployment: Any, upload_id: str, file: str, disposition: str, at: str) -> None:
    """Write how an upload was settled, and its receipt."""
    key = f"inbox/heart/inference/{file}"
    item = {
        "upload_id": upload_id, "key": key, "version_id": "v1", "use_case": "heart", "purpose": "inference",
        "sha256": "0" * 64, "disposition": disposition, "rows_accepted": 60, "rows_quarantined": 0,
        "labelled_rows": 0, "settled_at": at, "status": "SETTLED", "decisions": [],
        "receipt": {"uri": "s3://results/receipts/x.json", "sha256": "0" * 64},
    }  # fmt: skip
    deployment.item("UploadsTable", pk=f"UPLOAD#{upload_id}", sk="STATE", **item)
    deployment.item("UploadsTable", pk="USE_CASE#heart#inference", sk=f"{at}#{upload_id}", **item)
    receipt = {"disposition": disposition, "upload_id": upload_id, "explanation": [f"{disposition} because."]}
    deployment.write("ResultsBucket", f"receipts/{key}.v1.json", receipt)


def write_execution(deployment: Any) -> Execution:
    """Start an execution, and return it as one that has failed: moto runs none."""
    states = boto3.client("stepfunctions", REGION)
    machine = deployment.outputs["TrainingStateMachine"]
    arn = states.start_execution(stateMachineArn=machine, name="run-1", input="{}")["executionArn"]
    began = datetime(2026, 3, 1, tzinfo=UTC)
    ended = began + timedelta(seconds=75)
    visit = StateVisit("End", began, ended)
    return Execution(
        *("training", arn, "run-1", "FAILED", began, ended, "heart", ""),
        visits=(visit,),
        error="CandidateBlocked",
        reason="The bar was not met.",
    )


def write_dashboards() -> None:
    """Write the stack's dashboards, and a metric of one of their widgets."""
    widgets = [
        {"type": "alarm", "properties": {"title": "Alarms", "alarms": []}},
        {
            "type": "metric",
            "properties": {
                "title": "Patients scored",
                "view": "timeSeries",
                "stat": "Sum",
                "period": 3600,
                "metrics": [
                    ["clinrisk", "RowsScored", "use_case", "heart", {"label": "heart <patients>"}],
                    [".", ".", ".", "stroke", {"label": "stroke patients"}],
                ],
                "annotations": {"horizontal": [{"label": "alarm above", "value": 50}]},
            },
        },
        {
            "type": "metric",
            "properties": {
                "title": "What is live",
                "view": "singleValue",
                "stat": "Maximum",
                "period": 3600,
                "metrics": [["clinrisk", "LiveVersion", "use_case", "heart", {"label": "heart version"}]],
            },
        },
    ]
    cloudwatch: Any = boto3.client("cloudwatch", REGION)
    for name in ("ClinicalDashboard", "OperationsDashboard"):
        cloudwatch.put_dashboard(DashboardName=name, DashboardBody=json.dumps({"widgets": widgets}))
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    for metric, ago, value in (("RowsScored", 20, 40), ("RowsScored", 10, 60), ("LiveVersion", 5, 7)):
        datum = {
            "MetricName": metric,
            "Dimensions": [{"Name": "use_case", "Value": "heart"}],
            "Timestamp": minute - timedelta(minutes=ago),
            "Value": value,
        }
        cloudwatch.put_metric_data(Namespace="clinrisk", MetricData=[datum])
