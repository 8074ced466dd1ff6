"""What all pages of the console share: the stack, the flags of its commands, and what was read before."""

from __future__ import annotations

import hmac
import logging
import threading
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from flask import current_app, g, has_app_context

from cli.command_errors import CliError, explain
from clinrisk.errors import ClinriskError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from cli.executions import Execution
    from cli.stack import Stack

NAME = "clinrisk"
UNREACHABLE = "unreachable"
MOST_KNOWN = 500
_log = logging.getLogger("clinrisk.console")


@dataclass(frozen=True)
class Trouble:
    """Why a part of a page could not be read, and what to do: the rest of the page is shown all the same."""

    what: str
    remedy: str


@dataclass
class SlowAnswer:
    """What takes seconds to find: asked for in a thread, shown from the last time until it has come."""

    ask: Callable[[], Any]
    lasts_seconds: float
    value: Any = None
    answered: threading.Event = field(default_factory=threading.Event)
    """Set from the first answer on; before, the value is None."""
    _asked: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _asking: bool = False

    def newest(self) -> Any:
        """Return the last answer, and ask again in a thread when that is older than it lasts."""
        with self._lock:
            old = time.monotonic() - self._asked > self.lasts_seconds
            if not self._asking and (old or not self.answered.is_set()):
                self._asking = True
                threading.Thread(target=self._renew, name="slow answer", daemon=True).start()
        return self.value

    def _renew(self) -> None:
        found = attempt(self.ask)
        with self._lock:
            self.value, self._asked, self._asking = found, time.monotonic(), False
            self.answered.set()


@dataclass
class ConsoleSite:
    """One console: which stack it shows, and whether it may do anything there."""

    stack: Stack
    secret: str
    """Whoever opens the console proves with it that they can read the terminal that started it."""
    twin: Path | None = None
    """The folder of the twin; None for a stack on AWS, where the console only reads."""
    known: dict[str, Execution] = field(default_factory=dict)
    """Executions that have ended, by ARN: they stay as they are."""
    slow: dict[str, SlowAnswer] = field(default_factory=dict)

    @property
    def flags(self) -> str:
        """The options that make a command mean this stack."""
        return "--twin" if self.twin else f"--stack {self.stack.name}"

    @property
    def form_token(self) -> str:
        """What every form carries, and no other site can know."""
        return hmac.new(self.secret.encode(), b"form", "sha256").hexdigest()

    def keep(self, ended: Iterable[Execution]) -> None:
        """Keep executions that have ended; the oldest make room."""
        self.known |= {one.arn: one for one in ended}
        for arn in list(self.known)[:-MOST_KNOWN]:
            del self.known[arn]

    def slowly(self, name: str, ask: Callable[[], Any], lasts_seconds: float) -> Any:
        """Return the newest answer of that name; None while it is asked for the first time."""
        return self.slow.setdefault(name, SlowAnswer(ask, lasts_seconds)).newest()


def site() -> ConsoleSite:
    """Return the console that serves this request."""
    return cast("ConsoleSite", current_app.extensions[NAME])


def attempt(read: Callable[[], Any]) -> Any:
    """Return what was read, or the Trouble in its way."""
    from botocore import exceptions as aws

    if has_app_context() and UNREACHABLE in g:
        return g.get(UNREACHABLE)  # each try takes seconds, and the page has several parts
    try:
        return read()
    except CliError as error:
        return Trouble(str(error), error.remedy)
    except (aws.BotoCoreError, aws.ClientError) as error:
        known = explain(error)
        found = Trouble(str(known), known.remedy)
        if isinstance(error, aws.ConnectionError | aws.HTTPClientError) and has_app_context():
            setattr(g, UNREACHABLE, found)
        return found
    except ClinriskError as error:
        return Trouble(str(error), "Show this line to an operator.")
    except Exception as error:  # noqa: BLE001 # a fault in one part of a page leaves the others readable
        log_fault("a part", error)
        return Trouble("This part has a fault of its own.", "The others work. Please report it.")


def log_fault(what: str, error: Exception) -> None:
    """Log what kind of fault it is and where it came from, and no more: its words may be a patient's."""
    where = "".join(traceback.format_tb(error.__traceback__)[-3:])
    _log.error("%s failed: %s\n%s", what, type(error).__name__, where)
