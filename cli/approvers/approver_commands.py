"""`approvers`: who may decide about releases; they are added, invited to enrol, mailed again and removed."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.approvers import gates
from cli.command_errors import CliError
from cli.options import (
    AsJson,
    OnTwin,
    StackName,
    UseCaseName,
    known_use_case,
    one_or_all,
)
from cli.screen import console, moment, show_json, show_table, verdict, working
from cli.stack import open_stack
from clinrisk.use_cases.approval_policy import ROLES

if TYPE_CHECKING:
    from cli.stack import Stack

IDENTITY = typer.Option("--identity", metavar="ARN", help="By what AWS knows them when they give commands.")
group = typer.Typer(no_args_is_help=True, help="Who may decide about releases.")
Named = Annotated[
    str, typer.Argument(metavar="ID|MAIL", help="An approver that `clinrisk approvers list` names.")
]


@group.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name that decisions will carry.")],
    *,
    mail: Annotated[str, typer.Option(metavar="ADDRESS", help="Where links go; nobody else may read it.")],
    role: Annotated[str, typer.Option(metavar="|".join(ROLES), help="In which role this person decides.")],
    use_case: Annotated[
        list[str] | None,
        typer.Option(metavar="USE_CASE", help="What they decide about; may be given again.  [default: all]"),
    ] = None,
    identity: Annotated[str, IDENTITY] = "",
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Add an approver. AWS mails them a request to confirm the subscription; invite them after that.

    For example:

        clinrisk approvers add "Ann Lee" --mail ann.lee@hospital.example --role clinical --use-case heart

    Where a use case's policy asks for two people, they have different roles (docs/decisions/0039). Who gives
    commands as well should have an --identity: nobody is the only one who approves what they asked for.
    """
    if role not in ROLES:
        raise typer.BadParameter(f"a role is one of {', '.join(ROLES)}")
    use_cases = [known_use_case(one) for one in use_case or one_or_all(None)]
    if not re.fullmatch(r"[^@\s]{1,64}@[^@\s]{1,190}", mail):
        raise typer.BadParameter(f"{mail!r} is no mail address")
    new = {"name": name, "mail": mail, "role": role, "use_cases": use_cases, "identity": identity}
    changed = _update(open_stack(stack, on_twin=twin), "add", new=new, quiet=as_json)
    next_step = f"Invite them: clinrisk approvers invite {mail}"
    if not changed["confirmed"]:
        next_step = (
            "AWS has mailed them a request to confirm. Let them send you its link unopened, then: "
            f"clinrisk approvers confirm {mail} --link LINK"
        )
    _show_change(changed, f"{name} is an approver. {next_step}", as_json=as_json)


