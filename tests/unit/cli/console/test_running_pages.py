"""What ran, what monitoring found, and the ledger, as pages."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.stepfunctions.models import stepfunctions_backends

from cli import executions
from cli.console.pages import execution_pages, ledger_pages, overview_page
from cli.executions import Execution, StateVisit
from clinrisk.aws import clients
from clinrisk.core.ledger.chain import entry_key
from tests.unit.cli.conftest import REGION
from tests.unit.cli.console.conftest import Visitor, write_execution
from tests.unit.cli.test_audit import WITHDRAWN, signing_key, write
from tests.unit.cli.test_monitoring import KNOWN
from tests.unit.ledger.ledger_objects import Occurrence

assert signing_key  # a fixture of the ledger
START = datetime(2026, 3, 1, tzinfo=UTC)
EMPTY = {
    "/executions": ("Executions of ingest", "It has not run yet.", "clinrisk status"),
    "/executions?of=training": ("Executions of training", "It has not run yet.", "clinrisk status"),
    "/findings": ("Findings", "No finding is open.", "clinrisk findings"),
    "/ledger": ("Ledger", "The ledger holds nothing yet", "clinrisk audit show"),
}


def test_empty_pages_teach_and_name_their_command(on_twin: Visitor) -> None:
    for path, (title, teaches, command) in EMPTY.items():
        shown = on_twin.read(path)
        assert f"<title>{title} · clinrisk console</title>" in shown
        assert teaches in shown
        assert command in shown
    assert on_twin.client.get("/executions?of=nosuch").status_code == 404
    assert on_twin.client.get("/executions/nosuch/x").status_code == 404


def start(deployment: Any, name: str) -> str:
    states = boto3.client("stepfunctions", REGION)
    given = json.dumps({"use_case": "heart", "link": "https://a.example/b?approver=1&mac=secret-mac"})
    started = states.start_execution(
        stateMachineArn=deployment.outputs["TrainingStateMachine"], name=name, input=given
    )
    return started["executionArn"]


def test_executions_come_in_pages(on_twin: Visitor, deployment: Any) -> None:
    for number in range(30):
        start(deployment, f"run-{number:02}")
    first = on_twin.read("/executions?of=training")
    assert first.count("/executions/training/run-") == execution_pages.PAGE
    older = first.partition('">Older</a>')[0].rpartition('href="')[2].replace("&amp;", "&")
    second = on_twin.read(older)
    assert second.count("/executions/training/run-") == 30 - execution_pages.PAGE
    assert "Older</a>" not in second


def test_an_execution_is_a_picture_with_its_end_in_words(on_twin: Visitor, deployment: Any) -> None:
    run = write_execution(deployment)
    on_twin.site.known[run.arn] = run
    shown = on_twin.read("/executions/training/run-1")
    assert "The bar was not met." in shown
    assert "1 min 15 s" in shown
    assert 'class="state failed"' in shown
    assert "state=End#state" in shown


def test_a_picture_that_may_not_be_drawn_leaves_the_states_as_a_list(
    on_stack: Visitor, deployment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = start(deployment, "run-1")
    on_stack.site.known[arn] = Execution(
        "training", arn, "run-1", "SUCCEEDED", START, START, visits=(StateVisit("End", START, START),)
    )

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeStateMachine")

    monkeypatch.setattr(clients.stepfunctions(), "describe_state_machine", refuse)
    shown = on_stack.read("/executions/training/run-1")
    assert "AWS refused DescribeStateMachine" in shown
    assert "<li>End: 0.0 s</li>" in shown


def test_a_state_shows_what_came_in_without_what_opens_a_link(
    on_twin: Visitor, deployment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = start(deployment, "run-1")
    given = json.dumps({"link": "https://a.example/b?approver=1&mac=secret-mac", "rows": 7})
    failed = {"error": "States.Timeout", "cause": ""}
    history = [
        {
            "type": "TaskStateEntered",
            "timestamp": START,
            "stateEnteredEventDetails": {"name": "Ask", "input": given},
        },
        {"type": "TaskFailed", "timestamp": START, "taskFailedEventDetails": failed},
        {
            "type": "TaskStateExited",
            "timestamp": START,
            "stateExitedEventDetails": {"name": "Ask", "output": "{}"},
        },
    ]

    class Pages:
        def paginate(self, **asked: Any) -> list[dict[str, Any]]:
            assert asked["executionArn"] == arn
            return [{"events": history}]

    monkeypatch.setattr(clients.stepfunctions(), "get_paginator", lambda _: Pages())
    shown = on_twin.read("/executions/training/run-1?state=Ask")
    assert "&#34;rows&#34;: 7" in shown
    assert "mac=(hidden)" in shown
    assert "secret-mac" not in shown
    assert "What went out" in shown
    assert 'class="ALERT"' in shown
    assert "has not entered it" in on_twin.read("/executions/training/run-1?state=Other")


def test_findings_show_owner_changes_and_the_newest_run(on_twin: Visitor, deployment: Any) -> None:
    deployment.item("FindingsTable", pk="USE_CASE#heart", sk="FINDING#heart-drift", **KNOWN)
    over = KNOWN | {"finding_id": "heart-bias", "state": "CLEARED", "check": "bias"}
    deployment.item("FindingsTable", pk="USE_CASE#heart", sk="FINDING#heart-bias", **over)
    found = {"check": "drift", "batch": "inbox/heart/inference/a.csv", "verdict": "ALERT", "detail": "Moved."}
    deployment.write("LakeBucket", "findings/heart/run-1.json", {"findings": [found]})
    shown = on_twin.read("/findings")
    assert "heart-drift" in shown
    assert "overdue" in shown
    assert "monitoring: Age moved." in shown
    assert "heart-bias" not in shown
    assert "heart-bias" in on_twin.read("/findings?all=1")
    assert "Moved." in shown
    assert "clinrisk resolve heart-drift --reason TEXT --twin" in shown


def test_a_change_of_a_finding_runs_its_command(on_twin: Visitor, deployment: Any) -> None:
    deployment.item("FindingsTable", pk="USE_CASE#heart", sk="FINDING#heart-drift", **KNOWN)
    fields = {
        "action": "assign",
        "subject": "heart-drift",
        "to": "Dr Ada",
        "reason": "Looks like a new scanner.",
    }
    shown = on_twin.send("/findings", fields).get_data(as_text=True)
    assert "clinrisk assign heart-drift --to &#39;Dr Ada&#39; --reason" in shown
    assert "No twin runs in this folder." in shown
    for wrong in ({"subject": "nosuch"}, {"action": "rollback"}, {"action": "monitor", "subject": "nosuch"}):
        assert on_twin.send("/findings", fields | wrong).status_code == 404


def test_the_ledger_is_read_newest_first_in_pages_and_verified(
    on_stack: Visitor, deployment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_pages, "PAGE", 2)
    events = [Occurrence(which=n, use_case="heart", at=f"2026-03-0{n}T09:30:00.000Z") for n in (1, 2)]
    made = write(deployment, WITHDRAWN, *events)
    first = on_stack.read("/ledger")
    assert first.index(made[2].sha256) < first.index(made[1].sha256)
    assert made[0].sha256 not in first
    assert made[0].sha256 in on_stack.read("/ledger?before=2")
    assert "It holds" in on_stack.read("/ledger?verify=1")
    deployment.write("AuditBucket", entry_key(made[1].number), '{"altered": true}')
    altered = on_stack.read("/ledger?verify=1")
    assert "It holds" not in altered
    assert "docs/runbook.md" in altered


def test_the_overview_reads_the_history_of_what_it_shows_and_of_ended_ones_once(
    on_twin: Visitor, deployment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arns = [start(deployment, f"run-{number:02}") for number in range(20)]
    backend: Any = stepfunctions_backends["123456789012"][REGION]
    for machine in backend.state_machines:
        for execution in machine.executions[1:]:
            execution.status, execution.stop_date = "SUCCEEDED", execution.start_date
    read: list[str] = []
    load = executions.load

    def noted(stack: Any, machine: str, listed: Any) -> Execution:
        read.append(listed["executionArn"])
        return load(stack, machine, listed)

    monkeypatch.setattr(executions, "load", noted)
    on_twin.read("/")
    assert len(read) == overview_page.ENDED_SHOWN + 1
    assert arns[0] in read
    on_twin.read("/")
    assert read[overview_page.ENDED_SHOWN + 1 :] == [arns[0]]
