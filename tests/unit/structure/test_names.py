"""A stranger knows a room by its name: one name, one thing, in words of the field."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from tests.unit.structure.repository import CAPABILITIES, Module, clean_modules, is_clean, modules

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED_NAMES = {"__init__", "__main__", "app"} | CAPABILITIES
BANNED = {"told", "tell", "tells", "said", "say", "says", "beside", "whole", "aside", "across"}
BANNED |= {"look", "looks", "place", "places", "letter", "letters", "late", "elsewhere"}
BANNED |= {"util", "utils", "helper", "helpers", "manager"}
# Amazon's own name for a queue of messages that nobody could process.
DEAD_LETTER = re.compile(r"dead_?letters?", re.IGNORECASE)
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def words(name: str) -> set[str]:
    """Return the words of a name in snake_case, CamelCase or CAPITALS."""
    return {word.lower() for word in WORDS.findall(DEAD_LETTER.sub("", name))}


def names(module: Module) -> Iterator[str]:
    """Iterate over what a module binds: itself, its folder, classes, functions, arguments and variables."""
    yield from (module.path.stem, module.path.parent.name)
    for node in ast.walk(module.tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Attribute(attr=name, ctx=ast.Store()) | ast.alias(asname=str(name)):
                yield name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
            case ast.ExceptHandler(name=str(name)):
                yield name


def shared(found: dict[str, list[Module]]) -> dict[str, list[str]]:
    """Return the names that several modules use, but for those whose modules are not all clean."""
    return {
        name: [user.name for user in users]
        for name, users in found.items()
        if len(users) > 1 and all(is_clean(user.folder) for user in users)
    }


def test_no_two_modules_have_one_name() -> None:
    found: dict[str, list[Module]] = defaultdict(list)
    for module in modules():
        if module.path.stem not in SHARED_NAMES:
            found[module.path.stem].append(module)
    assert not shared(found)


def test_no_two_public_classes_have_one_name() -> None:
    found: dict[str, list[Module]] = defaultdict(list)
    for module in modules():
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(module)
    assert not shared(found)


def test_no_name_has_a_word_that_only_its_authors_understand() -> None:
    found = {
        module.name: sorted({name for name in names(module) if words(name) & BANNED})
        for module in clean_modules()
    }
    assert not {module: bad for module, bad in found.items() if bad}


@pytest.mark.parametrize(
    "source",
    [
        "def _tell(): ...",
        "class WholeFile: ...",
        "def f(told): ...",
        "TOO_LATE = 1",
        "for place in (): ...",
        "self.said = 1",
        "import a as beside",
        "with a as (b, letters): ...",
        "x = lambda elsewhere: 0",
        "if (look := 1): ...",
    ],
)
def test_a_banned_word_is_found_wherever_it_is_bound(source: str) -> None:
    module = Module(modules()[0].path, ast.parse(source))
    assert [name for name in names(module) if words(name) & BANNED]


@pytest.mark.parametrize(
    "name", ["dead_letters", "DeadLetterQueue", "replace", "template", "placeholder", "HTTPCalls"]
)
def test_an_ordinary_word_is_not_banned(name: str) -> None:
    assert not words(name) & BANNED
