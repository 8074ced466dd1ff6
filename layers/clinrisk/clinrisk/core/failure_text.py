"""Which words of an error may leave the system: in a mail, a receipt, a page, an alarm or the command.

An error comes as Step Functions hands it to a Catch: a name and a cause. The cause is anybody's text:
Lambda's JSON with an exception's message, the whole description of a job, what an engine wrote. It may quote
a patient's row. Three kinds of words leave, and no others:

- the message of one of our own errors (`clinrisk.errors`: facts, never a cell's value);
- what our own program wrote about the end of its job, or the platform about that job;
- our own sentence for a decision.

Of everything else only the error's name leaves. Standard library only; no AWS, no mail texts.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from clinrisk import errors
from clinrisk.core import object_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 300
"""Characters of a sentence that leaves; receipts, message attributes and tables hold it whole."""

# Their cause comes with a task token or from the workflow itself, and is not read.
_DECISIONS = {
    errors.ApprovalRejected.__name__: "The approver said no.",
    errors.ApprovalExpired.__name__: "No decision arrived in time.",
}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)*")
_LONGEST_NAME = 80
# What our own jobs run; batch transform and tuning jobs run AWS's programs, which may quote a row.
_OUR_PROGRAM = object_keys.job_code("digest").rpartition("/")[2]
# What SageMaker puts before the colon of a FailureReason (as its API reference and documentation spell them).
_PLATFORM_CODES = ("AlgorithmError", "CapacityError", "ClientError", "InternalServerError")


def explained(name: str, cause: str) -> str:
    """Return why something failed, in one line of printable ASCII with at most `LONGEST` characters.

    >>> explained("CountsDisagree", '{"errorMessage": "Chunk 3 of the file is missing."}')
    'Chunk 3 of the file is missing.'
    >>> explained("Runtime.ExitError", '{"errorMessage": "63,typical angina"}')
    'It ended with Runtime.ExitError.'
    >>> explained("States.TaskFailed", '{"FailureReason": "ClientError: bad row 63,1"}')
    'The job ended with ClientError; its log says more.'
    """
    facts = _parsed(cause)
    words = _our_message(name, facts) or _DECISIONS.get(name) or _of_job(facts)
    return one_line(words or f"It ended with {named(name)}.")


def ended(error: str, cause: str) -> str:
    """Return why an execution ended, from its own error and cause, in one line like `explained`.

    Our definitions write the cause of each Fail state. Names that begin with `States.` are reserved for Step
    Functions, whose causes quote the data on which an expression failed.

    >>> ended("CandidateBlocked", "AUC is below .80.")
    'AUC is below .80.'
    >>> ended("States.Runtime", "cannot evaluate 63 + typical angina")
    'It ended with States.Runtime.'
    """
    plain = cause.strip()
    if not plain or plain.startswith(("{", "[", '"')) or error.startswith("States."):
        return explained(error, cause) if error else ""
    return one_line(plain)


def ending(name: str) -> str:
    """Return the error name for a Fail state, which may not begin with `States.`.

    >>> ending("States.Timeout"), ending("States.TaskFailed"), ending("NotEnoughData")
    ('WorkflowTimeout', 'JobFailed', 'NotEnoughData')
    """
    if name == "States.TaskFailed":
        return errors.JobFailed.__name__
    return named(name).replace("States.", "Workflow")


def named(name: str) -> str:
    """Return an error's name if it is spelled like one; only then it is a program's word.

    >>> named("Lambda.TooManyRequestsException"), named("63, typical angina")
    ('Lambda.TooManyRequestsException', 'AnUnnamedError')
    """
    return name if len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) else "AnUnnamedError"


def one_line(words: str) -> str:
    r"""Return words as printable ASCII on one line, cut at `LONGEST` characters.

    >>> one_line("Zu wenige\nZeilen: drei\u202e")
    'Zu wenige?Zeilen: drei?'
    """
    return "".join(one if " " <= one <= "~" else "?" for one in words)[:LONGEST].strip()


def _parsed(cause: str) -> Mapping[str, Any]:
    """Return the JSON object that a cause is; empty for any other text (a long cause is cut short)."""
    try:
        found = json.loads(cause)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _our_message(name: str, facts: Mapping[str, Any]) -> str:
    """Return the message of one of our own errors, as Lambda writes it, or nothing."""
    kind = getattr(errors, name, None)
    ours = isinstance(kind, type) and issubclass(kind, errors.ClinriskError)
    return _text(facts, "errorMessage") if ours else ""


def _of_job(facts: Mapping[str, Any]) -> str:
    """Return what a job of ours says about its end; of another program's job, the platform's code."""
    reason = _text(facts, "FailureReason")
    if _runs_our_program(facts):
        return _text(facts, "ExitMessage") or reason
    code = reason.partition(":")[0]
    return f"The job ended with {code}; its log says more." if code in _PLATFORM_CODES else ""


def _runs_our_program(facts: Mapping[str, Any]) -> bool:
    for member in ("AppSpecification", "AlgorithmSpecification"):
        given = facts.get(member)
        entrypoint = given.get("ContainerEntrypoint") if isinstance(given, dict) else None
        if isinstance(entrypoint, list) and entrypoint:
            return str(entrypoint[-1]).rpartition("/")[2] == _OUR_PROGRAM
    return False


def _text(facts: Mapping[str, Any], member: str) -> str:
    found = facts.get(member)
    return found.strip() if isinstance(found, str) else ""
