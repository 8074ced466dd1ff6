"""A new function in template.yaml: its own four resources, its state machine's section, the dashboard."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tools.new_function.declaration import NotPossibleError

if TYPE_CHECKING:
    from tools.new_function.declaration import NewFunction, Right


def with_resources(template: str, function: NewFunction) -> str:
    """Return template.yaml with the function after the last one of its capability, and where it is named.

    Raises NotPossibleError where the template knows the name already, or is not built as it was.
    """
    if f"  {function.id}Function:\n" in template:
        raise NotPossibleError(f"template.yaml has a {function.id}Function already.")
    folders = re.findall(rf"CodeUri: functions/{function.capability}/([a-z_]+)/", template)
    if not folders:
        raise NotPossibleError(f"template.yaml has no function of {function.capability} to stand after.")
    before = "".join(word.capitalize() for word in folders[-1].split("_"))
    machine = f"{function.capability.capitalize()}StateMachine"
    # The policy is the last resource of a function; a blank line ends it.
    text = _after(template, rf"^  {before}Policy:\n(?:.+\n)+", "\n" + _resources(function))
    text = _after(
        text,
        rf"^  {machine}:\n(?:.+\n)*?      DefinitionSubstitutions:\n",
        f"        {function.id}Function: !GetAtt {function.id}Function.Arn\n",
    )
    text = _invoked(text, machine, function)
    for metric in ("Errors", "Duration"):
        line = rf"^ *- \[AWS/Lambda, {metric}, FunctionName, !Ref {before}Function, .*\n"
        copy = _found(text, line)[0].replace(before, function.id).replace(folders[-1], function.name)
        text = _after(text, line, copy)
    return text


def _found(text: str, pattern: str) -> re.Match[str]:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise NotPossibleError(f"template.yaml is not built as it was: nothing matches {pattern!r}.")
    return found


def _after(text: str, pattern: str, addition: str) -> str:
    end = _found(text, pattern).end()
    return text[:end] + addition + text[end:]


def _invoked(text: str, machine: str, function: NewFunction) -> str:
    """Let the state machine invoke the function; its list may stand on one line."""
    found = _found(
        text, rf"^  {machine}Policy:\n(?:.+\n)*?.+Sid: InvokeItsFunctions\n(?:.+\n)*?( +Resource:)(.*)\n"
    )
    own, given = f"!GetAtt {function.id}Function.Arn", found[2].strip()
    if not given:
        return text[: found.end()] + f"              - {own}\n" + text[found.end() :]
    listed = given.removeprefix("[").removesuffix("]")
    return text[: found.start(2)] + f" [{own}, {listed}]\n" + text[found.end() :]


def _resources(function: NewFunction) -> str:
    variables = "".join(
        f"          {name}: !Ref {name.title().replace('_', '')}\n" for name in function.environment
    )
    refs = ", ".join(f"!Ref {layer}Layer" for layer in function.layers)
    return _RESOURCES.format(
        id=function.id,
        name=function.name,
        capability=function.capability,
        # A JSON text is a YAML text, whatever it holds.
        description=json.dumps(f"{function.summary}.", ensure_ascii=False),
        layers=f"      Layers: [{refs}]\n" if refs else "",
        environment=f"      Environment:\n        Variables:\n{variables}" if variables else "",
        rights="".join(map(_statement, function.rights)),
    )


def _statement(right: Right) -> str:
    actions = ", ".join(f'"{action}"' for action in right.actions)
    arn = f'!Sub "${{{right.resource}.Arn}}/{right.path}"' if right.path else f"!GetAtt {right.resource}.Arn"
    return (
        f"          - Sid: {right.sid}\n            Effect: Allow\n"
        f"            Action: {actions if len(right.actions) == 1 else f'[{actions}]'}\n"
        f"            Resource: {arn}\n"
    )


_RESOURCES = """\
  {id}Function:
    Type: AWS::Serverless::Function
    Properties:
      Description: {description}
      CodeUri: functions/{capability}/{name}/
      Role: !GetAtt {id}Role.Arn
      Timeout: 60
{layers}      LoggingConfig: {{LogGroup: !Ref {id}Logs}}
{environment}  {id}Logs:
    Type: AWS::Logs::LogGroup
    Properties: {{KmsKeyId: !GetAtt DataKey.Arn, RetentionInDays: !Ref LogRetentionDays}}
  {id}Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {{Version: "2012-10-17", Statement: [{{Effect: Allow, Principal: {{Service: \
lambda.amazonaws.com}}, Action: "sts:AssumeRole"}}]}}
      ManagedPolicyArns: [!Ref FunctionPlatformPolicy, !Ref {id}Policy]
  {id}Policy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      Description: What {id}Function may do.
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Sid: WriteItsOwnLog
            Effect: Allow
            Action: ["logs:CreateLogStream", "logs:PutLogEvents"]
            Resource: !GetAtt {id}Logs.Arn
{rights}"""
