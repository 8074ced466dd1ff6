"""The registry of repairs: what each one replaces in the engine and why, its check, and the way back.

The engine has no plug-in interface, so a repair replaces one of its module-level names, a method or an entry
of a table. That is safe only where the replaced source is the one that was read when the repair was written:
its sha256 is recorded, and another source is refused. The repairs themselves are in the folders next to this
module; docs/engine-faults.md reports each fault.
"""

import functools
import hashlib
import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

ENGINE_VERSION = "1.5.33"
ABSENT = object()
"""What a table holds under a key that is not in it."""
_ORIGINAL = "replaced_original"
_KEY = re.compile(r"\[([^\]]+)\]")
Original = Callable[..., Any]
Made = TypeVar("Made", bound=Callable[..., Any])


class EngineChangedError(Exception):
    """A target of a repair is not what was repaired; the message names both and says what to do."""


@dataclass(frozen=True)
class Site:
    """One twin as a repair may know it: its address, and the folder of its files."""

    endpoint_url: str
    state_dir: Path


@dataclass(frozen=True)
class Repair:
    """One change of the engine.

    `target` is a dotted name, with keys in brackets for an entry of a table. `replacement` is a function that
    gets the original first, a subclass of the original, or, where `source_sha256` is None, a value to add
    where there was none. `link` is the AWS document that describes the expected behaviour.
    """

    target: str
    reason: str
    link: str
    replacement: Any
    source_sha256: str | None
    version: str = ENGINE_VERSION
    needs_site: bool = False

    def problem(self) -> str | None:
        """Return why the target is not what was repaired, or None when it is."""
        found = _pristine(_Slot.of(self.target).read())
        if self.source_sha256 is None:
            seen = None if found is ABSENT else "there is an entry already"
        elif found is ABSENT:
            seen = "there is no such name any more"
        else:
            digest = digest_of(found)
            seen = None if digest == self.source_sha256 else f"its source has the sha256 {digest}"
        if seen is None:
            return None
        return (
            f"{self.target} is not what was repaired in version {self.version}: {seen}. Install that version"
            " (requirements/twin.lock), or compare the repair with the new source and record the digest that"
            " `python -m twin.repairs digests` prints."
        )


class RepairRegistry:
    """Repairs in the order of their application; `undo` goes back in the opposite order."""

    def __init__(self) -> None:
        self.repairs: list[Repair] = []
        self._applied: list[tuple[_Slot, Any, Any]] = []

    def repair(
        self,
        target: str,
        *,
        reason: str,
        link: str,
        source_sha256: str,
        version: str = ENGINE_VERSION,
        needs_site: bool = False,
    ) -> Callable[[Made], Made]:
        """Register the decorated function or class as the replacement of a target.

        The function is called with the original before the engine's own arguments, and with the twin's site
        between them if it `needs_site`. A class has to inherit from the original and finds the site in its
        attribute `site`.
        """

        def register(made: Made) -> Made:
            self.repairs.append(Repair(target, reason, link, made, source_sha256, version, needs_site))
            return made

        return register

    def add(self, target: str, value: Any, *, reason: str, link: str) -> None:
        """Register a value for an entry that the engine's table lacks."""
        self.repairs.append(Repair(target, reason, link, value, None))

    def verify(self) -> None:
        """Compare every target with what was repaired; raise EngineChangedError with all that differ."""
        problems = [problem for repair in self.repairs if (problem := repair.problem())]
        if problems:
            raise EngineChangedError("\n".join(problems))

    def apply(self, site: Site) -> None:
        """Verify all targets, then replace them."""
        self.verify()
        for repair in self.repairs:
            slot = _Slot.of(repair.target)
            before = slot.read()
            made = _bound(repair, before, site)
            slot.write(made)
            self._applied.append((slot, before, made))

    def undo(self) -> None:
        """Put every original back; what was applied by another registry since then has to be undone first."""
        while self._applied:
            slot, before, made = self._applied[-1]
            if slot.read() is not made:
                raise RuntimeError(f"{slot.name} was replaced again: undo the later change first.")
            slot.write(before)
            self._applied.pop()


@dataclass(frozen=True)
class _Slot:
    """The place of one name: an attribute of a module or class, or an entry of a table."""

    name: str
    holder: Any = field(repr=False)
    key: str
    in_table: bool

    @classmethod
    def of(cls, target: str) -> "_Slot":
        dotted, bracket, _ = target.partition("[")
        parts, keys = dotted.split("."), _KEY.findall(target)
        cut = next(cut for cut in range(len(parts), 0, -1) if _is_module(".".join(parts[:cut])))
        names = parts[cut:] if bracket else parts[cut:-1]
        holder: Any = importlib.import_module(".".join(parts[:cut]))
        for name in names:
            holder = getattr(holder, name)
        for key in keys[:-1]:
            holder = holder[key]
        return cls(target, holder, keys[-1] if keys else parts[-1], bool(keys))

    def read(self) -> Any:
        if self.in_table:
            return dict(self.holder).get(self.key, ABSENT)
        return inspect.getattr_static(self.holder, self.key, ABSENT)

    def write(self, value: Any) -> None:
        if not self.in_table:
            setattr(self.holder, self.key, value)
        elif value is ABSENT:
            del self.holder[self.key]
        else:
            self.holder[self.key] = value


def _is_module(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True


def _plain(value: Any) -> Any:
    return value.__func__ if isinstance(value, staticmethod) else value


def _pristine(value: Any) -> Any:
    """Return the engine's own object under any number of repairs."""
    while _ORIGINAL in vars(_plain(value)) if hasattr(_plain(value), "__dict__") else False:
        value = vars(_plain(value))[_ORIGINAL]
    return value


def digest_of(original: Any) -> str:
    """Return the sha256 of the source of a function, method or class; a word where there is no source."""
    try:
        return hashlib.sha256(inspect.getsource(_plain(original)).encode()).hexdigest()
    except (OSError, TypeError):
        return "unknown"


def _bound(repair: Repair, before: Any, site: Site) -> Any:
    """Return what goes into the target's place."""
    made = repair.replacement
    if repair.source_sha256 is None:
        return made
    if isinstance(made, type):
        return type(made.__name__, (made,), {"site": site, _ORIGINAL: before, "__module__": made.__module__})
    leading = (_plain(before), site) if repair.needs_site else (_plain(before),)

    @functools.wraps(made)
    def repaired(*arguments: Any, **named: Any) -> Any:
        return made(*leading, *arguments, **named)

    vars(repaired)[_ORIGINAL] = before
    return staticmethod(repaired) if isinstance(before, staticmethod) else repaired


REPAIRS = RepairRegistry()
"""The repairs of this package, once `twin.repairs.load` has imported them."""
repair = REPAIRS.repair


def digests(registry: RepairRegistry) -> Mapping[str, str]:
    """Return the digest of every repaired target as the installed engine has it."""
    targets = {each.target for each in registry.repairs if each.source_sha256 is not None}
    found = {target: _pristine(_Slot.of(target).read()) for target in sorted(targets)}
    return {target: "absent" if it is ABSENT else digest_of(it) for target, it in found.items()}
