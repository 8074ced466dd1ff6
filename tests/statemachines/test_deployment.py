"""What only AWS would show of a deploy, an update or a deletion, as its documents have it.

Each rule is a function of a template, so that a test can hold it against a template with the fault in it.
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from tests.statemachines.definitions import template

if TYPE_CHECKING:
    from collections.abc import Iterator

# The S3 actions that AWS's own policy for the offline store lists (AWS Managed Policy Reference,
# AmazonSageMakerFeatureStoreAccess, version 3).
OFFLINE_STORE_ACTIONS = {"s3:PutObject", "s3:PutObjectAcl", "s3:GetBucketAcl", "s3:GetObject"}
# Not supported in the key's policy where EventBridge publishes to an encrypted topic (Amazon SNS Developer
# Guide, Key management).
SOURCE_CONDITIONS = {"aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid"}
# An interface endpoint's service name where it is not the prefix of the actions.
ENDPOINTS = {"sagemaker": {"sagemaker.api", "sagemaker.featurestore-runtime"}}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def named_in(value: Any) -> Iterator[str]:
    """Yield every logical id, parameter and pseudo parameter that a value names."""
    if isinstance(value, list):
        for item in value:
            yield from named_in(item)
    elif isinstance(value, dict):
        for key, given in value.items():
            if key == "Ref":
                yield given
            elif key == "Fn::GetAtt":
                yield str(as_list(given)[0]).partition(".")[0]
            elif key == "Fn::Sub":
                text, own = (given, {}) if isinstance(given, str) else given
                yield from (name for name in re.findall(r"\$\{([\w:]+)", text) if name not in own)
                yield from named_in(list(own.values()))
            else:
                yield from named_in(given)


def outlasting(name: str, resources: dict[str, Any]) -> set[str]:
    """Return what is created before a resource and deleted after it."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        resource = resources[waiting.pop()]
        direct = {*named_in(resource.get("Properties", {})), *as_list(resource.get("DependsOn", []))}
        waiting += [other for other in direct & resources.keys() if other not in found]
        found |= direct & resources.keys()
    return found


