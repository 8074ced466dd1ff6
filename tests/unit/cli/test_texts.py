"""Every command that a text names exists, and no text spells a key of a bucket or a table."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from cli.app import app
from clinrisk.core import object_keys
from clinrisk.core.ingest import inbox_keys

ROOT = Path(__file__).parents[3]
COMMAND = re.compile(r"clinrisk ([a-z]+(?:-[a-z]+)*)((?:[ \t]+[^\s`;,]+)*)")
VERBS = {
    str(command.name): {
        option
        for each in (command, *getattr(command, "commands", {}).values())
        for parameter in each.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    for command in getattr(typer.main.get_command(app), "commands", {}).values()
}
EVERYWHERE = {"--json", "--stack", "--twin", "--help"}


def strings(file: Path) -> Iterator[tuple[str, bool]]:
    """Yield the texts of a module, an f-string with X for its values, and whether each is a docstring."""
    tree = ast.parse(file.read_text())
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield (
                "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values),
                False,
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value, id(node) in documented


def advice() -> list[tuple[str, str, str]]:
    """Return the commands that texts name: those of the command, and in backticks those of all others."""
    found = []
    for file in sorted((ROOT / "cli").rglob("*.py")):
        for text, _ in strings(file):
            found += [(file.name, match[1], match[2]) for match in COMMAND.finditer(text)]
    documents = [
        ROOT / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "layers/clinrisk").rglob("*.py"),
    ]
    for file in documents:
        for span in re.findall(r"`([^`\n]*)`|^(clinrisk [^\n]*)", file.read_text(), re.MULTILINE):
            found += [(file.name, match[1], match[2]) for match in COMMAND.finditer("".join(span))]
    return found


ADVICE = advice()


@pytest.mark.parametrize(("file", "verb", "rest"), sorted(set(ADVICE)))
def test_a_command_that_a_text_names_exists_with_these_options(file: str, verb: str, rest: str) -> None:
    assert verb in VERBS, file
    assert set(re.findall(r"(?<!\S)--[a-z-]+", rest)) <= VERBS[verb] | EVERYWHERE, file


def test_the_texts_of_the_command_name_every_verb() -> None:
    named = {verb for file, verb, _ in ADVICE if file.endswith(".py")}
    assert VERBS.keys() == named


def test_a_make_target_that_a_text_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name
        for file in (ROOT / "cli").rglob("*.py")
        for text, _ in strings(file)
        for name in re.findall(r"`make ([a-z]+)`", text)
    }
    assert named
    assert named <= targets


def test_keys_of_buckets_and_tables_are_spelled_elsewhere() -> None:
    made = [object_keys.RECEIPTS, inbox_keys.INBOX]
    for name, maker in vars(object_keys).items():
        if inspect.isfunction(maker) and name not in {"papers", "upload_id", "evaluation_name"}:
            key = maker(*[1] * maker.__code__.co_argcount)
            made += key.values() if isinstance(key, dict) else [key]
    prefixes = {key.partition("/")[0] + "/" for key in made}
    assert {"receipts/", "results/", "reports/", "findings/", "inbox/", "evaluation/"} <= prefixes
    for file in (ROOT / "cli").rglob("*.py"):
        for text, documents in strings(file):
            if not documents:
                assert not re.match("|".join(prefixes), text), (file.name, text)
                assert not re.search(r"[A-Z_]{3,}#", text), (file.name, text)
