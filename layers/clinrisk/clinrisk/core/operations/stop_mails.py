"""The mail about an execution that stopped: what it worked on, how it ended, why, what starts it again.

Of what it was given only names leave: keys, ids of uploads and of runs. Standard library only.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

from clinrisk.core import failure_text
from clinrisk.core.mails import mail, printable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from clinrisk.core.mails import Mail

PROCEDURES = ("ingest", "training", "release", "scoring", "replay", "monitoring")
"""Our state machines, by the names of their definitions."""
_ENDED = {"ABORTED": "was stopped", "TIMED_OUT": "took longer than it may", "FAILED": "failed"}
_ID = re.compile(r"[A-Za-z0-9-]{1,40}")


def procedure_of(machine: str) -> str:
    """Return which of our procedures a state machine carries out, by the name that CloudFormation gave it.

    >>> procedure_of("clinrisk-ScoringStateMachine-0A1B")
    'scoring'
    """
    return next((one for one in PROCEDURES if f"{one.capitalize()}StateMachine" in machine), "")


def execution_stopped(
    procedure: str,
    execution: str,
    given: Mapping[str, Any],
    end: tuple[str, str, str],
    use_cases: Collection[str],
    *,
    closed: bool,
) -> Mail:
    """Return the mail to the operator; `end` is the status, the error and the cause of the execution."""
    status, error, cause = end
    use_case, what, command = _subject(procedure, execution.rpartition(":")[2], given)
    ended = _ENDED.get(status, "ended badly")
    reason = failure_text.ended(error, cause)
    return mail(
        f"{use_case if use_case in use_cases else 'clinrisk'}: {what} {ended}",
        f"The {what} {ended}.",
        f"Why: {reason}" if reason else "",
        "Its question to the approver is closed; the page behind the link says so." if closed else "",
        f"Start it again with:\n{command}\n\nEverything that stands still:\nclinrisk stuck",
        f"Execution: {execution}",
    )


def question_stopped(run_id: str) -> str:
    """Return why nobody can decide about a run any more."""
    return (
        "The release that asked has ended before anybody decided. "
        f"Ask again: clinrisk evaluate {run_id} --reason TEXT."
    )


def _subject(procedure: str, name: str, given: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the use case that an execution worked for, what it did, and the command that does it again."""
    use_case, run_id = _id(given, "use_case"), _id(given, "run_id")
    if procedure == "training" and not run_id:
        return use_case, f"training run {name}", f"clinrisk train {use_case} --reason TEXT"
    if procedure in {"training", "release"}:
        what = f"{'evaluation' if procedure == 'training' else 'release'} of run {run_id}"
        return use_case, what, f"clinrisk evaluate {run_id} --reason TEXT"
    if procedure in {"replay", "monitoring"}:
        upload_id = _id(given, "upload_id")
        again = {
            "replay": (f"replay of upload {upload_id}", f"clinrisk replay {use_case} --id {upload_id}"),
            "monitoring": (f"monitoring of {use_case}", f"clinrisk monitor {use_case}"),
        }
        return use_case, *again[procedure]
    if procedure == "ingest" and "decision" in given:
        upload_id, withdrawn = _id(given, "upload_id"), given["decision"] == "WITHDRAW"
        command = f"clinrisk {'withdraw' if withdrawn else 'let-through'} {upload_id} --reason TEXT"
        return "", f"decision about upload {upload_id}", command
    upload = _inner(given, "upload") or _inner(_inner(given, "detail"), "object")
    key = str(upload.get("key", ""))
    use_case = [*key.split("/"), "", ""][1]
    if procedure == "scoring":
        return use_case, f"scoring of {printable(key)}", f"clinrisk redrive {_id(upload, 'upload_id')}"
    command = f"clinrisk redrive {shlex.quote(key)}" if printable(key) == key else "clinrisk redrive --all"
    return use_case, f"ingest of {printable(key)}", command


def _inner(given: Mapping[str, Any], member: str) -> Mapping[str, Any]:
    found = given.get(member)
    return found if isinstance(found, dict) else {}


def _id(given: Mapping[str, Any], member: str) -> str:
    """Return a name that an execution was given, if it is spelled like one."""
    found = given.get(member)
    return found if isinstance(found, str) and _ID.fullmatch(found) else ""
