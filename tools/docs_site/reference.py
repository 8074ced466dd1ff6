"""The pages of the reference, as Markdown: commands, parameters, alarms, limits, errors, columns of files."""

from __future__ import annotations

import ast
import html
from typing import TYPE_CHECKING, Any

import typer.main
from samtranslator.yaml_helper import yaml_parse

from cli.app import app
from cli.local_files.column_list import column_rows, feedback_rows
from clinrisk import use_cases
from clinrisk.core.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path


def pages(project: Path) -> Iterator[tuple[str, str]]:
    """Yield each page of the reference: its name and its Markdown."""
    template = yaml_parse((project / "template.yaml").read_text(encoding="utf-8"))
    package = project / "layers/clinrisk/clinrisk"
    yield "commands", _commands()
    yield "files", _files()
    yield "parameters", _parameters(template["Parameters"], template["Outputs"])
    yield "alarms", _alarms(template["Resources"])
    yield "limits", _limits((package / "core/limits.py").read_text(encoding="utf-8"))
    yield "errors", _errors((package / "errors.py").read_text(encoding="utf-8"))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    r"""Return a Markdown table.

    >>> print(table(("name", "meaning"), [("a|b", "two<br>lines")]))
    | name | meaning |
    | --- | --- |
    | a\|b | two&lt;br&gt;lines |
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(content: object) -> str:
    return html.escape(" ".join(str(content).split()), quote=False).replace("|", "\\|")


def _commands() -> str:
    parts = ["# Commands", "Every command has `--json` for programs, `--stack NAME` and `--twin`."]
    for name, command in _leaves(typer.main.get_command(app), "clinrisk"):
        text = (command.help or "").replace("\b\n", "").replace("\f", "")
        parts += [f"## {name}", _with_examples(text)]
        rows = [_parameter(one) for one in command.params if _EVERYWHERE.isdisjoint(one.opts)]
        if rows:
            parts.append(table(("argument or option", "meaning"), rows))
    return "\n\n".join(parts)


_EVERYWHERE = {"--json", "--stack", "--twin", "--help"}


def _leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the commands that do something, with the words that call them; help on demand is left out."""
    within: Mapping[str, Any] = getattr(command, "commands", {})
    if not within:
        yield name, command
    for word, one in within.items():
        if not one.hidden:
            yield from _leaves(one, f"{name} {word}")


def _with_examples(text: str) -> str:
    """Return a command's help with its examples, the lines that begin with the command, set as code."""
    lines = [
        f"```\n{line.strip()}\n```" if line.strip().startswith("clinrisk ") else _cell(line)
        for line in text.splitlines()
    ]
    return "\n".join(lines).replace("\n```\n\n```\n", "\n")


def _parameter(one: Any) -> tuple[str, str]:
    given = one.param_type_name == "argument"
    value = one.metavar or (one.name.upper() if given else "" if one.is_flag else "VALUE")
    named = value if given else f"{', '.join(one.opts)} {value}".strip()
    needed = " Required." if one.required and not given else ""
    default = "" if given or one.default in {None, False, ""} else f" Default: {one.default}."
    return f"`{named}`", f"{one.help or ''}{needed}{default}"


def _files() -> str:
    parts = ["# Columns of files", "Of every use case; `clinrisk use-cases` prints the same."]
    for name in use_cases.names():
        use_case = use_cases.get(name)
        parts += [f"## {name}: {use_case.title}", use_case.description]
        parts.append(table(("column", "meaning", "accepted", "unit", "not measured"), column_rows(use_case)))
    parts += ["## feedback, of every use case", table(("column", "meaning", "accepted"), feedback_rows())]
    return "\n\n".join(parts)


def _parameters(parameters: Mapping[str, Any], outputs: Mapping[str, Any]) -> str:
    rows = [
        (
            f"`{name}`",
            one.get("Default", "") if one.get("Default", "") != "" else "(empty)",
            ", ".join(map(str, one.get("AllowedValues", ()))) or _range(one),
            one.get("Description", ""),
        )
        for name, one in parameters.items()
    ]
    found = [(f"`{name}`", one.get("Description", "")) for name, one in outputs.items()]
    return "\n\n".join(
        [
            "# Parameters and outputs of the stack",
            table(("parameter", "default", "allowed", "meaning"), rows),
            "## Outputs",
            table(("output", "meaning"), found),
        ]
    )


def _range(parameter: Mapping[str, Any]) -> str:
    low, high = parameter.get("MinValue"), parameter.get("MaxValue")
    return "" if low is None else f"{low} to {high}" if high is not None else f"from {low}"


def _alarms(resources: Mapping[str, Any]) -> str:
    alarms = {
        name: one["Properties"] for name, one in resources.items() if one["Type"] == "AWS::CloudWatch::Alarm"
    }
    rows = [(f"`{name}`", one["AlarmDescription"]) for name, one in sorted(alarms.items())]
    return "\n\n".join(
        [
            "# Alarms",
            "What each says in its mail; what to do stands in the [runbook](../runbook.md).",
            table(("alarm", "its mail"), rows),
        ]
    )


def _limits(source: str) -> str:
    values = vars(Limits())
    rows = [(f"`{name}`", values[name], meaning) for name, meaning in attribute_docstrings(source, "Limits")]
    return "\n\n".join(
        [
            "# Limits",
            "By which monitoring, evaluations and the door judge; a use case may state its own.",
            "The page behind each number is in [decision 0021](../decisions/0021-limits-in-one-table.md).",
            table(("limit", "value", "meaning"), rows),
        ]
    )


def attribute_docstrings(source: str, name: str) -> list[tuple[str, str]]:
    """Return the attributes of a class with the strings that stand below them."""
    [found] = [one for one in ast.parse(source).body if isinstance(one, ast.ClassDef) and one.name == name]
    return [
        (attribute.target.id, below.value.value)
        for attribute, below in zip(found.body, found.body[1:], strict=False)
        if isinstance(attribute, ast.AnnAssign)
        and isinstance(attribute.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    ]


def _errors(source: str) -> str:
    tree = ast.parse(source)
    rows = [
        (f"`{one.name}`", (ast.get_docstring(one) or "").split("\n\n")[0])
        for one in tree.body
        if isinstance(one, ast.ClassDef)
    ]
    return "\n\n".join(
        [
            "# Errors",
            "The names that state machines catch, that `clinrisk status` shows, and that mails repeat.",
            table(("error", "what it means"), rows),
        ]
    )
