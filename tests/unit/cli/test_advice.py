"""Advice is executable: the command line accepts every command that a text of the system names."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer._click import Context
from typer._click.exceptions import ClickException

from cli.app import app

ROOT = Path(__file__).parents[3]
GROUP = typer.main.get_command(app)
SOURCES = [
    *(ROOT / "layers/clinrisk/clinrisk").rglob("*.py"),
    *(ROOT / "cli").rglob("*.py"),
    *(ROOT / "layers/clinrisk/clinrisk").rglob("*.j2"),
    *(ROOT / "statemachines").glob("*.yaml"),
    *(ROOT / "docs/guides").glob("*.md"),
    *(ROOT / "docs" / name for name in ("tutorial.md", "faq.md")),
]
ADVICE = re.compile(r"clinrisk ((?:[a-z]+(?:-[a-z]+)*)(?:[ \t]+(?:'[^']*'|\"[^\"]*\"|[^\s`;\"']+))*)")
# What stands for a value in a text, and a value that the command accepts in its place.
VALUES = {
    "ID": "0" * 20, "VERSION": "1", "FILE": __file__, "KEY": "heart/training/march.csv", "TEXT": "reason",
    "USE_CASE": "heart", "USE_CASE/PURPOSE": "heart/training", "X": "heart", "RUN": "heart-0123456789",
    "DAY": "2026-12-31",
}  # fmt: skip
VERBS = getattr(GROUP, "commands", {})


def texts(path: Path) -> Iterator[str]:
    """Yield the texts of a file: of a module its strings, an f-string with X for its values."""
    if path.suffix != ".py":
        # A page has tags; a state machine joins texts and values with & inside JSONata.
        written = path.read_text(encoding="utf-8")
        if path.suffix == ".j2":
            written = re.sub(r"</[a-z]+>.*", "", re.sub(r"{{.*?}}", "X", written))
        yield re.sub(r"'\s*&\s*[^'&]+?(\s*&\s*'|(?=[}%:]))", "X", written)
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value


def commands() -> Iterator[tuple[str, str]]:
    for path in sorted(SOURCES):
        for text in texts(path):
            for match in ADVICE.finditer(text):
                yield path.name, match[1].strip()


# Words that follow "clinrisk" where it is the name of the system, the package or a purpose, and no command.
NO_VERBS = {"approval", "holdout", "import", "learned", "raises", "says"}
COMMANDS = sorted({(name, line) for name, line in commands() if line.split()[0] not in NO_VERBS})


def test_there_is_advice_in_mails_pages_and_state_machines() -> None:
    assert {"batch_mails.py", "mails.py", "scoring.asl.yaml", "ingest.asl.yaml"} <= {
        name for name, _ in COMMANDS
    }


@pytest.mark.parametrize(("source", "line"), COMMANDS)
def test_advice_is_a_command_line_that_is_accepted(source: str, line: str) -> None:
    verb, *arguments = shlex.split(line.rstrip(".:)").replace("--to X", "--to VERSION"))
    assert verb in VERBS
    if not arguments:
        return  # a verb that is only named
    given = [value(one.strip("[].,"), verb) for one in arguments]
    context = Context(GROUP, info_name="clinrisk")
    within = getattr(VERBS[verb], "commands", {})
    command = within[given.pop(0)] if within else VERBS[verb]
    if not given:
        return
    # Prose may go on after the command: what is no value of it is left out, but no option may be.
    for end in range(len(given), -1, -1):
        try:
            command.make_context(verb, given[:end], parent=context)
        except ClickException:
            if not end:
                raise
        else:
            left_out = given[end:]
            break
    assert not [one for one in left_out if one.startswith("--")]


def value(word: str, verb: str) -> str:
    """Return what stands for a value in a text as a value that the command accepts."""
    if word.endswith((".csv", ".data", ".txt")) or (verb in {"check", "drop", "convert"} and word == "X"):
        return __file__
    if word == "export/":
        return str(Path(__file__).parent)
    return "heart/training" if re.fullmatch("[a-zX]+/[a-zX]+", word) else VALUES.get(word, word)
