"""The use-case section of template.yaml, rendered from clinrisk.use_cases (`make template`).

A use case is one file; what CloudFormation needs of it (a feature group and a package group per version of
its contract, schedule, alarms, its lines on the clinical dashboard) follows from that file and from the
records of its contracts. A test checks that the section is fresh.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.core.monitoring.findings import Check
from tools import clinical_dashboard, contracts
from tools.contracts import RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clinrisk.use_cases.base import UseCase
    from tools.contracts import Contract

BEGIN = "  # --- begin use cases\n"
END = "  # --- end use cases\n"
TEMPLATE = Path(__file__).parent.parent / "template.yaml"

_DAY = 86_400


def render(cases: Sequence[UseCase], records: Path = RECORDS) -> str:
    """Return the section, markers excluded."""
    own = [_resources(case, contracts.kept(case, records)) for case in cases]
    ids = [logical(case.name) for case in cases]
    return "\n".join(
        [*own, _writers_policy(cases), _references_policy(cases), clinical_dashboard.render(cases, ids)]
    )


def replaced(template: str, cases: Sequence[UseCase], records: Path = RECORDS) -> str:
    """Return the template with its use-case section written anew; raises ValueError without the markers."""
    head, begin, rest = template.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError("template.yaml has lost the comments that mark its use-case section.")
    return f"{head}{BEGIN}\n{render(cases, records)}\n{END}{tail}"


def logical(name: str) -> str:
    """Spell a use case's name as the start of a logical id.

    >>> logical("heart_failure-2")
    'HeartFailure2'
    """
    return "".join(part.capitalize() for part in name.replace("_", "-").split("-"))


def _resources(case: UseCase, kept: Sequence[Contract]) -> str:
    own = _RESOURCES.format(
        name=case.name,
        id=logical(case.name),
        description=_text(f"{case.title}. Looks at the recent batches."),
        schedule=case.schedule,
        alarms="\n".join(_alarms(case)),
    )
    # Of a model that is not ours nothing is learned or registered.
    groups = [] if case.external else map(_groups, kept)
    return "\n".join([f"  # {case.title}", *groups, own])


def _text(sentence: str) -> str:
    """Spell a sentence as a YAML text, whatever it holds: a JSON text is one."""
    return json.dumps(sentence, ensure_ascii=False)


def _groups(contract: Contract) -> str:
    """Render what holds the records and the models of one version of a contract."""
    definitions = "\n".join(
        f"        - {{FeatureName: {name}, FeatureType: {kind}}}"
        for name, kind in contract.feature_group.items()
    )
    return _GROUPS.format(
        features=features_id(contract),
        models=features_id(contract).replace("Features", "Models"),
        contract=contract.contract_id,
        title=_text(contract.title),
        definitions=definitions,
    )


def features_id(contract: Contract) -> str:
    """Return the logical id of a contract's feature group.

    The first contract's has no number: a renamed resource would be a second group of the same name.
    """
    number = f"V{contract.schema_version}" if contract.schema_version > 1 else ""
    return f"{logical(contract.use_case)}Features{number}"


def _writers_policy(cases: Sequence[UseCase]) -> str:
    cases = [case for case in cases if case.external is None]
    return _WRITERS_POLICY.format(
        groups="\n".join(_GROUP_ARN.format(contract=case.contract_id) for case in cases),
        prefixes="\n".join(_GROUP_PREFIX.format(contract=case.contract_id) for case in cases),
    )


def _references_policy(cases: Sequence[UseCase]) -> str:
    names = [case.name for case in cases if case.external] or ["none"]
    return _REFERENCES_POLICY.format(addresses="\n".join(_REFERENCE_ARNS.format(name=name) for name in names))


def _alarms(case: UseCase) -> Iterable[str]:
    name = logical(case.name)
    dimensions = f"{{Name: use_case, Value: {case.name}}}"
    yield _ALARM.format(
        id=f"{name}UploadFailedAlarm",
        description=_described(
            case,
            "UploadFailedAlarm",
            "An upload could not be ingested and was parked.",
            "mend the cause that clinrisk stuck names, then clinrisk redrive KEY",
        ),
        metric="UploadsFailed",
        dimensions=dimensions,
    )
    yield _ALARM.format(
        id=f"{name}ApproversMissingAlarm",
        description=_described(
            case,
            "ApproversMissingAlarm",
            "Nobody could approve: too few approvers have enrolled.",
            "clinrisk approvers list says what each lacks; then clinrisk approvers invite MAIL",
        ),
        metric="ApproversMissing",
        dimensions=dimensions,
    )
    yield _ALARM.format(
        id=f"{name}CountersignatureOverdueAlarm",
        description=_described(
            case,
            "CountersignatureOverdueAlarm",
            "No approver has countersigned a rollback in time.",
            f"clinrisk approvers resend {case.name}",
        ),
        metric="CountersignaturesOverdue",
        dimensions=dimensions,
    )
    checks = [check.value for check in Check]
    alerts = "\n".join(_query(f"c{n}", "CheckAlert", case, check) for n, check in enumerate(checks))
    yield _MATH_ALARM.format(
        id=f"{name}CheckAlarm",
        description=_described(
            case,
            "CheckAlarm",
            "A check of recent batches raised an alert.",
            f"clinrisk findings {case.name}, then clinrisk assign ID --to NAME",
        ),
        expression=f"MAX([{', '.join(f'c{n}' for n in range(len(checks)))}])",
        label="alerts",
        periods=1,
        queries=alerts,
    )
    ran = "\n".join(_query(f"c{n}", "CheckRan", case, check) for n, check in enumerate(checks))
    scored = _query("scored", "RowsScored", case, None)
    fewest = ", ".join(f"FILL(c{n}, 0)" for n in range(len(checks)))
    yield _MATH_ALARM.format(
        id=f"{name}UnwatchedAlarm",
        description=_described(
            case,
            "UnwatchedAlarm",
            "Patients were scored on two days, but a check of the batches did not run.",
            f"clinrisk status --use-case {case.name} shows why; then clinrisk monitor {case.name} --wait",
        ),
        expression=f"IF(FILL(scored, 0) > 0 AND MIN([{fewest}]) < 1, 1, 0)",
        label="unwatched",
        # The first batch of a day may come before that day's check: one day alone says nothing.
        periods=2,
        queries=f"{scored}\n{ran}",
    )


def _described(case: UseCase, section: str, meaning: str, remedy: str) -> str:
    """Return an alarm's description: what is wrong, what to do, and the section of docs/runbook.md."""
    return _text(f"{case.title}. {meaning} Do: {remedy}. Runbook: {section}.")


