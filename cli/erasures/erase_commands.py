"""`erase` and `hold`: a file of ids goes to a function of the stack; no patient's data come back."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.command_errors import CliError
from cli.options import AsJson, OnTwin, StackName, known_use_case
from cli.screen import complaints, console, moment, show_json, show_table, working
from cli.stack import open_stack
from clinrisk.core import object_keys

if TYPE_CHECKING:
    from cli.stack import Stack

AGAIN = "Ask again: it goes on where it came to, and what is done stays done."
OfUseCase = Annotated[
    str,
    typer.Option("--use-case", metavar="USE_CASE", help="Whose patients: each use case by itself."),
]
IdFile = Annotated[
    Path | None,
    typer.Option(
        "--id-file", exists=True, dir_okay=False, readable=True, metavar="FILE",
        help="One id a line, as the hospital's files have it; where they have none, the id of the results.",
    ),
]  # fmt: skip

Confirmed = Annotated[bool, typer.Option("--confirm", help="Erase; else count, and change nothing.")]
Why = Annotated[str, typer.Option(metavar="TEXT", help="Why; the ledger keeps it: name no patient.")]


def erase(
    *,
    use_case: OfUseCase,
    id_file: IdFile = None,
    request: Annotated[
        str | None, typer.Option("--request", metavar="ID", help="A request that a dry run has printed.")
    ] = None,
    confirm: Confirmed = False,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Find patients in all that is stored; with --confirm, erase them for good and prove it.

    For example:

        clinrisk erase --use-case stroke --id-file ids.txt

        clinrisk erase --use-case stroke --request 3f0a1b2c4d5e6f70 --confirm

    The first one counts by place, in all versions, and changes nothing. The second one erases what was found:
    objects are written again without the patients, older versions are deleted, and everything is searched
    once more. Files in the inbox and sets of trainings that hold them go as a whole; models stay, and those
    that learned from them are named. The ledger keeps counts, digests and who asked, and no id.

    The file of ids is readable for nobody but the function that erases, and is deleted at the end, or after a
    week. Repeat the same command after an interruption. A patient on hold (clinrisk hold) is not erased.
    """
    known_use_case(use_case)
    if (id_file is None) == (request is None):
        raise typer.BadParameter("give --id-file for a new request, or --request for one that was begun")
    deployed = open_stack(stack, on_twin=twin)
    if id_file is not None:
        request = _name(deployed, use_case, id_file)
    asked = {"action": "erase" if confirm else "search", "use_case": use_case, "request_id": request}
    with working("Searching all that is stored ...", quiet=as_json):
        found = _until_done(deployed, asked, "erased" if confirm else "found", quiet=as_json)
    if found["stage"] == "refused":
        raise CliError(found["refused"], f"The request is {request}: nothing was changed.")
    if as_json:
        show_json(found | {"request_id": request})
        return
    _show(found, use_case, str(request))


def hold(
    *,
    use_case: OfUseCase,
    id_file: IdFile = None,
    release: Annotated[str | None, typer.Option(metavar="HOLD", help="A hold that is over.")] = None,
    reason: Why = "",
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Keep patients from being erased while a court or an authority asks for their data; list such holds.

    For example:

        clinrisk hold --use-case stroke --id-file ids.txt --reason "Case 7 at the district court"

        clinrisk hold --use-case stroke

        clinrisk hold --use-case stroke --release 3f0a1b2c4d5e6f70 --reason "The case is closed"

    A hold keeps digests of the patients, and no id. It refuses `clinrisk erase`; it does not stop the ends of
    places that the stack's parameters state: set those to 0 while a hold needs them.
    """
    known_use_case(use_case)
    if id_file is not None and release is not None:
        raise typer.BadParameter("place a hold or release one, not both")
    if (id_file or release) and not reason.strip():
        raise typer.BadParameter("say why with --reason")
    deployed = open_stack(stack, on_twin=twin)
    request = release or secrets.token_hex(8)
    action = "release" if release else "list_holds"
    if id_file is not None:
        action, request = "hold", _name(deployed, use_case, id_file)
    asked = {"action": action, "use_case": use_case, "request_id": request, "reason": reason}
    found = _ask(deployed, asked)
    if found["stage"] == "refused":
        raise CliError(found["refused"], f"See which there are: clinrisk hold --use-case {use_case}")
    if as_json:
        show_json(found["holds"])
        return
    show_table(
        "Legal holds",
        ("hold", "patients", "since", "by", "why", "released"),
        [
            (
                one["hold_id"], str(one["patients"]), moment(one["placed_at"]), one["person"], one["reason"],
                moment(one["released_at"]) if one["released_at"] else "",
            )
            for one in found["holds"]
        ],
        "No patient is on hold.",
    )  # fmt: skip


def _name(deployed: Stack, use_case: str, id_file: Path) -> str:
    """Put a file of ids where the function alone reads it, and return the request that it is for."""
    request = secrets.token_hex(8)
    deployed.s3.put_object(
        Bucket=deployed.output("LakeBucket"),
        Key=object_keys.erasure_ids(use_case, request),
        Body=id_file.read_bytes(),
    )
    return request


def _until_done(deployed: Stack, asked: dict[str, Any], end: str, *, quiet: bool) -> dict[str, Any]:
    """Ask until a request has come to its end or is refused; a line tells of each step, unless quiet."""
    while True:
        found = _ask(deployed, asked)
        if found["stage"] in {end, "erased", "refused"}:
            return found
        if not quiet:
            complaints().print(
                f"{asked['request_id']} {found['stage']}: {found['objects']} objects searched, "
                f"{found['left']} to erase"
            )


def _ask(deployed: Stack, asked: dict[str, Any]) -> dict[str, Any]:
    from clinrisk.aws import clients

    answer = clients.functions().invoke(
        FunctionName=deployed.output("ErasePatientsFunction"),
        Payload=json.dumps(asked | {"person": deployed.caller()}).encode(),
    )
    document: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise CliError(str(document.get("errorMessage", "The function broke off.")), AGAIN)
    return document


def _show(found: dict[str, Any], use_case: str, request: str) -> None:
    done = found["stage"] == "erased"
    show_table(
        f"{found['patients']} patients of {use_case}: {'erased' if done else 'found'}",
        ("where", "objects", "their rows"),
        [(one["name"], str(one["objects"]), str(one["rows"])) for one in found["locations"]],
        "Nothing of them is stored.",
    )
    if found["learned_by"]:
        console().print(
            f"These models learned from some of them, and are kept: {', '.join(found['learned_by'])}. "
            "What was learned from a patient cannot be taken out; a training from now on does not know them: "
            f"clinrisk train {use_case} --reason TEXT"
        )
    if done:
        console().print(
            f"A search of {found['objects']} objects found nothing of them afterwards; the ledger has it: "
            f"{found['entry']}"
        )
    else:
        console().print(
            "Nothing was changed. Erase them: "
            f"clinrisk erase --use-case {use_case} --request {request} --confirm"
        )
