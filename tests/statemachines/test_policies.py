"""Every permission names an action that exists, and the narrowest resource that AWS lets it name."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.statemachines.definitions import MACHINES, everything, placeholders, resources

if TYPE_CHECKING:
    from collections.abc import Iterator

POLICIES = resources("AWS::IAM::ManagedPolicy")
ROLES = resources("AWS::IAM::Role")
# These take a resource, but we cannot name it narrower: the network interfaces that a service attaches on our
# behalf do not exist yet, Step Functions lists the tags of a job whose name it makes up as it goes, a metric
# is named by the condition on its namespace, a list of alarms is asked for all of them, stored
# metrics have no resource, and a subscription is
# no resource that SNS lets a policy name.
WIDE = {
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "cloudwatch:PutMetricData",
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:UnassignPrivateIpAddresses",
    "sagemaker:ListTags",
    "sns:Unsubscribe",
}


# The functions that record an event in the ledger.
LEDGER_WRITERS = (
    *("RequestApproval", "DecideApproval", "ExpireApproval", "PromoteCandidate"),
    *("PublishJobCode", "DecideUpload", "JudgeBatch", "RecordFindings"),
    *("EnrolApprover", "UpdateApprovers", "ChangeFinding"),
    *("RollBackModel", "SetPause", "ReplayBatch", "ErasePatients"),
)
LEDGER_READERS = ("WriteCard", "PublishResults", "SelectBatches", "VerifyLedger")


class Permission(NamedTuple):
    """One statement of a managed policy."""

    policy: str
    statement: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.policy}: {self.statement['Sid']}"


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements() -> Iterator[Permission]:
    for policy, properties in POLICIES.items():
        for statement in properties["PolicyDocument"]["Statement"]:
            yield Permission(policy, statement["Fn::If"][1] if "Fn::If" in statement else statement)


@cache
def authorization() -> dict[str, Any]:
    """Return AWS's service authorization reference, as the template's linter ships it."""
    found = find_spec("cfnlint")
    assert found is not None
    assert found.origin is not None
    data = Path(found.origin).parent / "data" / "AdditionalSpecs" / "Policies.json"
    known: dict[str, Any] = json.loads(data.read_text(encoding="utf-8"))
    return known


def action_of(name: str) -> dict[str, Any]:
    service, _, action = name.partition(":")
    known: dict[str, Any] = authorization()[service]["Actions"][action.lower()]
    return known


STATEMENTS = list(statements())


@pytest.mark.parametrize("permission", STATEMENTS, ids=str)
def test_every_action_exists_and_none_is_a_pattern(permission: Permission) -> None:
    for action in as_list(permission.statement["Action"]):
        assert "*" not in action
        assert action_of(action) is not None


def test_everything_is_named_where_aws_lets_it_be_named() -> None:
    wide = {
        action
        for _, statement in STATEMENTS
        if "*" in as_list(statement["Resource"])
        for action in as_list(statement["Action"])
    }
    assert {action for action in wide if action_of(action).get("Resources")} == WIDE


@pytest.mark.parametrize(
    "permission", [one for one in STATEMENTS if "*" not in as_list(one.statement["Resource"])], ids=str
)
def test_what_takes_no_resource_is_not_given_one(permission: Permission) -> None:
    # IAM ignores such a statement silently, and the call is refused.
    for action in as_list(permission.statement["Action"]):
        assert action_of(action).get("Resources"), action


@pytest.mark.parametrize("permission", STATEMENTS, ids=str)
def test_a_statement_is_an_allowance_with_a_sentence(permission: Permission) -> None:
    assert permission.statement["Effect"] == "Allow"
    assert re.fullmatch(r"(?:[A-Z][a-z]+){2,}[a-z]*|(?:[A-Z][a-z]*)+", permission.statement["Sid"])


def test_sids_are_unique_within_a_policy() -> None:
    for policy in POLICIES:
        sids = [permission.statement["Sid"] for permission in STATEMENTS if permission.policy == policy]
        assert len(sids) == len(set(sids)), policy


def test_every_role_has_its_own_policy_and_nothing_inline() -> None:
    for name, role in ROLES.items():
        assert "Policies" not in role
        own = name.removesuffix("Role") + "Policy"
        assert {"Ref": own} in role["ManagedPolicyArns"], name
        holders = [other for other, given in ROLES.items() if {"Ref": own} in given["ManagedPolicyArns"]]
        assert holders == [name]


def spelled(resource: Any) -> str:
    """Spell a resource as Fn::Sub would: one text however the template names it."""
    if isinstance(resource, str):
        return resource
    if "Fn::GetAtt" in resource:
        return f"${{{'.'.join(resource['Fn::GetAtt'])}}}"
    return f"${{{resource['Ref']}}}" if "Ref" in resource else str(resource["Fn::Sub"])


def through_endpoints() -> list[tuple[str, str]]:
    """List every pair of action and resource that some endpoint lets through."""
    return [
        (action, spelled(resource))
        for endpoint in resources("AWS::EC2::VPCEndpoint").values()
        for statement in endpoint["PolicyDocument"]["Statement"]
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    ]


def of_functions() -> list[Permission]:
    """List what functions may ask of other services themselves, as the template grants it.

    Lambda itself writes logs and traces, leaves failed events and attaches them to the network; S3 and
    DynamoDB ask for their keys.
    """
    own = {function["Role"]["Fn::GetAtt"][0] for function in resources("AWS::Serverless::Function").values()}
    policies = {given["Ref"] for role in own for given in ROLES[role]["ManagedPolicyArns"]}
    policies |= {
        name for name, policy in POLICIES.items() if own & {role["Ref"] for role in policy.get("Roles", [])}
    }
    return [
        permission
        for permission in STATEMENTS
        if permission.policy in policies - {"FunctionPlatformPolicy", "FailedEventsPolicy"}
        and not str(as_list(permission.statement["Action"])[0]).startswith("logs:")
    ]


@pytest.mark.parametrize("permission", of_functions(), ids=str)
def test_no_endpoint_refuses_what_a_function_may_do(permission: Permission) -> None:
    open_ = through_endpoints()
    for action in as_list(permission.statement["Action"]):
        for resource in map(spelled, as_list(permission.statement["Resource"])):
            assert any(
                action == allowed and fnmatchcase(resource, pattern.replace("[", "[[]"))
                for allowed, pattern in open_
            ), f"{action} on {resource}"


def test_functions_ask_through_endpoints_for_what_we_think() -> None:
    """So that the test above cannot pass for want of permissions to look at."""
    services = {
        action.partition(":")[0]
        for permission in of_functions()
        for action in as_list(permission.statement["Action"])
    }
    assert services == {"dynamodb", "events", "kms", "s3", "sagemaker", "sns", "states"}
    assert {"ClaimUploadWatchPolicy", "PublishJobCodePolicy"} <= {each.policy for each in of_functions()}


def readers(prefix: str) -> set[str]:
    """List the policies that may read some object under a prefix of the Lake."""
    found = set()
    for policy, statement in STATEMENTS:
        if {"s3:GetObject", "s3:GetObjectVersion"} & set(as_list(statement["Action"])):
            for resource in as_list(statement["Resource"]):
                named = resource.get("Fn::Sub", "") if isinstance(resource, dict) else ""
                if isinstance(named, str) and named.startswith(
                    (f"${{LakeBucket.Arn}}/{prefix}", "${LakeBucket.Arn}/*")
                ):
                    found.add(policy)
    return found


def test_only_what_publishes_replays_and_erases_reads_the_way_back_to_the_hospitals_ids() -> None:
    assert readers("vault/") == {"PublishResultsPolicy", "ReplayBatchPolicy", "ErasePatientsPolicy"}


def test_whoever_has_patients_erased_reads_none_of_their_data() -> None:
    own = [statement for policy, statement in STATEMENTS if policy == "PrivacyOfficerPolicy"]
    assert {action for statement in own for action in as_list(statement["Action"])} == {
        "cloudformation:DescribeStacks",
        "s3:PutObject",
        "lambda:InvokeFunction",
        "kms:GenerateDataKey",
    }
    assert readers("erasures/") == {"ErasePatientsPolicy"}


def test_a_replay_writes_nothing_that_anybody_else_reads() -> None:
    assert readers("replays/") == {"PresentJobPolicy", "ReplayBatchPolicy"}
    assert writers("replays/") == {"ServeJobPolicy", "PresentJobPolicy"}
    own = [statement for policy, statement in STATEMENTS if policy == "ReplayBatchPolicy"]
    reads = {"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:ListBucketVersions"}
    logs = {"logs:CreateLogStream", "logs:PutLogEvents"}
    granted = {action for statement in own for action in as_list(statement["Action"])}
    assert granted == reads | logs | {"dynamodb:GetItem"}


def test_operators_see_how_every_execution_that_they_list_has_ended() -> None:
    own = [statement for policy, statement in STATEMENTS if policy == "OperatorPolicy"]
    machines = {"Ingest", "Training", "Release", "Scoring", "Replay", "Monitoring"}
    for action in ("states:ListExecutions", "states:DescribeExecution", "states:DescribeStateMachine"):
        named = str([one["Resource"] for one in own if action in as_list(one["Action"])])
        assert set(re.findall(r"([A-Z][a-z]+)StateMachine", named)) == machines, action


def test_an_auditor_starts_replays_and_nothing_else_and_reads_no_results_file() -> None:
    own = [statement for policy, statement in STATEMENTS if policy == "AuditorPolicy"]
    started = [one["Resource"] for one in own if "states:StartExecution" in as_list(one["Action"])]
    assert started == [{"Ref": "ReplayStateMachine"}]
    named = [spelled(resource) for statement in own for resource in as_list(statement["Resource"])]
    assert [one for one in named if "/results/" in one] == ["${ResultsBucket.Arn}/results/*.json"]
    starters = {
        policy
        for policy, statement in STATEMENTS
        if "states:StartExecution" in as_list(statement["Action"]) and "ReplayStateMachine" in str(statement)
    }
    assert starters == {"AuditorPolicy"}


def test_nobody_but_the_data_manager_and_an_erasure_reads_the_quarantine() -> None:
    assert readers("quarantine/") == {"DataManagerPolicy", "ErasePatientsPolicy"}


@pytest.mark.parametrize("policy", [name for name in POLICIES if name.endswith("JobPolicy")])
def test_no_job_reads_a_hospitals_id(policy: str) -> None:
    own = str([statement for name, statement in STATEMENTS if name == policy])
    assert "LakeBucket" in own
    assert "vault" not in own
    assert "quarantine" not in own


def writers(prefix: str) -> set[str]:
    """List the policies that may write some object under a prefix of the Lake."""
    return {
        policy
        for policy, statement in STATEMENTS
        if "s3:PutObject" in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
        if isinstance(resource, dict)
        and str(resource.get("Fn::Sub")).startswith((f"${{LakeBucket.Arn}}/{prefix}", "${LakeBucket.Arn}/*"))
    }


def test_only_the_comparison_reads_what_a_waiting_candidate_says_about_patients() -> None:
    assert readers("shadow/") == {"CompareJobPolicy"}
    assert writers("shadow/") == {"ShadowJobPolicy"}
    statements = resources("AWS::S3::BucketPolicy")["LakeBucketPolicy"]["PolicyDocument"]["Statement"]
    refused = {
        action: statement["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]
        for statement in statements
        if statement["Effect"] == "Deny"
        and statement["Resource"] == {"Fn::Sub": "${LakeBucket.Arn}/shadow/*"}
        for action in as_list(statement["Action"])
        if "aws:PrincipalArn" in statement["Condition"]["ArnNotEquals"]
    }
    assert refused == {
        "s3:GetObject": {"Fn::GetAtt": ["CompareJobRole", "Arn"]},
        "s3:GetObjectVersion": {"Fn::GetAtt": ["CompareJobRole", "Arn"]},
        "s3:PutObject": {"Fn::GetAtt": ["ShadowJobRole", "Arn"]},
    }


def test_the_shadow_and_its_comparison_write_nowhere_that_clinicians_read() -> None:
    for policy in ("ShadowJobPolicy", "CompareJobPolicy"):
        written = [
            resource["Fn::Sub"]
            for name, statement in STATEMENTS
            if name == policy and "s3:PutObject" in as_list(statement["Action"])
            for resource in as_list(statement["Resource"])
        ]
        assert (
            written
            == {
                "ShadowJobPolicy": ["${LakeBucket.Arn}/shadow/*/scores/*"],
                "CompareJobPolicy": ["${LakeBucket.Arn}/comparisons/*"],
            }[policy]
        )
    for prefix in ("results/", "presented/", "predictions/", "scores/"):
        assert not {"ShadowJobPolicy", "CompareJobPolicy"} & writers(prefix)


def users_of(key: str) -> set[str]:
    """Return the policies that let somebody do more with a key than see how it is."""
    return {
        policy
        for policy, statement in STATEMENTS
        if key in str(statement["Resource"]) and as_list(statement["Action"]) != ["kms:DescribeKey"]
    }


def test_the_shadows_key_is_granted_to_its_own_two_roles_and_by_no_other_policy() -> None:
    statements = resources("AWS::KMS::Key")["ShadowKey"]["KeyPolicy"]["Statement"]
    granted = {
        statement["Condition"]["ArnEquals"]["aws:PrincipalArn"]["Fn::GetAtt"][0]: set(statement["Action"])
        for statement in statements
        if "kms:Decrypt" in as_list(statement["Action"])
    }
    assert granted == {
        "ShadowJobRole": {"kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"},
        "CompareJobRole": {"kms:Decrypt", "kms:DescribeKey"},
    }
    assert users_of("ShadowKey") == set()


def test_seeds_of_codes_are_encrypted_by_the_invitation_and_decrypted_by_the_two_pages_alone() -> None:
    statements = resources("AWS::KMS::Key")["ApproverKey"]["KeyPolicy"]["Statement"]
    granted = {
        action: [
            role["Fn::GetAtt"][0] for role in as_list(statement["Condition"]["ArnEquals"]["aws:PrincipalArn"])
        ]
        for statement in statements
        if "ArnEquals" in statement.get("Condition", {})
        for action in as_list(statement["Action"])
    }
    assert granted == {
        "kms:Encrypt": ["UpdateApproversRole"],
        "kms:Decrypt": ["DecideApprovalRole", "EnrolApproverRole"],
    }
    assert users_of("ApproverKey") == set()


def test_a_workflow_that_names_the_shadow_cannot_move_the_live_pointer() -> None:
    own = [
        statement
        for policy, statement in STATEMENTS
        if policy == "ReleaseStateMachinePolicy" and "dynamodb:PutItem" in as_list(statement["Action"])
    ]
    assert [statement["Condition"] for statement in own] == [
        {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "SHADOW#*"}}
    ]


# What goes with creating a job or a model without being a state of its own.
ALONGSIDE = {"sagemaker:AddTags", "sagemaker:ListTags", "sagemaker:DescribeModel"}


def needed_by(machine: str) -> set[str]:
    """List the actions that the Tasks of a definition need, as IAM names them."""
    found = set()
    for located in everything():
        if located.machine != machine or located.state["Type"] != "Task":
            continue
        service, operation, *pattern = re.split(
            r"[:.]", located.state["Resource"].partition(":::")[2].removeprefix("aws-sdk:")
        )
        action = operation[0].upper() + operation[1:]
        if service == "lambda":
            found.add("lambda:InvokeFunction")
        elif pattern == ["sync"]:
            job = action.removeprefix("Create")
            found |= {f"sagemaker:{verb}{job}" for verb in ("Create", "Describe", "Stop")}
        elif service != "sns":  # every machine may announce: WorkflowPlatformPolicy
            found.add(f"{service}:{action}")
    return found


@pytest.mark.parametrize("machine", MACHINES)
def test_a_state_machine_may_do_what_its_states_do_and_no_more(machine: str) -> None:
    own = [
        statement for policy, statement in STATEMENTS if policy == f"{machine.capitalize()}StateMachinePolicy"
    ]
    services = {"lambda", "sagemaker", "dynamodb", "sqs"}
    granted = {action for statement in own for action in as_list(statement["Action"])}
    granted = {
        action
        for action in granted
        if action.partition(":")[0] in services or action == "states:StartExecution"
    }
    assert granted - ALONGSIDE == needed_by(machine)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("lambda:InvokeFunction", "Function"),
        ("iam:PassRole", "Role"),
        ("states:StartExecution", "StateMachine"),
    ],
)
def test_a_state_machine_is_granted_the_very_functions_roles_and_machines_that_it_names(
    machine: str, action: str, kind: str
) -> None:
    granted = {
        spelled(resource)
        for policy, statement in STATEMENTS
        if policy == f"{machine.capitalize()}StateMachinePolicy" and action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }
    named = {name for name in placeholders(machine) if name.endswith(kind)}
    assert granted == {f"${{{name}}}" if kind == "StateMachine" else f"${{{name}.Arn}}" for name in named}


def holders(policy: str) -> set[str]:
    """Return the roles that a shared policy is attached to."""
    return {role for role, given in ROLES.items() if {"Ref": policy} in given["ManagedPolicyArns"]}


def test_only_functions_that_record_an_event_append_to_the_ledger() -> None:
    granting = {policy for policy, statement in STATEMENTS if "AuditBucket" in str(statement["Resource"])}
    # Versions and delete markers are looked at by the daily check and by auditors.
    assert granting == {"LedgerReaderPolicy", "LedgerWriterPolicy", "VerifyLedgerPolicy", "AuditorPolicy"}
    writers = {f"{name}Role" for name in LEDGER_WRITERS}
    assert holders("LedgerWriterPolicy") == writers
    assert holders("LedgerReaderPolicy") == writers | {f"{name}Role" for name in LEDGER_READERS}


def test_the_ledger_is_read_appended_to_and_nothing_else() -> None:
    granted = {
        action
        for policy, statement in STATEMENTS
        if policy in {"LedgerReaderPolicy", "LedgerWriterPolicy"}
        for action in as_list(statement["Action"])
    }
    assert granted == {"s3:GetObject", "s3:ListBucket", "s3:PutObject"}


def test_a_training_job_cannot_read_the_hold_out() -> None:
    assert readers("training/") >= {"TrainJobPolicy"}
    own = [statement for policy, statement in STATEMENTS if policy == "TrainJobPolicy"]
    assert "${LakeBucket.Arn}/training/*/set/training.csv" in str(own)
    assert "holdout" not in str(own)
    assert "training/*/set/*" not in str(own)


def test_tuning_jobs_are_granted_only_where_the_switch_is_on() -> None:
    conditional = [
        entry["Fn::If"]
        for properties in POLICIES.values()
        for entry in properties["PolicyDocument"]["Statement"]
        if "Fn::If" in entry and entry["Fn::If"][0] == "SearchByTuningJob"
    ]
    granted = {action for _, statement, _ in conditional for action in as_list(statement["Action"])}
    # Whoever looks whether a turn is over asks about every kind of job.
    looks = "SeeWhetherAJobHasEnded"
    tuning = {action for _, s in STATEMENTS for action in as_list(s["Action"]) if "TuningJob" in action}
    assert {action.split(":")[1].removesuffix("HyperParameterTuningJob") for action in tuning} == {
        *("Create", "Describe", "Stop")
    }
    assert tuning <= granted
    assert all(otherwise == {"Ref": "AWS::NoValue"} for _, _, otherwise in conditional)
    assert "TuningJob" not in str(
        [s for _, s in STATEMENTS if s["Sid"] != looks and s not in [given for _, given, _ in conditional]]
    )


def test_roles_are_handed_to_sagemaker_only() -> None:
    handed = [statement for _, statement in STATEMENTS if "iam:PassRole" in as_list(statement["Action"])]
    conditions = [statement["Condition"] for statement in handed]
    assert conditions == [{"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}] * 4


def test_the_keys_are_administered_by_the_account_and_used_through_services() -> None:
    for name, key in resources("AWS::KMS::Key").items():
        for statement in key["KeyPolicy"]["Statement"]:
            assert "kms:*" not in as_list(statement["Action"]), name
    data = resources("AWS::KMS::Key")["DataKey"]["KeyPolicy"]["Statement"]
    using = [statement for statement in data if "kms:Decrypt" in as_list(statement["Action"])]
    assert {statement["Sid"] for statement in using if statement.get("Condition")} == {
        "IdentitiesOfTheAccountUseItThroughTheServicesThatStore",
        "LogGroupsOfThisAccountAreEncrypted",
        "AlarmsReachTheTopicAndRulesTheQueue",
        "MailThatBouncesReachesTheQueue",
        "SchedulesAreEncrypted",
    }
    assert all(statement.get("Condition") for statement in using)