def _query(query: str, metric: str, case: UseCase, check: str | None) -> str:
    named = f", {{Name: check, Value: {check}}}" if check else ""
    return (
        f"        - Id: {query}\n"
        "          ReturnData: false\n"
        "          MetricStat:\n"
        f"            Metric: {{Namespace: !Ref AWS::StackName, MetricName: {metric}, "
        f"Dimensions: [{{Name: use_case, Value: {case.name}}}{named}]}}\n"
        f"            Period: {_DAY}\n"
        "            Stat: Sum"
    )


_GROUPS = """\
  {features}:
    Type: AWS::SageMaker::FeatureGroup
    DeletionPolicy: RetainExceptOnCreate
    UpdateReplacePolicy: Retain
    Properties:
      # Most of a feature group is fixed for ever: see docs/contract-change.md.
      FeatureGroupName: !Sub "${{NamePrefix.Value}}-{contract}"
      Description: {title}
      RecordIdentifierFeatureName: record_id
      EventTimeFeatureName: event_time
      RoleArn: !GetAtt FeatureStoreRole.Arn
      OnlineStoreConfig: !If
        - KeepOnlineStore
        - {{EnableOnlineStore: true, SecurityConfig: {{KmsKeyId: !GetAtt DataKey.Arn}}}}
        - !Ref AWS::NoValue
      OfflineStoreConfig:
        DisableGlueTableCreation: true
        S3StorageConfig: {{S3Uri: !Sub "s3://${{LakeBucket}}/offline-store/", KmsKeyId: !GetAtt DataKey.Arn}}
      FeatureDefinitions:
{definitions}

  {models}:
    Type: AWS::SageMaker::ModelPackageGroup
    DeletionPolicy: RetainExceptOnCreate
    UpdateReplacePolicy: Retain
    Properties:
      ModelPackageGroupName: !Sub "${{NamePrefix.Value}}-{contract}"
      ModelPackageGroupDescription: {title}
"""

