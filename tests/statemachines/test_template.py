"""template.yaml is what AWS, its linters, the functions and the folders say it is."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from clinrisk import use_cases
from clinrisk.core import object_keys
from tests.statemachines.definitions import (
    MACHINES,
    PROJECT,
    TEMPLATE,
    definition,
    placeholders,
    resources,
    substitutions,
    template,
    with_plain_limits,
)
from tests.statemachines.transformed import REGION, written
from tools import contracts
from tools.template_block import features_id, logical, replaced

FUNCTIONS = resources("AWS::Serverless::Function")
FOLDERS = {path.parent.name: path.parent for path in (PROJECT / "functions").glob("*/*/app.py")}
CFN_LINT = Path(sys.executable).with_name("cfn-lint")
SAM = PROJECT / ".envs" / "sam" / "bin" / "sam"
# What AWS Lambda allows for a function with its layers, unpacked.
LAMBDA_BYTES = 262_144_000

needs_sam = pytest.mark.skipif(
    not SAM.exists(), reason="the sam environment is not installed (make check does)"
)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    quiet = os.environ | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": REGION}
    return subprocess.run(command, cwd=PROJECT, env=quiet, capture_output=True, text=True, check=False)


def runs(command: str) -> bool:
    # A version manager leaves stubs on the PATH that find no interpreter behind them.
    found = shutil.which(command)
    return found is not None and run(found, "-c", "").returncode == 0


needs_python312 = pytest.mark.skipif(not runs("python3.12"), reason="no python3.12 on the PATH that runs")


def folder_of(function: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", function.removesuffix("Function")).lower()


GRID = ("Ingest", "Training", "Release", "Scoring", "Monitoring", "Operations")
SHARED = ("Keys", "Network", "Buckets", "Tables", "Mail", "Layers", "Jobs", "Workflows")
RULE = f"  # {'-' * 110}\n"


def sections() -> dict[str, str]:
    """Return the text of each section of the Resources by the name in its banner."""
    parts = TEMPLATE.read_text(encoding="utf-8").partition("\nResources:\n")[2].split(RULE)
    banners = [re.fullmatch(r"  # ([A-Z][a-z ]+): [^\n]+\n", banner) for banner in parts[1::2]]
    return {banner[1] if banner else "": body for banner, body in zip(banners, parts[2::2], strict=True)}


def test_sections_come_in_the_order_of_the_grid_and_what_is_shared_comes_first() -> None:
    assert tuple(sections()) == (*SHARED, *GRID, "Use cases", "Watching")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_stands_in_the_section_of_its_folder_with_all_that_is_its_own(name: str) -> None:
    section = FUNCTIONS[name]["CodeUri"].split("/")[1].capitalize()
    short = name.removesuffix("Function")
    for part in ("Function", "Logs", "Role", "Policy"):
        assert f"\n  {short}{part}:\n" in sections()[section], f"{short}{part}"


@pytest.mark.parametrize("machine", MACHINES)
def test_a_state_machine_opens_its_section(machine: str) -> None:
    # A replay is a scoring once more, for an auditor.
    section = {"replay": "Scoring"}.get(machine, machine.capitalize())
    assert section in GRID
    named = re.findall(r"^  (\w+):$", sections()[section], re.MULTILINE)
    first_function = next(index for index, name in enumerate(named) if name.endswith("Function"))
    assert f"{machine.capitalize()}StateMachine" in named[:first_function]


@pytest.mark.slow
@needs_sam
def test_sam_validates_and_lints_the_template() -> None:
    ran = run(SAM, "validate", "--lint", "--region", REGION)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.slow
def test_cfn_lint_finds_nothing_in_the_text() -> None:
    ran = run(CFN_LINT, "--regions", REGION, "--", TEMPLATE)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.slow
@pytest.mark.parametrize("switched", [{}, {"NetworkMode": "isolated", "HyperparameterSearch": "tuning"}])
def test_cfn_lint_finds_nothing_after_the_transform(tmp_path: Path, switched: dict[str, str]) -> None:
    ran = run(CFN_LINT, "--regions", REGION, "--", written(tmp_path, switched))
    assert ran.returncode == 0, ran.stdout


def test_cfn_lint_would_find_a_fault_after_the_transform(tmp_path: Path) -> None:
    faulty = with_plain_limits(definition("ingest")) | {"StartAt": "Claim"}
    properties = {"RoleArn": "arn:aws:iam::123456789012:role/ingest", "Definition": faulty}
    machine = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
    file = tmp_path / "machine.json"
    file.write_text(json.dumps({"Resources": {"Ingest": machine}}), encoding="utf-8")
    ran = run(CFN_LINT, "--regions", REGION, "--", file)
    assert "E3601 Missing 'Next' target 'Claim' at /StartAt" in ran.stdout


@pytest.mark.slow
@needs_sam
@needs_python312
@pytest.mark.timeout(600)
def test_sam_builds_and_every_function_fits_into_lambda(tmp_path: Path) -> None:
    ran = run(SAM, "build", "--build-dir", tmp_path / "build", "--no-cached")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    sizes = {folder.name: _size(folder) for folder in (tmp_path / "build").iterdir() if folder.is_dir()}
    for name, properties in FUNCTIONS.items():
        layers = ["ClinriskLayer", *(layer["Ref"] for layer in properties.get("Layers", []))]
        assert sizes[name] + sum(sizes[layer] for layer in layers) <= LAMBDA_BYTES, name


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_every_folder_has_a_function_and_every_function_a_folder() -> None:
    assert {folder_of(name) for name in FUNCTIONS} == FOLDERS.keys()
    for name, properties in FUNCTIONS.items():
        assert PROJECT / properties["CodeUri"] == FOLDERS[folder_of(name)]


def test_a_folder_holds_one_file_and_nothing_to_install() -> None:
    for folder in FOLDERS.values():
        assert {file.name for file in folder.iterdir() if file.name != "__pycache__"} == {"app.py"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_gets_the_variables_and_layers_that_it_says_it_needs(name: str) -> None:
    properties = FUNCTIONS[name]
    source = (FOLDERS[folder_of(name)] / "app.py").read_text(encoding="utf-8")
    sentence = (ast.get_docstring(ast.parse(source)) or "").partition("Environment:")[2]
    variables = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", sentence))
    given = set(properties.get("Environment", {}).get("Variables", {}))
    common = set(template()["Globals"]["Function"]["Environment"]["Variables"])
    assert given == variables - common
    layers = {layer["Ref"] for layer in properties.get("Layers", [])}
    named = re.findall(r"\b(Frames|Numeric)\b", sentence.partition("Layers:")[2])
    assert layers == {f"{layer}Layer" for layer in named}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_a_role_and_a_log_of_its_own(name: str) -> None:
    short = name.removesuffix("Function")
    properties = FUNCTIONS[name]
    assert properties["Role"] == {"Fn::GetAtt": [f"{short}Role", "Arn"]}
    assert properties["LoggingConfig"] == {"LogGroup": {"Ref": f"{short}Logs"}}
    assert properties["Description"].endswith(".")


def test_logs_are_encrypted_and_forgotten_in_time() -> None:
    for properties in resources("AWS::Logs::LogGroup").values():
        assert properties["KmsKeyId"] == {"Fn::GetAtt": ["DataKey", "Arn"]}
        assert properties["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize("name", resources("AWS::S3::Bucket"))
def test_a_bucket_is_versioned_private_encrypted_and_logged(name: str) -> None:
    bucket = resources("AWS::S3::Bucket")[name]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    if name != "AccessLogsBucket":
        assert bucket["LoggingConfiguration"]["DestinationBucketName"] == {"Ref": "AccessLogsBucket"}
        assert "DataKey" in str(bucket["BucketEncryption"])
    policy = resources("AWS::S3::BucketPolicy")[f"{name}Policy"]
    assert "aws:SecureTransport" in str(policy["PolicyDocument"]["Statement"][0]["Condition"])


def test_what_holds_data_outlives_the_stack() -> None:
    for name, resource in template()["Resources"].items():
        if resource["Type"] in {
            "AWS::S3::Bucket",
            "AWS::S3::BucketPolicy",  # what is kept stays guarded
            "AWS::SQS::Queue",
            "AWS::SQS::QueuePolicy",
            "AWS::DynamoDB::Table",
            "AWS::KMS::Key",
            "AWS::SageMaker::FeatureGroup",
            "AWS::SageMaker::ModelPackageGroup",
        }:
            assert resource["DeletionPolicy"] == "RetainExceptOnCreate", name
            assert resource["UpdateReplacePolicy"] == "Retain", name


def test_parameters_and_outputs_say_what_they_are() -> None:
    for section in ("Parameters", "Outputs"):
        for name, given in template()[section].items():
            assert given["Description"], name


def test_the_outputs_that_the_command_reads_are_there() -> None:
    assert set(template()["Outputs"]) >= {
        "InboxBucket", "LakeBucket", "ResultsBucket", "AuditBucket", "UploadsTable", "ApprovalsTable",
        "DeploymentsTable", "IngestStateMachine", "TrainingStateMachine", "ScoringStateMachine",
        "MonitoringStateMachine", "ApprovalsTopic", "AlertsTopic", "ApprovalApiUrl", "DeadLetterQueue",
        "ClinicalDashboard", "OperationsDashboard",
    }  # fmt: skip


def test_the_images_accounts_are_twelve_digits() -> None:
    accounts = template()["Mappings"]["SageMakerAlgorithms"]
    assert len(accounts) == 29
    assert all(re.fullmatch(r"\d{12}", account["Account"]) for account in accounts.values())
    assert accounts["eu-central-1"]["Account"] == "492215442770"


def test_the_use_case_section_is_fresh() -> None:
    written_text = TEMPLATE.read_text(encoding="utf-8")
    cases = [use_cases.get(name) for name in use_cases.names()]
    assert replaced(written_text, cases) == written_text, "run: make template"


@pytest.mark.parametrize("name", [name for name in use_cases.names() if not use_cases.get(name).external])
def test_a_feature_group_holds_every_feature_of_its_use_case(name: str) -> None:
    case = use_cases.get(name)
    [contract, *_] = contracts.kept(case)
    group = resources("AWS::SageMaker::FeatureGroup")[features_id(contract)]
    stored = {feature["FeatureName"]: feature["FeatureType"] for feature in group["FeatureDefinitions"]}
    assert stored == contracts.feature_definitions(case)
    assert set(case.feature_names) <= set(stored)
    # Reserved by the Feature Store.
    assert not {"is_deleted", "write_time", "api_invocation_time"} & set(stored)
    # Feature Store's own limits on names.
    assert all(re.fullmatch(r"[A-Za-z0-9](-*[A-Za-z0-9_]){0,63}", feature) for feature in stored)


def test_nothing_of_a_training_is_there_for_a_model_that_is_not_ours() -> None:
    for case in (use_cases.get(name) for name in use_cases.names()):
        start = logical(case.name)
        groups = [
            name
            for name in template()["Resources"]
            if name.startswith((f"{start}Features", f"{start}Models"))
        ]
        assert (groups == []) is bool(case.external), case.name
        assert (
            case.contract_id in str(resources("AWS::IAM::ManagedPolicy")["FeatureGroupsPolicy"])
        ) is not bool(case.external)
        assert f"{start}CheckAlarm" in template()["Resources"]


def test_a_third_use_case_gets_a_section_of_its_own() -> None:
    third = replace(use_cases.get("heart"), name="sepsis", title="Sepsis")
    text = replaced(TEMPLATE.read_text(encoding="utf-8"), [use_cases.get("heart"), third])
    for logical_id in ("SepsisFeatures", "SepsisModels", "SepsisMonitoringSchedule", "SepsisUnwatchedAlarm"):
        assert f"  {logical_id}:\n" in text
    assert "StrokeFeatures" not in text


@pytest.mark.parametrize("machine", MACHINES)
def test_a_substitution_named_as_a_resource_is_that_resource(machine: str) -> None:
    known = template()["Resources"]
    named = {name: value for name, value in substitutions(machine).items() if name in known}
    by_reference = ("Bucket", "Table", "Topic", "Queue", "StateMachine")
    attributes = {"SecurityGroup": "GroupId", "Prefix": "Value"}
    assert named == {
        name: {"Ref": name}
        if name.endswith(by_reference)
        else {"Fn::GetAtt": [name, attributes.get(re.sub(r"^Job", "", name), "Arn")]}
        for name in named
    }
    assert set(placeholders(machine)) >= named.keys() >= {"AlertsTopic"}


def test_samconfig_names_three_stages_and_only_known_parameters() -> None:
    stages = tomllib.loads((PROJECT / "samconfig.toml").read_text(encoding="utf-8"))
    stacks = {
        stage: given["deploy"]["parameters"] for stage, given in stages.items() if isinstance(given, dict)
    }
    assert set(stacks) == {"default", "staging", "prod"}
    for deploy in stacks.values():
        named = {entry.partition("=")[0] for entry in deploy["parameter_overrides"]}
        assert named <= set(template()["Parameters"])


def test_the_state_machines_are_started_by_an_event_and_by_schedules() -> None:
    rule = resources("AWS::Events::Rule")["InboxRule"]
    # Misplaced objects get a receipt as well: no prefix.
    assert set(rule["EventPattern"]["detail"]) == {"bucket"}
    assert rule["Targets"][0]["DeadLetterConfig"]
    schedules = resources("AWS::Scheduler::Schedule")
    operations = {"TurnsSchedule", "ReconcileWorkSchedule", "VerifyLedgerSchedule"}
    daily = {name: one for name, one in schedules.items() if name not in operations}
    assert len(daily) == len(use_cases.names())
    for schedule in daily.values():
        assert yaml.safe_load(schedule["Target"]["Input"])["use_case"] in use_cases.names()
        assert "Name" not in schedule


def test_zero_days_keep_and_any_other_number_ends_what_its_parameter_names() -> None:
    named = [
        name for name, given in template()["Parameters"].items() if "(docs/data.md)" in given["Description"]
    ]
    ended: dict[str, list[str]] = {}
    for bucket in ("InboxBucket", "LakeBucket", "ResultsBucket"):
        for rule in template()["Resources"][bucket]["Properties"]["LifecycleConfiguration"]["Rules"]:
            if isinstance(rule["Status"], str):
                continue
            condition, *states = rule["Status"]["Fn::If"]
            given = f"{condition.removesuffix('End')}Days"
            kept = template()["Conditions"][condition]
            assert (states, kept) == (
                ["Enabled", "Disabled"], {"Fn::Not": [{"Fn::Equals": [{"Ref": given}, 0]}]},
            )  # fmt: skip
            assert rule["ExpirationInDays"]["Fn::If"][:2] == [condition, {"Ref": given}]
            [tag] = rule.get("TagFilters", [{}])
            what = rule.get("Prefix") or str({tag["Key"]: tag["Value"]})
            ended.setdefault(given, []).append(what)
    assert list(ended) == named
    assert ended["ResultsDays"] == [str(object_keys.HOLDS_PATIENTS)]
