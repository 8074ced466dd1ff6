"""Keys are lent to services alone, dead letters find their queue, and nothing shares a security group."""

from __future__ import annotations

import re

import pytest

from tests.statemachines.definitions import MACHINES, resources, template, text

ROLES = resources("AWS::IAM::Role")


@pytest.mark.parametrize("key", resources("AWS::KMS::Key"))
def test_a_key_is_lent_to_services_alone_and_used_from_this_account_alone(key: str) -> None:
    found = resources("AWS::KMS::Key")[key]["KeyPolicy"]["Statement"]
    refused = [one for one in found if one["Effect"] == "Deny"]
    assert [(one["Principal"], one["Action"], one["Condition"]) for one in refused] == [
        (
            "*",
            "kms:CreateGrant",
            {"BoolIfExists": {"kms:GrantIsForAWSResource": "false", "aws:PrincipalIsAWSService": "false"}},
        )
    ]
    for statement in found:
        if statement["Effect"] == "Allow" and statement["Principal"] == {"AWS": "*"}:
            assert statement["Condition"]["StringEquals"] == {"kms:CallerAccount": {"Ref": "AWS::AccountId"}}


def sources_of_dead_letters() -> set[str]:
    """List the rules and topics that name the queue of dead letters; schedules use their roles."""
    queue = {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
    rules = {
        name
        for name, rule in resources("AWS::Events::Rule").items()
        for target in rule["Targets"]
        if target.get("DeadLetterConfig") == {"Arn": queue}
    }
    topics = {
        one["TopicArn"]["Ref"]
        for one in resources("AWS::SNS::Subscription").values()
        if one.get("RedrivePolicy") == {"deadLetterTargetArn": queue}
    }
    return rules | topics


def test_the_queue_takes_the_dead_letters_of_every_rule_and_topic_that_has_it() -> None:
    (policy,) = resources("AWS::SQS::QueuePolicy").values()
    named = {
        next(iter(source.values()))[0] if "Fn::GetAtt" in source else source["Ref"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "sqs:SendMessage"
        for source in statement["Condition"]["ArnEquals"]["aws:SourceArn"]
    }
    assert named == sources_of_dead_letters()
    assert {"InboxRule", "TurnsOverRule", "FailedExecutionsRule", "AlertsTopic", "AlarmsTopic"} == named


def test_a_function_that_nobody_waits_for_leaves_the_events_that_it_could_not_take() -> None:
    """Free Slots runs every minute, and does then what it missed."""
    called = {
        target["Arn"]["Fn::GetAtt"][0]
        for rule in (
            *resources("AWS::Events::Rule").values(),
            *resources("AWS::Scheduler::Schedule").values(),
        )
        for target in (rule.get("Targets") or [rule["Target"]])
        if "Fn::GetAtt" in target["Arn"]
    }
    functions = resources("AWS::Serverless::Function")
    leaving = {name for name, function in functions.items() if "DeadLetterQueue" in function}
    assert leaving == called - {"FreeSlotsFunction"}
    for name in leaving:
        role = ROLES[functions[name]["Role"]["Fn::GetAtt"][0]]
        assert {"Ref": "FailedEventsPolicy"} in role["ManagedPolicyArns"]


def test_everything_in_the_network_has_a_security_group_of_its_own() -> None:
    """The network's default group, which CloudFormation cannot close, is used by nothing."""
    endpoints = resources("AWS::EC2::VPCEndpoint").values()
    named = [one["SecurityGroupIds"] for one in endpoints if one["VpcEndpointType"] == "Interface"]
    assert named == [[{"Ref": "EndpointSecurityGroup"}]] * len(named)
    assert len(named) > 5
    groups = template()["Globals"]["Function"]["VpcConfig"]["Fn::If"][1]["SecurityGroupIds"]
    assert groups == [{"Ref": "FunctionSecurityGroup"}]
    jobs = [
        found
        for machine in MACHINES
        for found in re.findall(r"SecurityGroupIds: (\[[^\]]+\])", text(machine))
    ]
    assert len(jobs) > 5
    assert set(jobs) == {'["${JobSecurityGroup}"]'}
