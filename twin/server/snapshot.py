"""What a twin holds, written to a directory when it stops and read from there when the next one starts.

One file has every table of the engine, the local SageMaker, the mail and the quotas; a folder next to it has
the bodies of large objects. A snapshot is taken as a whole and at one moment: the directory has the newest
complete one, also when a twin was killed. Executions that wait for the answer to a token go on. All others,
and the jobs, ran in threads and processes that are gone: they end at the next start, with the reason. An
event that was on its way to a function is lost.
"""

# ruff: noqa: SLF001 - the tables of the engine are its module-level names

from __future__ import annotations

import logging
import pickle
import sys
import threading
from importlib import import_module
from io import BytesIO
from shutil import rmtree
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict
from ministack.services import lambda_svc

from twin.repairs.buckets.large_objects import ObjectFile
from twin.repairs.tables.one_operation_at_a_time import turn
from twin.server import interrupted_executions

if TYPE_CHECKING:
    from pathlib import Path

    from twin.sagemaker.local_service import LocalSageMaker
    from twin.state import KeptState, StateDirectory

_log = logging.getLogger("twin.server")
# What has to last although it is in no table: what was initialised, fired, signed in or answered before.
_PLAIN = (
    "ministack.services.ec2._default_initialized_scopes",
    "ministack.services.eventbridge._rule_last_fired",
    "ministack.services.scheduler._schedule_last_fired",
    "ministack.services.sts._sessions",
    "twin.repairs.step_functions.task_limits.spent",
)
_UNDISTURBED_SECONDS, _TRIES = 60.0, 10


class Snapshot:
    """The snapshot of one twin in one directory."""

    def __init__(self, state: StateDirectory, kept: KeptState, sagemaker: LocalSageMaker) -> None:
        self._state = state
        self._kept = kept
        self._sagemaker = sagemaker

    def load(self) -> None:
        """Fill the engine with what the directory has, which may be nothing; nobody is served yet."""
        if not self._kept.file.exists():
            return
        with self._kept.file.open("rb") as file:
            held = _Reader(file, self._kept.root).load()
        for name, data in held["tables"].items():
            module, _, attribute = name.rpartition(".")
            table = getattr(import_module(module), attribute)
            table = getattr(table, "_data", table)
            table.clear()
            table.update(data)
        self._sagemaker.restore(held["sagemaker"])
        self._state.quotas.change(held["quotas"])
        for path, text in held["mail"].items():
            file_of_mail = self._state.mail / path
            file_of_mail.parent.mkdir(exist_ok=True)
            file_of_mail.write_text(text)

    def go_on(self) -> None:
        """Start what works on its own, and end what was interrupted; requests are answered already."""
        lambda_svc.load_persisted_state({})  # restores nothing, but starts the engine's poller of queues
        self._sagemaker.end_interrupted()
        interrupted_executions.go_on()

    def save(self) -> None:
        """Write the directory anew; called on the event loop, so that no request is answered meanwhile."""
        bodies = self._kept.root / f"objects-{uuid4().hex}"
        bodies.mkdir(mode=0o700)
        held = {
            "quotas": self._state.quotas.all(),
            "mail": {
                str(file.relative_to(self._state.mail)): file.read_text()
                for file in self._state.mail.glob("*/*.json")
            },
        }
        writer = self._written(bodies.name, held)
        for body in writer.bodies.values():
            body.link(bodies / body.name)
        draft = self._kept.file.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_bytes(writer.image.getbuffer())
        draft.replace(self._kept.file)
        for folder in self._kept.root.glob("objects-*"):
            if folder != bodies:
                rmtree(folder, ignore_errors=True)

    def _written(self, folder: str, held: dict[str, Any]) -> _Writer:
        """Return everything as it is at one moment: no other thread gets a turn before it is copied."""
        interval = sys.getswitchinterval()
        with turn:
            sys.setswitchinterval(_UNDISTURBED_SECONDS)
            try:
                for _ in range(_TRIES):
                    writer = _Writer(folder)
                    try:
                        writer.dump(held | {"tables": _tables(), "sagemaker": self._sagemaker.contents()})
                    except RuntimeError:  # a thread that waited already got its turn, and changed a table
                        _log.warning("A table changed while it was copied; once more.")
                    else:
                        return writer
            finally:
                sys.setswitchinterval(interval)
        raise RuntimeError("The tables of the engine change too often to be copied.")


def _tables() -> dict[str, Any]:
    """Return the contents of the engine's tables by their names."""
    scoped = (AccountScopedDict, AccountRegionScopedDict)
    modules = [(name, module) for name, module in sys.modules.items() if name.startswith("ministack.")]
    tables = {
        f"{name}.{attribute}": value._data
        for name, module in modules
        for attribute, value in vars(module).items()
        if isinstance(value, scoped)
    }
    for name in _PLAIN:
        module, _, attribute = name.rpartition(".")
        if module in sys.modules:
            tables[name] = getattr(sys.modules[module], attribute)
    return tables


class _Writer(pickle.Pickler):
    """A pickler that names what cannot be pickled: bodies in files, events of threads, keys that sign."""

    def __init__(self, folder: str) -> None:
        self.image = BytesIO()
        super().__init__(self.image, protocol=5)
        self.bodies: dict[str, ObjectFile] = {}
        self._folder = folder

    def persistent_id(self, item: Any) -> tuple[str, Any] | None:
        """Return the name of such an object, or None for any other one."""
        if isinstance(item, ObjectFile):
            self.bodies[item.name] = item
            return "body", f"{self._folder}/{item.name}"
        if isinstance(item, threading.Event):
            return "event", item.is_set()
        if isinstance(item, EllipticCurvePrivateKey):
            return "key", item.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return None


class _Reader(pickle.Unpickler):
    """The reader of what `_Writer` wrote."""

    def __init__(self, file: Any, root: Path) -> None:
        super().__init__(file)
        self._root = root
        self._bodies: dict[str, ObjectFile] = {}

    def persistent_load(self, named: tuple[str, Any]) -> Any:
        """Return the object of a name."""
        kind, value = named
        if kind == "body":
            # An object and its version have one body.
            if value not in self._bodies:
                self._bodies[value] = ObjectFile.copied(self._root / value)
            return self._bodies[value]
        if kind == "key":
            return load_der_private_key(value, password=None)
        event = threading.Event()
        if value:
            event.set()
        return event