def statements_of(role: str, resources: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the statements of each policy that a role has."""
    attached = set(named_in(resources[role]["Properties"]["ManagedPolicyArns"]))
    return {
        name: resource["Properties"]["PolicyDocument"]["Statement"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::IAM::ManagedPolicy"
        and (name in attached or role in named_in(resource["Properties"].get("Roles", [])))
    }


def actions(statements: list[dict[str, Any]]) -> set[str]:
    plain = [statement for statement in statements if "Action" in statement]
    return {action for statement in plain for action in as_list(statement["Action"])}


def custom_resources(resources: dict[str, Any]) -> dict[str, str]:
    """Return the function behind each custom resource."""
    return {
        name: resource["Properties"]["ServiceToken"]["Fn::GetAtt"][0]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::CloudFormation::CustomResource"
        or resource["Type"].startswith("Custom::")
    }


def needed_to_answer(function: str, resources: dict[str, Any]) -> set[str]:
    """Return what a function needs to do its work and to answer CloudFormation from an isolated network."""
    role = resources[function]["Properties"]["Role"]["Fn::GetAtt"][0]
    policies = statements_of(role, resources)
    own = [each for name, given in policies.items() if name != "FunctionPlatformPolicy" for each in given]
    # Its answer is put under an address of S3; its log is written by Lambda, not through the network.
    services = {"s3"} | {action.partition(":")[0] for action in actions(own)} - {"logs"}
    suffixes = set().union(*(ENDPOINTS.get(service, {service}) for service in services))
    needed = {role, *policies, *named_in(resources[function]["Properties"]["LoggingConfig"])}
    for name, resource in resources.items():
        if resource["Type"] == "AWS::EC2::VPCEndpoint":
            service_name = resource["Properties"]["ServiceName"]["Fn::Sub"]
            if service_name.removeprefix("com.amazonaws.${AWS::Region}.") in suffixes:
                needed.add(name)
        elif resource["Type"] == "AWS::EC2::SubnetRouteTableAssociation":
            needed.add(name)
    return needed


def answers_cut_off(resources: dict[str, Any]) -> dict[str, set[str]]:
    """Return what would be deleted before each custom resource although its function needs it."""
    return {
        name: missing
        for name, function in custom_resources(resources).items()
        if (missing := needed_to_answer(function, resources) - outlasting(name, resources))
    }


def test_what_a_custom_resources_function_needs_is_deleted_after_the_custom_resource() -> None:
    resources = template()["Resources"]
    assert custom_resources(resources) == {"JobCode": "PublishJobCodeFunction"}
    assert answers_cut_off(resources) == {}


def test_a_custom_resource_that_waits_for_nothing_would_be_found() -> None:
    resources = copy.deepcopy(template()["Resources"])
    del resources["JobCode"]["DependsOn"]
    del resources["JobCode"]["Properties"]["SecondRoute"]
    assert answers_cut_off(resources) == {"JobCode": {"StorageEndpoint", "PrivateRoutesA", "PrivateRoutesB"}}


def test_nothing_depends_by_name_on_what_a_condition_may_leave_out() -> None:
    """CloudFormation would not create it either (Template Reference, Condition attribute)."""
    resources = template()["Resources"]
    for name, resource in resources.items():
        for other in as_list(resource.get("DependsOn", [])):
            assert resources[other].get("Condition") in {None, resource.get("Condition")}, name


def test_the_feature_stores_role_may_do_what_aws_lists_for_the_offline_store() -> None:
    granted = statements_of("FeatureStoreRole", template()["Resources"])["FeatureStorePolicy"]
    assert actions(granted) >= OFFLINE_STORE_ACTIONS
    writing = [each for each in granted if "s3:PutObjectAcl" in as_list(each["Action"])]
    assert [each["Resource"] for each in writing] == [{"Fn::Sub": "${LakeBucket.Arn}/offline-store/*"}]


def unheard_rules(resources: dict[str, Any]) -> set[str]:
    """Return the rules whose events an encrypted topic would never get."""
    unheard = set()
    for name, resource in resources.items():
        for target in resource["Properties"].get("Targets", []) if "Events::Rule" in resource["Type"] else []:
            for topic in named_in(target["Arn"]):
                if resources[topic]["Type"] != "AWS::SNS::Topic":
                    continue
                [key] = named_in(resources[topic]["Properties"]["KmsMasterKeyId"])
                if not admits_events_for_topics(resources[key]["Properties"]["KeyPolicy"]["Statement"]):
                    unheard.add(name)
    return unheard


def admits_events_for_topics(key_statements: list[dict[str, Any]]) -> bool:
    """Return whether EventBridge may use a key without a condition that its calls for topics do not carry."""
    admitted: set[str] = set()
    for statement in key_statements:
        services = as_list(statement["Principal"].get("Service", []))
        tested = {key.lower() for tests in statement.get("Condition", {}).values() for key in tests}
        if "events.amazonaws.com" in services and not tested & SOURCE_CONDITIONS:
            admitted |= set(as_list(statement["Action"]))
    return admitted >= {"kms:Decrypt", "kms:GenerateDataKey"}


def test_the_topics_key_admits_every_rule_that_publishes_to_it() -> None:
    assert unheard_rules(template()["Resources"]) == set()


def test_a_rule_that_publishes_under_a_condition_on_its_source_would_be_found() -> None:
    resources = copy.deepcopy(template()["Resources"])
    resources["FailedExecutionsRule"]["Properties"]["Targets"][0]["Arn"] = {"Ref": "AlarmsTopic"}
    assert unheard_rules(resources) == {"FailedExecutionsRule"}
    [statement] = [
        each
        for each in resources["DataKey"]["Properties"]["KeyPolicy"]["Statement"]
        if each["Sid"] == "AlarmsReachTheTopicAndRulesTheQueue"
    ]
    statement["Condition"] = {"ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": "arn:aws:sns:*"}}
    assert unheard_rules(resources) == set()
