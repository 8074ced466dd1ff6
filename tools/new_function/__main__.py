"""The command behind `make function`: write a new function, and name what is to be finished by hand."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from tools.new_function.code import files, with_messages
from tools.new_function.declaration import CAPABILITIES, LAYERS, NewFunction, NotPossibleError, Right
from tools.new_function.resources import with_resources

ROOT = Path(__file__).parents[2]


def write(function: NewFunction, root: Path) -> list[str]:
    """Write everything or nothing; returns the paths that are to be finished by hand."""
    new = files(function)
    if present := [path for path in new if (root / path).exists()]:
        raise NotPossibleError(f"{', '.join(present)} exists already.")
    messages = f"layers/clinrisk/clinrisk/messages/{function.capability}.py"
    edits = {"template.yaml": with_resources, messages: with_messages}
    edited = {path: edit((root / path).read_text(encoding="utf-8"), function) for path, edit in edits.items()}
    for path, text in (new | edited).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    python = [str(root / path) for path in (new | edited) if path.endswith(".py")]
    ruff = str(Path(sys.executable).with_name("ruff"))
    # Two imports of one module become one.
    subprocess.run([ruff, "check", "--quiet", "--fix", "--select", "I", *python], cwd=root, check=True)
    subprocess.run([ruff, "format", "--quiet", *python], cwd=root, check=True)
    service, test = (path for path in new if "/services/" in path or path.startswith("tests/"))
    return [messages, service, test, f"statemachines/{function.capability}.asl.yaml"]


def main() -> None:
    """Make the function that the command line describes."""
    parser = argparse.ArgumentParser(prog="tools.new_function")
    parser.add_argument("capability", choices=CAPABILITIES)
    parser.add_argument("name", help="a verb and its object: measure_wait")
    parser.add_argument("--summary", required=True, help="'Measures how long batches wait for their results'")
    parser.add_argument("--asks", nargs="*", default=[], help="'run_id: RunId'")
    parser.add_argument("--environment", nargs="*", default=[], help="LAKE_BUCKET UPLOADS_TABLE")
    parser.add_argument("--layers", nargs="*", default=[], choices=LAYERS)
    parser.add_argument("--rights", nargs="*", default=[], help="'ReadIt: s3:GetObject on LakeBucket/x/*'")
    given = parser.parse_args()
    try:
        function = NewFunction(
            name=given.name,
            capability=given.capability,
            summary=given.summary.strip().removesuffix("."),
            asks=tuple(given.asks),
            environment=tuple(given.environment),
            layers=tuple(given.layers),
            rights=tuple(map(Right.parse, given.rights)),
        )
        left = write(function, ROOT)
    except NotPossibleError as error:
        sys.exit(str(error))
    sys.stdout.write("\n".join([f"{function.words} answers its example event. By hand:", *left]) + "\n")


if __name__ == "__main__":
    main()
