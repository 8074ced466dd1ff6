"""One grid: small folders, the same capabilities in every layer, tests that mirror the rooms."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import pytest

from tests.unit.structure.repository import (
    CAPABILITIES,
    NOT_YET_CLEAN,
    PACKAGE,
    ROOT,
    clean_modules,
    is_clean,
    modules,
)

STARTERS = {"__init__.py", "__main__.py"}
LEVELS = ("unit", "integration", "statemachines", "e2e", "browser")


def test_the_code_is_found_where_it_is_sought() -> None:
    folders = {module.folder.split("/")[0] for module in modules()}
    assert folders == {"layers", "functions", "cli", "twin", "tools", "bench"}


def test_what_is_not_yet_clean_exists() -> None:
    assert not [pattern for pattern in NOT_YET_CLEAN if not next(ROOT.glob(pattern), None)]


def test_at_most_two_modules_are_loose_at_the_top_of_the_package() -> None:
    loose = [path.name for path in PACKAGE.glob("*.py") if path.name not in STARTERS]
    assert len(loose) <= 2, loose


def test_no_folder_has_more_than_fifteen_modules() -> None:
    sizes = Counter(module.folder for module in clean_modules() if module.path.name not in STARTERS)
    assert not {folder: size for folder, size in sizes.items() if size > 15}


def test_the_layers_have_the_same_capabilities() -> None:
    for layer in (ROOT / "functions", PACKAGE / "services"):
        folders = {path.name for path in layer.iterdir() if path.is_dir() and path.name != "__pycache__"}
        assert folders == CAPABILITIES, layer.name
    assert {path.name for path in (PACKAGE / "core").iterdir() if path.is_dir()} >= CAPABILITIES
    assert {path.stem for path in (PACKAGE / "messages").glob("*.py")} >= CAPABILITIES


@pytest.mark.parametrize("capability", sorted(CAPABILITIES))
def test_every_function_has_a_service_of_its_name_unless_it_only_asks_the_core(capability: str) -> None:
    if not is_clean(f"functions/{capability}"):
        return
    apps = list((ROOT / "functions" / capability).glob("*/app.py"))
    services = {path.stem for path in (PACKAGE / "services" / capability).glob("*.py")}
    more_than_the_core = re.compile(r"clinrisk\.(services|aws(\.(?!telemetry)| import (?!telemetry)))")
    without = [path for path in apps if path.parent.name not in services]
    assert apps
    assert not [path.parent.name for path in without if more_than_the_core.search(path.read_text())]


def test_a_function_is_one_file_in_a_folder_of_its_capability() -> None:
    stray = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "functions").rglob("*.py")
        if path.relative_to(ROOT).parts[1] not in CAPABILITIES
        or len(path.relative_to(ROOT).parts) != 4
        or path.name != "app.py"
    ]
    assert not stray


def test_every_folder_of_tests_is_named_after_what_it_tests() -> None:
    outside = [
        path
        for top in ROOT.iterdir()
        if top.is_dir() and top.name != "tests" and not top.name.startswith((".", "out"))
        for path in (top, *top.rglob("*"))
        if path.is_dir()
    ]
    rooms = {path.name for path in outside} | {"structure"}
    folders: dict[str, list[str]] = defaultdict(list)
    for level in LEVELS:
        for path in (ROOT / "tests" / level).rglob("test_*.py"):
            folders[path.parent.name].append(path.relative_to(ROOT).as_posix())
    assert not {name: found for name, found in folders.items() if name not in rooms | set(LEVELS)}
