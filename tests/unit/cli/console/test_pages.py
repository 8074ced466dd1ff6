"""The pages of the console: what each shows, what it teaches while it is empty, and the command behind it."""

import io
from pathlib import Path
from typing import Any

import boto3
import polars as pl
import pytest
from botocore.exceptions import ClientError

from cli.bucket_objects import quarantined_rows
from cli.console.pages import inbox_pages, overview_page
from clinrisk.core import object_keys
from clinrisk.core.ingest.quarantine import QUARANTINE_SCHEMA
from tests.unit.cli.conftest import REGION
from tests.unit.cli.console.conftest import HELD, USED, Visitor, settle, write_mail
from tests.unit.cli.test_release import APPROVAL, CANARY, LIVE

EMPTY = {
    "/": ("Overview", "No model is live yet.", "clinrisk live"),
    "/inbox": ("Inbox", "No file of this kind has been dropped yet.", "clinrisk receipts"),
    "/batches": ("Batches", "No batch has been dropped yet.", "clinrisk batches"),
    "/models": ("Live models", "No candidate has needed an approval yet.", "clinrisk approvals"),
    "/models/heart": ("Heart disease risk", "No model of heart was ever live.", "clinrisk history heart"),
    "/mailbox": ("Mailbox", "No mail has been sent yet.", "twin mail"),
}


@pytest.mark.parametrize("path", EMPTY)
def test_an_empty_page_has_a_title_teaches_and_names_its_command(on_twin: Visitor, path: str) -> None:
    title, teaches, command = EMPTY[path]
    shown = on_twin.read(path)
    assert f"<title>{title} · clinrisk console</title>" in shown
    assert teaches in shown
    assert command in shown


def test_commands_carry_the_stack(on_stack: Visitor) -> None:
    shown = on_stack.read("/")
    assert "clinrisk live --stack clinrisk" in shown
    assert "--twin" not in shown
    assert "Mailbox" not in shown
    assert on_stack.client.get("/mailbox").status_code == 404


def release(deployment: Any) -> None:
    """Write a model of heart that is live, and the decision behind it."""
    deployment.item("ApprovalsTable", **APPROVAL)
    for key in ("LIVE", "VERSION#00000002"):
        deployment.item("DeploymentsTable", pk="USE_CASE#heart", sk=key, **LIVE)