_WRITERS_POLICY = """\
  # Records are written under the present contracts alone; what earlier ones left is only read.
  FeatureGroupsPolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      Description: Where new records may be written.
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Sid: FillTheFeatureGroupsOfThePresentContracts
            Effect: Allow
            Action: ["sagemaker:DescribeFeatureGroup", "sagemaker:PutRecord", "sagemaker:BatchWriteRecord"]
            Resource:
{groups}
          - Sid: FillTheirOfflineStoresInBulk
            Effect: Allow
            Action: "s3:PutObject"
            Resource:
{prefixes}
"""

_GROUP_ARN = """\
              - !Sub "arn:${{AWS::Partition}}:sagemaker:${{AWS::Region}}:${{AWS::AccountId}}:feature-group/\
${{NamePrefix.Value}}-{contract}\""""

_GROUP_PREFIX = """\
              - !Sub "${{LakeBucket.Arn}}/offline-store/*/${{NamePrefix.Value}}-{contract}-*\""""

_REFERENCES_POLICY = """\
  # What is kept of a reference looks like what a training leaves: of models of ours, nothing is written here.
  ReferencesPolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      Description: Where references of models that are not ours may be kept.
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Sid: KeepReferencesOfModelsThatAreNotOurs
            Effect: Allow
            Action: ["s3:PutObject", "s3:GetObject"]
            Resource:
{addresses}
"""

_REFERENCE_ARNS = """\
              - !Sub "${{LakeBucket.Arn}}/candidates/{name}/*"
              - !Sub "${{LakeBucket.Arn}}/training/{name}/*/set/manifest.json"
              - !Sub "${{ResultsBucket.Arn}}/reports/{name}/*/report.html\""""

_RESOURCES = """\
  {id}MonitoringSchedule:
    Type: AWS::Scheduler::Schedule
    Properties:
      Description: {description}
      ScheduleExpression: {schedule}
      FlexibleTimeWindow: {{Mode: FLEXIBLE, MaximumWindowInMinutes: 15}}
      KmsKeyArn: !GetAtt DataKey.Arn
      Target:
        Arn: !Ref MonitoringStateMachine
        RoleArn: !GetAtt MonitoringScheduleRole.Arn
        Input: '{{"use_case": "{name}"}}'
        RetryPolicy: {{MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 20}}
        DeadLetterConfig: {{Arn: !GetAtt DeadLetterQueue.Arn}}

{alarms}"""

_ALARM = """\
  {id}:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmDescription: {description}
      Namespace: !Ref AWS::StackName
      MetricName: {metric}
      Dimensions: [{dimensions}]
      Statistic: Sum
      Period: 300
      EvaluationPeriods: 1
      Threshold: 0
      ComparisonOperator: GreaterThanThreshold
      TreatMissingData: notBreaching
      AlarmActions: [!Ref AlarmsTopic]
"""

_MATH_ALARM = """\
  {id}:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmDescription: {description}
      EvaluationPeriods: {periods}
      DatapointsToAlarm: {periods}
      Threshold: 0
      ComparisonOperator: GreaterThanThreshold
      TreatMissingData: notBreaching
      AlarmActions: [!Ref AlarmsTopic]
      Metrics:
        - {{Id: answer, Expression: "{expression}", Label: {label}, ReturnData: true}}
{queries}
"""


def main() -> None:
    """Record new contracts, write the section of template.yaml anew and say whether it changed."""
    cases = [use_cases.get(name) for name in use_cases.names()]
    try:
        for case in cases:
            contracts.record(case)
    except contracts.ContractChangedError as error:
        sys.exit(str(error))
    before = TEMPLATE.read_text(encoding="utf-8")
    after = replaced(before, cases)
    TEMPLATE.write_text(after, encoding="utf-8")
    sys.stdout.write(
        "template.yaml is up to date.\n" if before == after else "template.yaml has been rewritten.\n"
    )


if __name__ == "__main__":
    main()
