"""The loop after an edit: style, import contracts, types, and the tests nearest to what has changed.

What has changed is what git finds against HEAD, or against BASE where it is set. Two steps run at a time;
the first that fails ends the loop with its output. Tests run nearest first and stop when their seconds are
used up; those marked slow are left out. `make test` runs them all.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = "layers/clinrisk/"
TEMPLATE = "template.yaml"
TEST_SECONDS = 5  # with the start of pytest; a test that has begun is let finish
DAEMON = ("--timeout", "3600", "--", "--use-fine-grained-cache")
LEVELS = ("unit", "statemachines", "integration")
# What is no Python module, and the tests that read it.
READERS = {
    r"statemachines/(\w+)\.asl\.yaml": r"tests/statemachines/(\1/|test_)",
    r"template\.yaml|samconfig\.toml": r"tests/statemachines/test_",
    r"events/.*": r"tests/integration/test_events",
    r"requirements/.*|layers/\w+/requirements\.txt": r"tests/unit/structure/test_locks",
    r"pyproject\.toml": r"tests/unit/structure/",
    r"docs/.*|[A-Z]+\.md": r"tests/unit/structure/test_documents",
    r"(tests/.*/)conftest\.py": r"\1",
}


@dataclass
class Step:
    """One command of the loop; its seconds, output and verdict once it has run."""

    name: str
    command: list[str]
    seconds: float = 0.0
    output: str = ""
    verdict: str = ""
    process: subprocess.Popen[str] | None = None

    def run(self) -> Step:
        """Run the command and keep what came of it."""
        start = time.monotonic()
        self._execute()
        # The daemon of mypy ends when a package comes or goes, or is ended; the one after it answers.
        if re.search("Daemon crashed!|Daemon has died|Connection refused", self.output):
            self._execute()
        self.seconds = time.monotonic() - start
        # Pytest counts a session that ends for its seconds as failed, though no test has.
        if "session-timeout:" in self.output and not re.search(r"\d+ (failed|error)", self.output):
            passed = re.search(r"\d+ passed", self.output)
            self.verdict = f"{passed[0] if passed else 'passed'}, then the time was used up"
        return self

    def _execute(self) -> None:
        self.process = subprocess.Popen(
            self.command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.output = self.process.communicate()[0]
        self.verdict = "FAILED" if self.process.returncode else "passed"


def changed_files(base: str) -> list[str]:
    """Return the files that differ from a revision, staged or not, and the new ones."""
    commands = (["diff", "--name-only", base], ["ls-files", "--others", "--exclude-standard"])
    listed = [subprocess.check_output(["git", *command], cwd=ROOT, text=True) for command in commands]
    return sorted(set("".join(listed).splitlines()))


def mention_of(path: Path) -> str:
    """Return the pattern of a line that imports a module, or that names a function of the stack."""
    *folders, name = path.with_suffix("").parts
    if folders[0] == "functions":
        return rf"[\"']{folders[-1]}[\"']"
    package = re.escape(".".join(folders))
    imported = rf"(from|import) {package}\.{name}\b|from {package} import (\([^)]*|.*)\b{name}\b"
    return rf"{imported}|[\"']{name}[\"']" if "services" in folders else imported


def nearest_tests(changed: list[str], tests: dict[str, str]) -> list[str]:
    """Return the test files for the changed files, nearest first: `tests` maps each file to its text.

    The distances: 0 for a changed test, 1 for the test of the same name, 2 for a test that imports or reads
    the file, 3 for one that does so on moto, 4 for the other tests of the room.
    """
    distances = {path: 0 for path in changed if path in tests}
    for path in changed:
        module = Path(path.removeprefix(SOURCE))
        python = module.suffix == ".py" and len(module.parts) > 1
        mention = mention_of(module) if python else r"(?!)"
        readers = [
            re.sub(pattern, reader, path)
            for pattern, reader in READERS.items()
            if re.fullmatch(pattern, path)
        ]
        level = "integration" if {"services", "functions"} & set(module.parts) else "unit"
        rooms = (f"tests/{level}/{folder}/" for folder in reversed(module.parts[:-1]))
        room = next((room for room in rooms if any(test.startswith(room) for test in tests)), "-")
        for test, text in tests.items():
            if python and Path(test).stem == f"test_{module.stem}":
                distance = 1
            elif any(re.match(reader, test) for reader in readers) or re.search(mention, text):
                distance = 3 if test.startswith("tests/integration/") else 2
            elif python and test.startswith(room):
                distance = 4
            else:
                continue
            distances[test] = min(distance, distances.get(test, distance))
    return sorted(distances, key=lambda test: (distances[test], test))


def steps(changed: list[str]) -> list[Step]:
    """Return the steps for the changed files: the tests first, since they take longest."""
    binaries = Path(sys.executable).parent
    found = [path for level in LEVELS for path in sorted((ROOT / "tests" / level).rglob("test_*.py"))]
    tests = {path.relative_to(ROOT).as_posix(): path.read_text() for path in found}
    doctests = [path for path in changed if re.match(rf"{SOURCE}.*\.py$", path) and (ROOT / path).exists()]
    chosen = [*doctests, *nearest_tests(changed, tests)]
    # A changed test is run however slow it is.
    kinds = [] if tests.keys() & changed else ["-m", "not slow"]
    command = [f"{binaries}/pytest", "-q", "-x", *kinds, f"--session-timeout={TEST_SECONDS}", *chosen]
    return [
        *([Step(f"tests of {len(chosen)} files", command)] if chosen else []),
        *([Step("template", [f"{binaries}/cfn-lint", TEMPLATE])] if TEMPLATE in changed else []),
        Step("ruff", [f"{binaries}/ruff", "check", "--quiet", "."]),
        Step("format", [f"{binaries}/ruff", "format", "--check", "--quiet", "."]),
        Step("imports", [f"{binaries}/lint-imports"]),
        Step("types", [f"{binaries}/dmypy", "--status-file", ".build/dmypy.json", "run", *DAEMON]),
    ]


def main() -> int:
    """Run the loop; return 1 as soon as a step fails."""
    start = time.monotonic()
    changed = changed_files(os.environ.get("BASE") or "HEAD")
    print(f"{len(changed)} changed files")
    todo = steps(changed)
    with ThreadPoolExecutor(2) as pool:
        for future in as_completed([pool.submit(step.run) for step in todo]):
            step = future.result()
            print(f"{step.seconds:5.1f} s  {step.name}: {step.verdict}", flush=True)
            if step.verdict == "FAILED":
                print(step.output)
                pool.shutdown(wait=False, cancel_futures=True)
                for other in todo:
                    if other.process:
                        other.process.terminate()
                return 1
    print(f"{time.monotonic() - start:5.1f} s  in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
