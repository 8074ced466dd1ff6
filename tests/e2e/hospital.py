"""A deployed stack as a hospital uses it: files go in, and mail, pages and results come out."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import boto3
from botocore.config import Config
from pyotp import TOTP

from cli.local_files import synthetic_cohort
from twin import mailbox
from twin.demo.approver import approve, enrol, invitation_in, link_in, read_form

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import RunningTwin

# SageMaker and Step Functions assume their roles under conditions that a test cannot meet.
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


APPROVER = "ann@example.org"


@dataclass
class Hospital:
    """The deployed stack as its people use it: files in, mail and pages out."""

    twin: RunningTwin
    outputs: dict[str, str]
    seen: dict[str, Any] = field(default_factory=dict)
    phones: dict[str, TOTP] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def drop(self, purpose: str, name: str, rows: int, seed: int) -> None:
        body = synthetic_cohort.draw("heart", rows=rows, seed=seed)
        key = f"inbox/heart/{purpose}/{name}.csv"
        self.twin.client("s3").put_object(Bucket=self.outputs["InboxBucket"], Key=key, Body=body)

    def wait(self, give: Callable[[], Any]) -> Any:
        """Return the first answer; whoever waits in vain is ended by the test's own timeout."""
        while not (answer := give()):
            time.sleep(0.3)  # the jobs need the processor more than this question does
        return answer

    def executions(self, machine: str) -> list[dict[str, Any]]:
        arn = self.outputs[f"{machine}StateMachine"]
        found = self.twin.client("stepfunctions").list_executions(stateMachineArn=arn)["executions"]
        return sorted(found, key=lambda one: one["startDate"], reverse=True)

    def mails(self, to: str) -> list[dict[str, Any]]:
        return mailbox.read(self.twin.state_dir / "mail", f"{to}@example.org")

    def ended(self, machine: str, count: int) -> list[dict[str, Any]]:
        """Wait until `count` executions have ended, and return them, newest first."""

        def enough() -> Any:
            over = [one for one in self.executions(machine) if one["status"] != "RUNNING"]
            return over if len(over) >= count else None

        found: list[dict[str, Any]] = self.wait(enough)
        return found

    def add_approver(self, name: str = "Ann Lee", role: str = "clinical", *more: str) -> str:
        """Let somebody become an approver and enrol, and return the address."""
        address = f"{name.partition(' ')[0].lower()}@example.org"
        self.twin.clinrisk("approvers", "add", name, "--mail", address, "--role", role, *more)
        self.twin.clinrisk("approvers", "invite", address)
        invitation = invitation_in(mailbox.read(self.twin.state_dir / "mail", address))
        assert invitation is not None
        self.phones[address] = TOTP(enrol(invitation))
        self.used[address] = int(time.time()) // 30
        return address

    def code(self, address: str = APPROVER) -> str:
        """Return a code of an approver that was not returned before; who hurries has one of a fast clock."""
        with self.one_at_a_time:
            self.used[address] = max(self.used[address] + 1, int(time.time()) // 30 - 2)
            return self.phones[address].generate_otp(self.used[address])

    def approve(self, link: str) -> None:
        """Approve what a link of the first approver asks about."""
        approve(link, self.code())

    def answered(self, link: str, decision: str) -> tuple[int, str]:
        """Answer what a link of the first approver asks about; of two at once, one takes the next code."""
        status, text = answered(link, decision, self.code())
        return answered(link, decision, self.code()) if "used already" in text else (status, text)

    def countersigned(self, count: int) -> tuple[int, str]:
        """Wait for the `count`-th change to countersign, agree to it, and return status and words."""

        def asked() -> Any:
            found = [one["body"] for one in self.mails("ann") if "/changes/" in one["body"]]
            return found[-1] if len(found) >= count else None

        [link] = re.findall(r"https?://\S+/changes/\S+", self.wait(asked))
        _, html = requested("GET", link)
        given = {"answer": "agree", "reason": "A reason that is long enough.", "code": self.code()}
        status, html = requested("POST", link, urlencode(dict(read_form(html).fields) | given))
        return status, text_of(html)

    def question(self, count: int, failed: int = 0) -> tuple[str, str]:
        """Wait for the `count`-th question to the approver, and return the mail and its link.

        `failed` is how many executions have failed before; one more would be the end of the waiting.
        """

        def asked() -> Any:
            ran = [*self.executions("Training"), *self.executions("Release")]
            assert [one["status"] for one in ran].count("FAILED") == failed
            questions = [one for one in self.mails("ann") if "/approvals/" in one["body"]]
            return questions if len(questions) >= count else None

        mail = self.wait(asked)[-1]
        link = link_in([mail], "")
        assert link is not None
        return mail["body"], link

    def results(self, stem: str) -> bytes:
        """Wait for a batch's results and return the file."""
        s3, bucket = self.twin.client("s3"), self.outputs["ResultsBucket"]

        def there() -> Any:
            listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"results/heart/{stem}/").get("Contents", [])
            return next((one["Key"] for one in listed if one["Key"].endswith(".csv")), None)

        body: bytes = s3.get_object(Bucket=bucket, Key=self.wait(there))["Body"].read()
        return body

    def keys(self, prefix: str) -> list[str]:
        listed = self.twin.client("s3").list_objects_v2(Bucket=self.outputs["LakeBucket"], Prefix=prefix)
        return [one["Key"] for one in listed.get("Contents", [])]

    def waiting(self) -> dict[str, Any] | None:
        key = {"pk": {"S": "SHADOW#heart"}, "sk": {"S": "WAITING"}}
        table = self.outputs["DeploymentsTable"]
        found = self.twin.client("dynamodb").get_item(TableName=table, Key=key).get("Item")
        item: dict[str, Any] | None = found
        return item

    def role(self, logical_id: str) -> str:
        described = self.twin.client("cloudformation").describe_stack_resource(
            StackName="clinrisk", LogicalResourceId=logical_id
        )
        return str(described["StackResourceDetail"]["PhysicalResourceId"])

    def acting_as(self, role: str, service: str = "s3") -> Any:
        """Return a client that holds what a role of the stack holds, and no more."""
        trust = {"Version": "2012-10-17", "Statement": [TRUST]}
        self.twin.client("iam").update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))
        account = self.twin.client("sts").get_caller_identity()["Account"]
        arn = f"arn:aws:iam::{account}:role/{role}"
        given = self.twin.client("sts").assume_role(RoleArn=arn, RoleSessionName="tries")["Credentials"]
        # The service is a test's word, which the types of boto3 do not know.
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=self.twin.endpoint_url,
            region_name=self.twin.region,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
        )


