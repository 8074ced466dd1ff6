"""The options and arguments that several verbs share; --json, --stack and --twin also go before the verb."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def _or_inherited(context: typer.Context, parameter: typer.CallbackParam, value: Any) -> Any:
    """Return the option as given after the verb, else as given before it."""
    before = context.parent
    while not value and before is not None:
        value = before.params.get(str(parameter.name)) or value
        before = before.parent
    return value


AsJson = Annotated[
    bool, typer.Option("--json", callback=_or_inherited, help="Print JSON for programs instead of tables.")
]
StackName = Annotated[
    str | None,
    typer.Option(
        "--stack",
        callback=_or_inherited,
        metavar="NAME",
        help="The deployed stack.  [default: $CLINRISK_STACK or clinrisk]",
        show_default=False,
    ),
]
OnTwin = Annotated[
    bool,
    typer.Option("--twin", callback=_or_inherited, help="Use the laptop twin of this folder instead of AWS."),
]
ExistingFile = Annotated[
    Path,
    typer.Argument(
        exists=True, dir_okay=False, readable=True, metavar="FILE", help="A file on this machine."
    ),
]
ExistingFiles = Annotated[
    list[Path],
    typer.Argument(
        exists=True, dir_okay=False, readable=True, metavar="FILE...", help="Files on this machine."
    ),
]
UseCaseName = Annotated[
    str, typer.Argument(metavar="USE_CASE", help="A use case that `clinrisk use-cases` lists.")
]
UseCaseAndPurpose = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="USE_CASE/PURPOSE",
        help="For example heart/training, stroke/inference, heart/outcomes, heart/feedback.",
    ),
]

OneUseCase = Annotated[str | None, typer.Argument(metavar="[USE_CASE]", help="Only this use case.")]


def known_use_case(name: str) -> str:
    """Return the same name; raises BadParameter when there is no such use case."""
    from clinrisk import use_cases

    if name not in use_cases.names():
        raise typer.BadParameter(f"there is no use case {name!r}; there are: {', '.join(use_cases.names())}")
    return name


def one_or_all(name: str | None) -> tuple[str, ...]:
    """Return the use case of that name, or all; raises BadParameter when there is no such use case."""
    from clinrisk import use_cases

    return (known_use_case(name),) if name else use_cases.names()


def use_case_and_purpose(text: str) -> tuple[str, str]:
    """Return the two halves of `heart/training`; raises BadParameter when one of them is unknown."""
    from clinrisk.core.ingest.inbox_keys import PURPOSES

    use_case, slash, purpose = text.partition("/")
    if not slash or purpose not in PURPOSES:
        raise typer.BadParameter(
            f"write it as USE_CASE/PURPOSE, where the purpose is one of {', '.join(PURPOSES)}"
        )
    return known_use_case(use_case), purpose
