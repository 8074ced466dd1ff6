"""A repair replaces exactly what was read when it was written, and can be undone; needs no engine."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from twin.repairs.repair_registry import EngineChangedError, Original, RepairRegistry, Site, digest_of

SITE = Site("http://127.0.0.1:1", Path("twin"))
SOURCE = """
def double(number):
    return 2 * number

def triple(number):
    return 3 * number

class Counter:
    def count(self, items):
        return len(items)

    @staticmethod
    def unit():
        return "items"

TABLE = {"inner": {"create": double}, "empty": {}}
"""
FACTS: Any = {"reason": "It is wrong.", "link": "https://docs.aws.amazon.com/"}


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module that stands for the engine; its source lies in a file, as the engine's does."""
    (tmp_path / "small_engine.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    import small_engine  # type: ignore[import-not-found] # noqa: PLC0415 # made above

    yield small_engine
    del sys.modules["small_engine"]


@pytest.fixture
def registry() -> RepairRegistry:
    return RepairRegistry()


def test_a_repaired_function_is_called_with_its_original(engine: Any, registry: RepairRegistry) -> None:
    @registry.repair("small_engine.double", source_sha256=digest_of(engine.double), **FACTS)
    def double_and_one(original: Original, number: int) -> int:
        return int(original(number)) + 1

    before = engine.double
    registry.apply(SITE)
    assert engine.double(3) == 7
    registry.undo()
    assert engine.double is before


def test_a_repair_may_ask_for_the_site(engine: Any, registry: RepairRegistry) -> None:
    digest = digest_of(engine.double)

    @registry.repair("small_engine.double", source_sha256=digest, needs_site=True, **FACTS)
    def address(original: Original, site: Site, number: int) -> str:
        return f"{site.endpoint_url}/{original(number)}"

    registry.apply(SITE)
    assert engine.double(3) == "http://127.0.0.1:1/6"


def test_methods_and_static_methods_are_repaired_in_their_class(
    engine: Any, registry: RepairRegistry
) -> None:
    @registry.repair("small_engine.Counter.count", source_sha256=digest_of(engine.Counter.count), **FACTS)
    def count_more(original: Original, counter: Any, items: list[int]) -> int:
        return int(original(counter, items)) + 1

    @registry.repair("small_engine.Counter.unit", source_sha256=digest_of(engine.Counter.unit), **FACTS)
    def unit(original: Original) -> str:
        return str(original()).upper()

    before = dict(vars(engine.Counter))
    registry.apply(SITE)
    assert (engine.Counter().count([1]), engine.Counter.unit()) == (2, "ITEMS")
    registry.undo()
    assert dict(vars(engine.Counter)) == before


def test_a_class_is_replaced_by_one_that_inherits_and_knows_the_site(
    engine: Any, registry: RepairRegistry
) -> None:
    @registry.repair("small_engine.Counter", source_sha256=digest_of(engine.Counter), **FACTS)
    class CounterWithSite(engine.Counter):  # type: ignore[misc] # the engine has no types
        site: Site

    before = engine.Counter
    registry.apply(SITE)
    assert issubclass(engine.Counter, before)
    assert engine.Counter().site == SITE
    registry.undo()
    assert engine.Counter is before


def test_an_entry_of_a_table_is_repaired_and_a_missing_one_added(
    engine: Any, registry: RepairRegistry
) -> None:
    @registry.repair("small_engine.TABLE[inner][create]", source_sha256=digest_of(engine.double), **FACTS)
    def create(original: Original, number: int) -> int:
        return -int(original(number))

    registry.add("small_engine.TABLE[empty][sns:publish]", create, **FACTS)
    registry.apply(SITE)
    assert engine.TABLE["inner"]["create"](2) == -4
    assert engine.TABLE["empty"] == {"sns:publish": create}
    registry.undo()
    assert {"inner": {"create": engine.double}, "empty": {}} == engine.TABLE


def test_two_repairs_of_one_target_are_checked_against_the_engine_and_undone_in_turn(
    engine: Any, registry: RepairRegistry
) -> None:
    def add_one(original: Original, number: int) -> int:
        return int(original(number)) + 1

    digest, second, before = digest_of(engine.double), RepairRegistry(), engine.double
    for each in (registry, second):
        each.repair("small_engine.double", source_sha256=digest, **FACTS)(add_one)
    registry.apply(SITE)
    second.apply(SITE)
    assert engine.double(3) == 8
    with pytest.raises(RuntimeError, match="undo the later change first"):
        registry.undo()
    second.undo()
    registry.undo()
    assert engine.double is before


def test_a_changed_target_is_refused_before_anything_is_replaced(
    engine: Any, registry: RepairRegistry
) -> None:
    def keep(original: Original, number: int) -> int:
        return int(original(number))

    registry.repair("small_engine.double", source_sha256=digest_of(engine.double), **FACTS)(keep)
    registry.repair("small_engine.triple", source_sha256=digest_of(engine.double), **FACTS)(keep)
    registry.repair("small_engine.gone", source_sha256=digest_of(engine.double), **FACTS)(keep)
    registry.add("small_engine.TABLE[inner]", {}, **FACTS)
    before = engine.double
    with pytest.raises(EngineChangedError) as refused:
        registry.apply(SITE)
    lines = str(refused.value).splitlines()
    assert [line.split(" is not what was repaired in version")[0] for line in lines] == [
        "small_engine.triple",
        "small_engine.gone",
        "small_engine.TABLE[inner]",
    ]
    assert digest_of(engine.triple) in lines[0]
    assert "no such name" in lines[1]
    assert "an entry already" in lines[2]
    assert all("python -m twin.repairs digests" in line for line in lines)
    assert engine.double is before


def test_the_record_of_a_repair_has_target_reason_and_link(engine: Any, registry: RepairRegistry) -> None:
    registry.repair("small_engine.double", source_sha256=digest_of(engine.double), **FACTS)(engine.triple)
    [recorded] = registry.repairs
    assert (recorded.target, recorded.reason, recorded.link) == ("small_engine.double", *FACTS.values())