def requested(method: str, link: str, body: str | None = None) -> tuple[int, str]:
    """Send one request as a browser would, and return the status and the page."""
    there = urlsplit(link)
    connection = http.client.HTTPConnection("127.0.0.1", there.port or 80, timeout=60)
    headers = {"Host": there.netloc, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request(method, f"{there.path}?{there.query}", body, headers)
    answer = connection.getresponse()
    html = answer.read().decode()
    connection.close()
    return answer.status, html


def text_of(html: str) -> str:
    """Return the words of a page."""
    return " ".join(re.sub(r"<style.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL).split())


def page(link: str) -> str:
    """Open a page, and return its words."""
    status, html = requested("GET", link)
    assert status == http.client.OK, html
    return text_of(html)


def answered(link: str, decision: str, code: str) -> tuple[int, str]:
    """Open the page, fill in its form and send it; return the status and the words of what comes back."""
    status, html = requested("GET", link)
    form = read_form(html)
    version = re.search(r"[Vv]ersion (\d+)", form.title)
    if status != http.client.OK or version is None:
        return status, text_of(html)
    given = {
        "decision": decision,
        "version": version[1],
        "reason": "A reason that is long enough.",
        "code": code,
    }
    status, html = requested("POST", link, urlencode(dict(form.fields) | given))
    return status, text_of(html)