def test_the_overview_shows_what_is_live_what_waits_and_what_is_wrong(
    on_twin: Visitor, batches: Any, deployment: Any
) -> None:
    release(deployment)
    cloudwatch: Any = boto3.client("cloudwatch", REGION)
    cloudwatch.put_metric_alarm(
        AlarmName="clinrisk-StuckAlarm-0A1B",
        AlarmDescription="A part stands still. Do: clinrisk stuck names it. Runbook: StuckAlarm.",
        MetricName="Stuck", Namespace="clinrisk", Statistic="Sum", Period=300, EvaluationPeriods=1,
        Threshold=0, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    cloudwatch.set_alarm_state(
        AlarmName="clinrisk-StuckAlarm-0A1B", StateValue="ALARM", StateReason="1 datapoint was above 0."
    )
    assert "Looking for what stands still" in on_twin.read("/")
    assert on_twin.site.slow["stuck"].answered.wait(30)
    shown = on_twin.read("/")
    assert "Version 2" in shown
    assert "a.csv</a> is held" in shown
    assert "A part stands still." in shown
    assert "Nobody has read it." in shown
    assert "heart: nobody can approve a release." in shown
    assert CANARY not in shown


def test_what_may_not_be_read_is_named_and_the_rest_is_shown(
    on_stack: Visitor, batches: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "DescribeAlarms")

    monkeypatch.setattr(overview_page, "alarms_of", refuse)
    shown = on_stack.read("/")
    assert "AWS refused DescribeAlarms: your identity may not do that." in shown
    assert "a.csv</a> is held" in shown


def test_batches_come_with_verdict_counts_and_results(on_twin: Visitor, batches: Any) -> None:
    shown = on_twin.read("/batches")
    assert "CAUTION" in shown
    assert "chol is missing in 9% of the rows." in shown
    assert "it waits for somebody&#39;s word" in shown or "it waits for somebody's word" in shown
    answer = on_twin.client.get(f"/batches/{USED}/results.csv")
    assert answer.get_data(as_text=True).startswith("row,id,risk\n")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert on_twin.client.get(f"/batches/{HELD}/results.csv").status_code == 404


def test_recalled_results_are_not_handed_out(on_twin: Visitor, batches: Any) -> None:
    batches.write("ResultsBucket", f"results/heart/b/{USED}.RECALLED.txt", "Do not use.")
    assert "RECALLED" in on_twin.read("/batches")
    assert on_twin.client.get(f"/batches/{USED}/results.csv").status_code == 404


def test_the_page_of_an_upload_has_receipt_results_and_what_can_be_done(
    on_twin: Visitor, batches: Any
) -> None:
    held, used = on_twin.read(f"/uploads/{HELD}"), on_twin.read(f"/uploads/{USED}")
    assert "HELD because." in held
    assert "Let it through" in held
    assert f"clinrisk let-through {HELD} --reason TEXT --twin" in held
    assert "Score it again" in used
    assert "Let it through" not in used
    assert f'href="/batches/{USED}/results.csv"' in used
    assert on_twin.client.get("/uploads/nosuch").status_code == 404


def test_an_action_runs_the_command_and_shows_its_line_and_words(on_twin: Visitor, batches: Any) -> None:
    fields = {"action": "let-through", "reason": "-- <b>checked</b> with the ward"}
    shown = on_twin.send(f"/uploads/{HELD}", fields).get_data(as_text=True)
    assert "It was not done" in shown
    assert f"clinrisk let-through {HELD} --reason" in shown
    assert "No twin runs in this folder." in shown
    assert "<b>checked" not in shown
    assert on_twin.send(f"/uploads/{HELD}", {"action": "audit"}).status_code == 404


def test_files_are_uploaded_as_the_command_does_each_with_its_own_answer(
    on_twin: Visitor, deployment: Any
) -> None:
    header = "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal"
    good = header + "\n63,1,1,145,233,1,2,150,0,2.3,3,0,6\n"
    files = [(io.BytesIO(b"a;b\n1;2\n"), "../../no patients.csv"), (io.BytesIO(good.encode()), "good.csv")]
    shown = on_twin.send("/inbox", {"as": "heart/inference", "files": files}).get_data(as_text=True)
    assert "no patients.csv would be REJECTED" in shown
    assert "clinrisk check no patients.csv --as heart/inference" in shown
    [stored] = deployment.s3.list_objects_v2(Bucket=deployment.outputs["InboxBucket"])["Contents"]
    assert stored["Key"] == "inbox/heart/inference/good.csv"


def test_files_may_be_checked_without_being_uploaded(on_twin: Visitor, deployment: Any) -> None:
    header = "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal\n"
    row = "{},1,1,145,233,1,2,150,0,2.3,3,0,6\n"
    body = header + row.format(63) + row.format(999)
    files = [(io.BytesIO(body.encode()), "ward.csv"), (io.BytesIO(b"a;b\n1;2\n"), "other.csv")]
    fields = {"as": "heart/inference", "check": "1", "files": files}
    shown = on_twin.send("/inbox", fields).get_data(as_text=True)
    assert "1 rows used, 1 set aside" in shown
    assert "First rows: 3" in shown
    assert "The header lacks age" in shown
    assert "clinrisk check FILE --as heart/inference" in shown
    assert "Contents" not in deployment.s3.list_objects_v2(Bucket=deployment.outputs["InboxBucket"])


def test_an_unchecked_file_lies_in_the_inbox_with_what_was_stated(
    on_twin: Visitor, deployment: Any, tmp_path: Path
) -> None:
    file = tmp_path / "<i>march.csv"
    file.write_text("age\n63\n")
    fields = {"as": "heart/training", "unchecked": "on", "synthetic": "on", "description": "Ward 7"}
    with file.open("rb") as body:
        shown = on_twin.send("/inbox", fields | {"files": [(body, file.name)]}).get_data(as_text=True)
    assert "&lt;i&gt;march.csv" in shown
    [stored] = deployment.s3.list_objects_v2(Bucket=deployment.outputs["InboxBucket"])["Contents"]
    assert stored["Key"] == "inbox/heart/training/<i>march.csv"
    found = deployment.s3.head_object(Bucket=deployment.outputs["InboxBucket"], Key=stored["Key"])
    assert found["Metadata"]["synthetic"] == "yes"
    assert found["Metadata"]["description"] == "Ward 7"


def test_a_file_may_only_be_what_there_is(on_twin: Visitor) -> None:
    assert on_twin.send("/inbox", {"as": "heart/../x"}).status_code == 404


def test_a_receipt_is_waited_for_and_then_leads_to_the_upload(on_twin: Visitor, batches: Any) -> None:
    waits = on_twin.read("/inbox/receipt?key=inbox/heart/inference/new.csv&version=v1")
    assert "being read" in waits
    answer = on_twin.client.get("/inbox/receipt?key=inbox/heart/inference/a.csv&version=v1")
    assert answer.headers["Location"] == f"/uploads/{HELD}"


def test_long_lists_come_in_pages_that_leave_nothing_out(on_twin: Visitor, deployment: Any) -> None:
    for number in range(60):
        settle(
            deployment, f"{number:020x}", f"{number}.csv", "ACCEPTED", f"2026-03-02T09:{number // 7:02}:00Z"
        )
    seen: list[str] = []
    path = "/inbox?of=heart/inference"
    while path:
        shown = on_twin.read(path)
        seen += [
            line.split(".csv</a>")[0].rpartition("/")[2] for line in shown.split("\n") if ".csv</a>" in line
        ]
        assert shown.count(".csv</a>") <= inbox_pages.PAGE
        path = (
            shown.partition('">Older</a>')[0].rpartition('href="')[2].replace("&amp;", "&")
            if "Older</a>" in shown
            else ""
        )
    assert seen == [str(number) for number in reversed(range(60))]


def test_quarantine_is_a_table_and_a_file(on_twin: Visitor, deployment: Any) -> None:
    settle(deployment, USED, "b.csv", "PARTIAL", "2026-03-02T09:00:00Z")
    boto3.resource("dynamodb", REGION).Table(deployment.outputs["UploadsTable"]).update_item(
        Key={"pk": f"UPLOAD#{USED}", "sk": "STATE"},
        UpdateExpression="SET rows_quarantined = :one",
        ExpressionAttributeValues={":one": 1},
    )
    row = {"row": 7, "rule": "out_of_range", "column": "age", "also": "", "raw": "=<script>1</script>,63"}
    body = io.BytesIO()
    pl.DataFrame([row], schema=QUARANTINE_SCHEMA).write_parquet(body)
    key = object_keys.quarantine("heart", USED, 0)
    deployment.s3.put_object(Bucket=deployment.outputs["LakeBucket"], Key=key, Body=body.getvalue())
    shown = on_twin.read(f"/uploads/{USED}")
    assert "=&lt;script&gt;1" in shown
    assert "<script>1" not in shown
    sent = on_twin.read(f"/uploads/{USED}/quarantine.csv")
    assert "'=<script>1" in sent  # a spreadsheet does not run it
    assert quarantined_rows(on_twin.site.stack, "heart", USED)[0]["row"] == 7


def test_models_show_history_decision_and_documents(on_twin: Visitor, deployment: Any) -> None:
    release(deployment)
    folder = "reports/heart/heart-0123456789"
    deployment.write("ResultsBucket", f"{folder}/report.html", "<h1>The report</h1>")
    deployment.write("ResultsBucket", "model-pages/heart/2026-03-02T09-00-00-a.html", "<h1>Old</h1>")
    deployment.write("ResultsBucket", "model-pages/heart/2026-03-03T09-00-00-a.html", "<h1>New</h1>")
    shown = on_twin.read("/models/heart")
    assert "Calibration holds." in shown
    assert "2026-03-01 11:01 UTC" in shown
    assert on_twin.read("/models/heart/page.html") == "<h1>New</h1>"
    answer = on_twin.client.get("/models/heart/report.html")
    assert answer.get_data(as_text=True) == "<h1>The report</h1>"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox;")
    assert on_twin.client.get("/models/heart/model.html").status_code == 404
    assert on_twin.client.get("/models/nosuch").status_code == 404
    assert "There is no page for stroke yet" in on_twin.client.get("/models/stroke/page.html").get_data(
        as_text=True
    )


def test_mail_is_shown_escaped_newest_first_with_its_links(on_twin: Visitor, tmp_path: Path) -> None:
    link = "http://127.0.0.1:4566/_aws/execute-api/a/approvals/b?x=1&mac=2"
    for number, body in enumerate((f"Decide here: {link}\n", "<script>1</script>")):
        write_mail(tmp_path, f"Mail {number}", body, f"2026-03-0{number + 1}T00:00:00Z")
    shown = on_twin.read("/mailbox")
    assert shown.index("Mail 1") < shown.index("Mail 0")
    assert "<script>1" not in shown
    assert f'<a href="{link.replace("&", "&amp;")}" rel="noopener noreferrer">' in shown
    assert "Mail 0" in on_twin.read("/mailbox?to=ada@example.org")
    assert "Mail 0" not in on_twin.read("/mailbox?to=eve@example.org")
    assert "Mail 0" not in on_twin.read("/mailbox?page=2")
