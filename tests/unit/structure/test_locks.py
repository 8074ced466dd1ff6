"""Every package has one version in all locks, but for the exceptions that state their reason."""

from __future__ import annotations

import json
import re
from collections import defaultdict

import pytest

from tests.unit.structure.repository import ROOT

REQUIREMENTS = ROOT / "requirements"
# What only reads the repository stands in an environment of its own: checkov pins two dozen packages exactly.
ALONE = {"scan"}
LAYERS = sorted(path.parent.name for path in (ROOT / "layers").glob("*/requirements.txt"))
LOCKS = {path.stem: path for path in REQUIREMENTS.glob("*.lock")} | {
    f"layer-{name}": ROOT / "layers" / name / "requirements.txt" for name in LAYERS
}
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^]]*\])?==([^\s\\]+(?: ; [^\\]+?)?)(?: \\)?$", re.MULTILINE)


def pins(name: str) -> dict[str, set[str]]:
    """Return the versions of each package in a lock, one per environment marker."""
    found: dict[str, set[str]] = defaultdict(set)
    for package, version in PIN.findall(LOCKS[name].read_text()):
        found[package].add(version)
    return dict(found)


def exceptions() -> dict[str, str]:
    """Return the packages that may differ, each with its reason."""
    lines = (REQUIREMENTS / "exceptions.txt").read_text().splitlines()
    rows: list[list[str]] = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    return dict(rows)


def differing() -> set[str]:
    """Return the packages that have several versions among the locks."""
    versions: dict[str, list[frozenset[str]]] = defaultdict(list)
    for name in sorted(LOCKS.keys() - ALONE):
        for package, found in pins(name).items():
            versions[package].append(frozenset(found))
    return {package for package, found in versions.items() if len(set(found)) > 1}


def test_only_the_listed_packages_differ_between_locks() -> None:
    assert differing() == set(exceptions())


def test_every_exception_states_its_reason() -> None:
    assert all(len(reason.split()) > 3 for reason in exceptions().values())


@pytest.mark.parametrize("name", sorted(LOCKS))
def test_a_lock_has_what_its_requirements_name(name: str) -> None:
    locked = pins(name)
    assert locked
    pending, named = [f"{name}.in"], set()
    while pending:
        for line in (REQUIREMENTS / pending.pop()).read_text().splitlines():
            if line.startswith("-r "):
                pending.append(line.removeprefix("-r "))
            elif line and not line.startswith("#"):
                required = re.sub(r"\[.*\]| *#.*", "", line)
                package, _, version = required.partition("==")
                named.add(package.partition("<")[0])
                assert not version or locked[package] == {version}
    assert named <= set(locked)


@pytest.mark.parametrize("name", sorted(LOCKS))
def test_a_lock_names_no_host_and_every_package_has_a_hash(name: str) -> None:
    text = LOCKS[name].read_text()
    assert "://" not in text
    assert "--index-url" not in text
    packages = re.findall(r"^[a-z0-9].*\n +(\S+)", text, re.MULTILINE)
    assert packages
    assert all(follows.startswith("--hash=sha256:") for follows in packages)


def test_the_packages_for_node_are_exact_and_their_lock_names_no_registry() -> None:
    named = json.loads((REQUIREMENTS / "node" / "package.json").read_text())["dependencies"]
    lock = json.loads((REQUIREMENTS / "node" / "package-lock.json").read_text())["packages"]
    installed = {path: entry for path, entry in lock.items() if path}
    assert {name: installed[f"node_modules/{name}"]["version"] for name in named} == named
    assert not [path for path, entry in installed.items() if "resolved" in entry]
    assert all("integrity" in entry or entry.get("inBundle") for entry in installed.values())
