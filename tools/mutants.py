"""Mutation testing of the core and the services with mutmut: whether the tests notice a changed line.

`make mutants` runs all, or a sample: `make mutants SAMPLE=60 SEED=1 ROOMS="core/monitoring core/ingest"`.
A room of the core is held to the unit tests of the same name, a service to those on moto and in the state
machines, the quickest first. All happens in a copy under .build/, since mutmut expects the package in src/.
Survivors that no test can kill, because they change nothing that anyone could observe, are argued in
tests/equivalent_mutants.toml.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
COPY = ROOT / ".build" / "mutants"
EQUIVALENT = ROOT / "tests" / "equivalent_mutants.toml"
ROOMS = ["core", "services"]
TESTS = {"core": ["unit/{}"], "services": ["integration/{}", "integration/test_*.py", "statemachines/{}"]}
KILLED = {"killed", "timeout", "segfault"}
PASS_MARK = 0.95
QUICKEST_FIRST = """
import json, pathlib

def pytest_collection_modifyitems(items):
    stats = pathlib.Path(__file__).parent / "mutmut-stats.json"
    took = json.loads(stats.read_text())["duration_by_test"] if stats.exists() else {}
    items.sort(key=lambda item: took.get(item.nodeid, 0.0))
"""


def prepare(rooms: list[str]) -> None:
    """Copy what git knows to COPY, with mutmut's settings for the rooms."""
    shutil.rmtree(COPY, ignore_errors=True)
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(listed, cwd=ROOT, text=True).split("\0"):
        if name and (ROOT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, COPY / name)
    (COPY / "src").symlink_to("layers/clinrisk")
    (COPY / "conftest.py").write_text(QUICKEST_FIRST)
    settings = {
        "source_paths": ["src/clinrisk"],
        "only_mutate": [f"src/clinrisk/{room}*" for room in rooms],
        "also_copy": sorted(path.name for path in COPY.iterdir() if path.name not in {"src", "tests"}),
        "pytest_add_cli_args_test_selection": tests_of(rooms),
    }
    with (COPY / "pyproject.toml").open("a") as file:
        file.write('\n[tool.mutmut]\nprocess_isolation = "forkserver"\n')
        # A minute at least: a busy machine must not pass for a test that noticed.
        file.write("timeout_constant = 12\ntimeout_multiplier = 5\n")
        file.writelines(f"{key} = {values}\n" for key, values in settings.items())


def tests_of(rooms: list[str]) -> list[str]:
    """Return the tests that the rooms are held to; what lies loose in the core has tests/unit/core."""
    found: set[str] = set()
    for room in rooms:
        layer, *names = Path(room).parts
        inside = {
            path.parent.name for path in (ROOT / "layers/clinrisk/clinrisk" / layer).glob("*/__init__.py")
        }
        for name in inside & set(names) or {layer, *(inside if not names else ())}:
            for pattern in TESTS[layer]:
                found |= {str(path.relative_to(ROOT)) for path in (ROOT / "tests").glob(pattern.format(name))}
    return sorted(found)


def mutmut(*arguments: str, check: bool = True) -> str:
    """Run mutmut in the copy and return what it prints."""
    command = [str(Path(sys.executable).with_name("mutmut")), *arguments]
    done = subprocess.run(
        command, cwd=COPY, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if check and done.returncode:
        sys.exit(facts_of(done.stdout))
    return done.stdout


def facts_of(output: str) -> str:
    """Return the end of what mutmut printed, without its signs that it is at work."""
    return re.sub(r"[⠀-⣿] \w+ \w+[\r\n]*", "", output)[-4000:]


def statuses() -> dict[str, str]:
    """Return the status of every mutant by its name."""
    lines = mutmut("results", "--all", "true").splitlines()
    return dict(line.strip().rsplit(": ", 1) for line in lines if "__mutmut_" in line)


def changed_lines(diff: str) -> tuple[str, str]:
    """Return the lines that a mutant takes away and those that it puts in."""
    removed, added = (
        [line[1:].strip() for line in diff.splitlines() if re.match(rf"\{sign}(?!\{sign}\{sign})", line)]
        for sign in "-+"
    )
    return "\n".join(removed), "\n".join(added)


def equivalents() -> set[tuple[str, str, str]]:
    """Return the argued survivors: module, lines removed, lines added; one reason may be that of several."""
    rows = tomllib.loads(EQUIVALENT.read_text()).get("mutant", [])
    return {
        (row["module"], row["removed"], added)
        for row in rows
        for added in row["added"]
        if row["reason"].strip()
    }


def main() -> int:
    """Run the mutants and print the score; return 1 when it is under the pass mark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "rooms", nargs="*", default=ROOMS, help="prefixes under clinrisk/, such as core/monitoring"
    )
    parser.add_argument("--sample", type=int, help="how many mutants, drawn by the seed (default: all)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rooms = given.rooms or ROOMS
    prepare(rooms)
    # A run of no mutant makes them all and measures which test reaches which function; it ends with an error.
    output = mutmut("run", "none", check=False)
    names = sorted(statuses())
    if not names or "nothing matches" not in output:
        sys.exit(facts_of(output))
    if given.sample and given.sample < len(names):
        names = sorted(np.random.default_rng(given.seed).choice(names, given.sample, replace=False).tolist())
    mutmut("run", *names)
    after = statuses()
    found = {name: after[name] for name in names}
    argued, known = 0, equivalents()
    for name in (name for name, status in found.items() if status not in KILLED):
        diff = mutmut("show", name)
        argued += (re.split(r"\.x[_ǁ]", name)[0], *changed_lines(diff)) in known
        print(diff)
    by_room = Counter((".".join(name.split(".")[1:3]), status in KILLED) for name, status in found.items())
    for room in sorted({room for room, _ in by_room}):
        print(f"{room}: {by_room[room, True]} noticed, {by_room[room, False]} not")
    score = sum(status in KILLED for status in found.values()) / max(len(found) - argued, 1)
    print(f"{dict(Counter(found.values()))}, of which argued as equivalent: {argued}; score {score:.1%}")
    return int(score < PASS_MARK)


if __name__ == "__main__":
    sys.exit(main())