@group.command("identify")
def identify(
    approver: Named,
    *,
    identity: Annotated[str, IDENTITY],
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Note by which ARN AWS knows an approver: they are never the only one who approves what they asked for.

    For example:

        clinrisk approvers identify ann.lee@hospital.example --identity arn:aws:iam::123456789012:user/ann.lee

    They see theirs with `aws sts get-caller-identity`.
    """
    changed = _update(
        open_stack(stack, on_twin=twin), "identify", subject=approver, identity=identity, quiet=as_json
    )
    _show_change(changed, f"{changed['approver']['name']} gives commands as {identity}.", as_json=as_json)


@group.command("confirm")
def confirm(
    approver: Named,
    *,
    link: Annotated[str, typer.Option(metavar="LINK", help="The link in AWS's mail to the approver.")],
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Confirm an approver's subscription in a way that only this account can end.

    For example:

        clinrisk approvers confirm ann.lee@hospital.example --link "https://sns.eu-central-1..."

    An approver who follows the link confirms too; but then every mail to them has a link that ends it
    unasked.
    """
    found = re.search(r"[?&]Token=([0-9a-fA-F]+)", link)
    if found is None:
        raise typer.BadParameter("the link has no Token: copy all of it")
    changed = _update(
        open_stack(stack, on_twin=twin), "confirm", subject=approver, token=found[1], quiet=as_json
    )
    text = f"Mail reaches {approver}. Invite them: clinrisk approvers invite {approver}"
    _show_change(changed, text, as_json=as_json)


@group.command("invite")
def invite(
    approver: Named, *, as_json: AsJson = False, stack: StackName = None, twin: OnTwin = False
) -> None:
    """Mail an approver the link to enrol; it works once. Codes that they had before end at once.

    For example:

        clinrisk approvers invite ann.lee@hospital.example

    Use it again for a new phone, a lost one, and to unlock after too many wrong codes.
    """
    changed = _update(open_stack(stack, on_twin=twin), "invite", subject=approver, quiet=as_json)
    until = moment(changed["approver"]["invited_until"])
    text = f"{changed['approver']['name']} has mail with a link that works once, until {until}."
    _show_change(changed, text, as_json=as_json)


@group.command("away")
def away(
    approver: Named,
    *,
    until: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], metavar="DAY", help="The last day of it, in UTC.")
    ],
    deputy: Annotated[
        str,
        typer.Option(metavar="ID|MAIL", help="Who is asked instead: enrolled, in the same role."),
    ] = "",
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Note that an approver is away: until the end of that day a deputy is asked instead, or nobody.

    For example:

        clinrisk approvers away ann.lee@hospital.example --until 2026-12-20 --deputy bo.lind@hospital.example

    The deputy decides in their own name, about the use cases of who is away; it ends by itself.
    """
    ends = int((until.replace(tzinfo=UTC) + timedelta(days=1)).timestamp())
    deployed = open_stack(stack, on_twin=twin)
    changed = _update(deployed, "away", subject=approver, away_until=ends, deputy=deputy, quiet=as_json)
    asked = f"{deputy} is asked instead" if deputy else "nobody is asked instead"
    text = f"{changed['approver']['name']} is away until {moment(ends)}; {asked}. Mail what waits already: "
    _show_change(changed, f"{text}clinrisk approvers resend USE_CASE", as_json=as_json)
    if not as_json:
        gates.warn(gates.lacking(gates.people()))


@group.command("back")
def back(approver: Named, *, as_json: AsJson = False, stack: StackName = None, twin: OnTwin = False) -> None:
    """Note that an approver is back before the day that was stated; a deputy decides nothing more for them.

    For example:

        clinrisk approvers back ann.lee@hospital.example
    """
    changed = _update(open_stack(stack, on_twin=twin), "away", subject=approver, quiet=as_json)
    _show_change(changed, f"{changed['approver']['name']} is asked again.", as_json=as_json)


@group.command("remove")
def remove(
    approver: Named, *, as_json: AsJson = False, stack: StackName = None, twin: OnTwin = False
) -> None:
    """Remove an approver: links, codes and mails of theirs end at once. What they decided stays.

    For example:

        clinrisk approvers remove ann.lee@hospital.example
    """
    changed = _update(open_stack(stack, on_twin=twin), "remove", subject=approver, quiet=as_json)
    _show_change(changed, f"{changed['approver']['name']} is no approver any more.", as_json=as_json)


@group.command("resend")
def resend(
    use_case: UseCaseName, *, as_json: AsJson = False, stack: StackName = None, twin: OnTwin = False
) -> None:
    """Mail the open questions of a use case again, to everybody who may decide now.

    For example:

        clinrisk approvers resend heart
    """
    known_use_case(use_case)
    changed = _update(open_stack(stack, on_twin=twin), "resend", subject=use_case, quiet=as_json)
    _show_change(changed, f"{changed['mailed']} mails were sent.", as_json=as_json)


@group.command("list")
def list_(
    *,
    everybody: Annotated[bool, typer.Option("--all", help="Also who was removed.")] = False,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Show who may decide, in which role, whether mail reaches them, and for which use cases it is enough.

    For example:

        clinrisk approvers list

        clinrisk approvers list --all --json
    """
    open_stack(stack, on_twin=twin)
    with working("Reading approvers ...", quiet=as_json):
        found = gates.people()
        open_gates = gates.lacking(found)
    shown = [one for one in found if everybody or one["state"] != "REMOVED"]
    if as_json:
        show_json({"approvers": shown, "lacking": open_gates})
        return
    rows = [
        (
            one["approver_id"],
            one["name"],
            one["mail"],
            one["role"],
            ", ".join(one["asked_about"]),
            verdict(one["state"]),
            "yes" if one["confirmed"] else "no",
        )
        for one in shown
    ]
    columns = ("id", "name", "mail", "role", "asked about", "state", "mail arrives")
    none = "There is no approver yet: clinrisk approvers add NAME --mail MAIL --role ROLE"
    show_table("Approvers", columns, rows, none)
    names = {one["approver_id"]: one["name"] for one in found if one["state"] != "REMOVED"}
    for one in (one for one in shown if one["state"] == "AWAY"):
        deputy = names.get(one["deputy"], "nobody")
        text = f"{one['name']} is away until {moment(one['away_until'])}; {deputy} is asked instead."
        console().print(text, markup=False)
    gates.warn(open_gates)


def _update(deployed: Stack, action: str, *, quiet: bool, **given: Any) -> dict[str, Any]:
    """Ask the function that keeps the approvers, and return its answer; raises CliError with its reason."""
    from clinrisk.aws import clients

    by = deployed.caller()
    with working("Changing approvers ...", quiet=quiet):
        answer = clients.functions().invoke(
            FunctionName=deployed.output("UpdateApproversFunction"),
            Payload=json.dumps({"action": action, "by": by} | given).encode(),
        )
    document: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise CliError(
            str(document.get("errorMessage", "The function broke off.")),
            "See who there is: clinrisk approvers list. The same command may be repeated.",
        )
    return document


def _show_change(changed: dict[str, Any], text: str, *, as_json: bool) -> None:
    show_json(changed) if as_json else console().print(text)
