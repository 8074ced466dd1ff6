"""What `clinrisk doctor` looks at: each probe names what is not as it should be, and what mends it.

A probe asks AWS how a part of the stack is, and changes nothing. Whether a resource still has the properties
that the template gives it is CloudFormation's own question: `aws cloudformation detect-stack-drift`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cli.alarms.alarm_commands import alarms_of
from cli.approvers import gates
from clinrisk.aws import clients

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cli.stack import Stack

    Probe = Callable[["DeployedParts"], Iterator["Fault"]]

QUOTAS = "quotas"
_JOBS = {
    "TrainingJobsAtOnce": "training job",
    "ProcessingJobsAtOnce": "processing job",
    "TransformJobsAtOnce": "transform job",
}
"""The parameter that says how many jobs run at a time, and what the quota calls such a job."""
READERS = {
    "AlarmsTopic": "what CloudWatch sees is mailed to nobody",
    "AlertsTopic": "what becomes of files, batches and models is mailed to nobody",
}
"""What it means for a topic to have no confirmed subscription."""


@dataclass(frozen=True)
class Fault:
    """One thing that is not as it should be, and the command that mends it."""

    what: str
    remedy: str


class DeployedParts:
    """A stack's parameters and resources, as CloudFormation lists them."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    @cached_property
    def description(self) -> Mapping[str, Any]:
        """The stack as CloudFormation describes it."""
        [found] = clients.cloudformation().describe_stacks(StackName=self.stack.name)["Stacks"]
        return found

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The value of each parameter of the last deploy."""
        return {one["ParameterKey"]: one["ParameterValue"] for one in self.description.get("Parameters", [])}

    @cached_property
    def _resources(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        pages = clients.cloudformation().get_paginator("list_stack_resources")
        for one in pages.paginate(StackName=self.stack.name).search("StackResourceSummaries"):
            named = found.setdefault(one["ResourceType"], {})
            named[one["LogicalResourceId"]] = one.get("PhysicalResourceId", "")
        return found

    def of_type(self, kind: str) -> list[tuple[str, str]]:
        """Return the logical and the physical name of each resource of a type."""
        return sorted(self._resources.get(kind, {}).items())


def last_deploy(parts: DeployedParts) -> Iterator[Fault]:
    """Yield what the last deploy left undone."""
    status = str(parts.description["StackStatus"])
    if status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}:
        yield Fault(
            f"CloudFormation says {status}.",
            f"aws cloudformation describe-stack-events --stack-name {parts.stack.name}",
        )


def keys(parts: DeployedParts) -> Iterator[Fault]:
    """Yield the keys that cannot be used."""
    for name, key in parts.of_type("AWS::KMS::Key"):
        state = clients.kms().describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
        if state == "PendingDeletion":
            yield Fault(
                f"{name} will be deleted, and all it encrypts will be lost.",
                f"aws kms cancel-key-deletion --key-id {key}, then aws kms enable-key --key-id {key}",
            )
        elif state != "Enabled":
            yield Fault(f"{name} is {state}.", f"aws kms enable-key --key-id {key}")


def functions(parts: DeployedParts) -> Iterator[Fault]:
    """Yield the functions that answer nobody."""
    for name, function in parts.of_type("AWS::Lambda::Function"):
        found = clients.functions().get_function_configuration(FunctionName=function)
        state, update = found.get("State", "Active"), found.get("LastUpdateStatus", "Successful")
        # An idle function wakes up when it is called.
        if state not in {"Active", "Inactive"} or update == "Failed":
            why = found.get("StateReason") or found.get("LastUpdateStatusReason") or "its log says why"
            yield Fault(
                f"{name} is {state}, its last update {update}: {why}",
                f"aws lambda get-function-configuration --function-name {function}",
            )


def schedules(parts: DeployedParts) -> Iterator[Fault]:
    """Yield the schedules and rules that start nothing."""
    for name, schedule in parts.of_type("AWS::Scheduler::Schedule"):
        if clients.scheduler().get_schedule(Name=schedule)["State"] != "ENABLED":
            yield Fault(
                f"The schedule {name} is off.", "EventBridge Scheduler in the console: enable " + schedule
            )
    for name, rule in parts.of_type("AWS::Events::Rule"):
        if clients.events().describe_rule(Name=rule)["State"] != "ENABLED":
            yield Fault(f"The rule {name} is off.", f"aws events enable-rule --name {rule}")


def mail(parts: DeployedParts) -> Iterator[Fault]:
    """Yield the topics whose mail reaches nobody, and the use cases that nobody can decide about."""
    pages = clients.sns().get_paginator("list_subscriptions_by_topic")
    for name, meaning in READERS.items():
        topic = parts.stack.output(name)
        listed = pages.paginate(TopicArn=topic).search("Subscriptions[].SubscriptionArn")
        # Of one that is not confirmed the list has "PendingConfirmation".
        if not any(str(one).startswith("arn:") for one in listed):
            yield Fault(
                f"Nobody has confirmed a subscription of {name}: {meaning}.",
                f"aws sns subscribe --protocol email --topic-arn {topic} --notification-endpoint MAIL, "
                "then follow the link in the mail",
            )
    for use_case, why in gates.lacking(gates.people()).items():
        yield Fault(f"{use_case}: nobody can approve a release. {why}", "clinrisk approvers list")


def quotas(parts: DeployedParts) -> Iterator[Fault]:
    """Yield the quotas below what the stack means to run at a time."""
    machine = parts.parameters["JobInstanceType"]
    pages = clients.quotas().get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    found = {one["QuotaName"]: one for one in pages.search("Quotas")}
    for parameter, job in _JOBS.items():
        name, wanted = f"{machine} for {job} usage", int(parts.parameters[parameter])
        quota = found.get(name, {"Value": 0})
        if quota["Value"] < wanted:
            ask = f"--desired-value {wanted} --quota-code {quota.get('QuotaCode', 'CODE')}"
            yield Fault(
                f"The quota '{name}' is {quota['Value']:.0f}; the stack runs {wanted} at a time.",
                f"aws service-quotas request-service-quota-increase --service-code sagemaker {ask}",
            )


def undelivered(parts: DeployedParts) -> Iterator[Fault]:
    """Yield that events wait which could not be delivered."""
    counted = parts.stack.sqs.get_queue_attributes(
        QueueUrl=parts.stack.output("DeadLetterQueue"), AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]["ApproximateNumberOfMessages"]
    if int(counted):
        yield Fault(f"{counted} events could not be delivered.", "clinrisk redrive --all")


def alarms(parts: DeployedParts) -> Iterator[Fault]:
    """Yield the alarms that are on."""
    for one in alarms_of(parts.stack.name):
        if one.state == "ALARM":
            yield Fault(f"{one.name} is on: {one.meaning}", one.remedy)


PROBES: dict[str, Probe] = {
    "last deploy": last_deploy,
    "keys": keys,
    "functions": functions,
    "schedules and rules": schedules,
    "mail": mail,
    QUOTAS: quotas,
    "undelivered events": undelivered,
    "alarms": alarms,
}
