"""What only AWS would show of a deploy, an update or a deletion, as its documents have it.

Each rule is a function of a template, so that a test can hold it against a template with the fault in it.
"""

from __future__ import annotations

import copy
import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.statemachines.definitions import definition, template
from tests.statemachines.transformed import REGION

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
        allowed = statement["Principal"] if statement["Effect"] == "Allow" else {}
        services = as_list(allowed.get("Service", []))
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


def policies(resources: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every statement of the policies of roles, people and endpoints."""
    for name, resource in resources.items():
        for each in resource.get("Properties", {}).get("PolicyDocument", {}).get("Statement", []):
            yield name, each["Fn::If"][1] if "Fn::If" in each else each


def of_another_stack(resources: dict[str, Any]) -> set[str]:
    """Return the patterns that reach executions, feature groups, jobs or models of another stack."""
    reaching = set()
    for _, statement in policies(resources):
        for resource in as_list(statement["Resource"]):
            spelled = resource.get("Fn::Sub", "") if isinstance(resource, dict) else ""
            if not isinstance(spelled, str):
                continue
            own = r":(execution|stateMachine):\$\{\w+StateMachine\.Name\}[:/]"
            named = re.search(
                r":(execution|stateMachine):|[:/](feature-group|model-package|model|(\w+-)*job|\*-job)/",
                spelled,
            )
            if statement["Action"] == "sagemaker:DescribeModel":  # of an earlier release of the template
                continue
            if named and not re.search(own + r"|/\$\{(Name|Job)Prefix\.Value\}-", spelled):
                reaching.add(spelled)
    return reaching


def test_no_policy_reaches_what_another_stack_of_the_account_runs_or_keeps() -> None:
    assert of_another_stack(template()["Resources"]) == set()


def test_a_pattern_that_reaches_another_stack_would_be_found() -> None:
    # "clinrisk-*" is also what a stack called clinrisk-prod has, and every stack has an IngestStateMachine.
    wide = [
        "arn:aws:states:eu-west-1:123456789012:execution:${AWS::StackName}-*",
        "arn:aws:states:eu-west-1:123456789012:stateMachine:IngestStateMachine-*",
        "arn:aws:sagemaker:eu-west-1:123456789012:feature-group/${AWS::StackName}-*",
        "arn:aws:sagemaker:eu-west-1:123456789012:training-job/*",
        "arn:aws:sagemaker:eu-west-1:123456789012:model/${AWS::StackName}-*",
    ]
    statement = {"Effect": "Allow", "Action": "a:b", "Resource": [{"Fn::Sub": each} for each in wide]}
    policy = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": {"Statement": [statement]}}}
    assert of_another_stack({"Wide": policy}) == set(wide)


def test_names_that_sagemaker_asks_for_are_lower_case_short_and_new_with_each_stack() -> None:
    """A name in capitals matches no ARN, and what an earlier stack of the same name left keeps its name."""
    resources = template()["Resources"]
    condition, given, made = resources["NamePrefix"]["Properties"]["Value"]["Fn::If"]
    assert (condition, given) == ("NamesAsGiven", {"Ref": "NamesBeginWith"})
    text, variables = made["Fn::Sub"]
    assert text == "clinrisk-${Start}"
    assert list(named_in(variables)) == ["AWS::StackId"]
    prefix = text.replace("${Start}", "5af31c2e")
    names = {
        (kind, resource["Properties"][member]["Fn::Sub"].replace("${NamePrefix.Value}", prefix))
        for resource in resources.values()
        for kind, member in (
            ("AWS::SageMaker::FeatureGroup", "FeatureGroupName"),
            ("AWS::SageMaker::ModelPackageGroup", "ModelPackageGroupName"),
        )
        if resource["Type"] == kind
    }
    assert len(names) == 4
    for _, name in names:
        assert re.fullmatch(r"clinrisk-5af31c2e-[a-z0-9-]{1,45}", name)


# The longest wait that AWS states for a record to land in the offline store (Amazon SageMaker AI Developer
# Guide, Amazon SageMaker Feature Store offline store data format).
LANDS_WITHIN = 900


def expected_wait(retrier: dict[str, Any]) -> float:
    """Return how long all retries wait together on average, in seconds: full jitter waits half."""
    waits = [
        min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** n, retrier.get("MaxDelaySeconds", 1e9))
        for n in range(retrier["MaxAttempts"])
    ]
    return float(sum(waits)) / (2 if retrier.get("JitterStrategy") == "FULL" else 1)


def test_an_ingest_waits_twice_as_long_as_the_offline_store_may_take() -> None:
    [retrier] = [
        each
        for each in definition("ingest")["States"]["Commit Upload"]["Retry"]
        if each["ErrorEquals"] == ["OfflineStoreBehind"]
    ]
    assert expected_wait(retrier) >= 2 * LANDS_WITHIN
    # Half an hour that is halved by its jitter is no more than the service itself may take.
    assert expected_wait(retrier | {"MaxAttempts": 60}) == LANDS_WITHIN


@cache
def schemas() -> Path:
    """Return the folder of CloudFormation's resource schemas, as the template's linter ships them."""
    found = find_spec("cfnlint")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "data" / "schemas"


@cache
def create_only(kind: str) -> tuple[tuple[str, ...], ...]:
    """Return the paths of the properties that make another resource when they change."""
    known = json.loads((schemas() / "providers" / f"{REGION}.json").read_text(encoding="utf-8"))
    schema = json.loads((schemas() / "resources" / f"{known[kind]}.json").read_text(encoding="utf-8"))
    paths = [path.removeprefix("/properties/").split("/") for path in schema.get("createOnlyProperties", [])]
    return tuple(tuple(path) for path in paths)


def deciding(value: Any, path: tuple[str, ...], document: dict[str, Any]) -> set[str]:
    """Return the parameters on which the value at a path depends, conditions included."""
    if isinstance(value, dict) and "Fn::If" in value:
        condition, *branches = value["Fn::If"]
        inner = set().union(*(deciding(branch, path, document) for branch in branches))
        return inner | deciding(document["Conditions"][condition], (), document)
    if path:
        return (
            deciding(value[path[0]], path[1:], document)
            if isinstance(value, dict) and path[0] in value
            else set()
        )
    if isinstance(value, dict) and "Condition" in value:
        return deciding(document["Conditions"][value["Condition"]], (), document)
    nested = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    direct = {name for name in named_in(value) if name in document["Parameters"]}
    return direct.union(*(deciding(each, (), document) for each in nested))


def replaced_on_update(document: dict[str, Any]) -> dict[tuple[str, str], set[str]]:
    """Return the parameters that would replace a kept resource, by its type and property.

    CloudFormation refuses to where the name is fixed, and else leaves the kept one and makes an empty one.
    """
    found: dict[tuple[str, str], set[str]] = {}
    for resource in document["Resources"].values():
        kind = resource["Type"]
        if "UpdateReplacePolicy" not in resource:
            continue
        for path in create_only(kind):
            if parameters := deciding(resource["Properties"], path, document):
                found.setdefault((kind, "/".join(path)), set()).update(parameters)
    return found


def test_no_parameter_but_a_marked_one_replaces_what_is_kept() -> None:
    online = {
        ("AWS::SageMaker::FeatureGroup", f"OnlineStoreConfig/{member}"): {"OnlineStore"}
        for member in ("SecurityConfig", "EnableOnlineStore", "StorageType")
    }
    assert replaced_on_update(template()) == online
    # The names of groups come by way of NamePrefix, a resource.
    for marked in ("OnlineStore", "NamesBeginWith"):
        assert "Fixed with the first deploy" in template()["Parameters"][marked]["Description"]


def test_a_parameter_that_replaces_what_is_kept_would_be_found() -> None:
    document = copy.deepcopy(template())
    document["Resources"]["LakeBucket"]["Properties"]["BucketName"] = {"Fn::Sub": "lake-${JobInstanceType}"}
    found = replaced_on_update(document)
    assert found["AWS::S3::Bucket", "BucketName"] == {"JobInstanceType"}


def test_the_logs_of_jobs_get_our_key_and_retention_only_where_the_stack_may_own_them() -> None:
    """SageMaker names the groups, one set for all jobs of an account: a second stack could not make them."""
    groups = {
        resource["Properties"]["LogGroupName"]: resource
        for resource in template()["Resources"].values()
        if resource["Type"] == "AWS::Logs::LogGroup" and resource.get("Condition") == "OwnJobLogs"
    }
    assert groups.keys() == {f"/aws/sagemaker/{kind}Jobs" for kind in ("Training", "Processing", "Transform")}
    assert template()["Parameters"]["JobLogGroups"]["Default"] == "account"
    for resource in groups.values():
        assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
        assert set(named_in(resource["Properties"])) == {"DataKey", "LogRetentionDays"}
