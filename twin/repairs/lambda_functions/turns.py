"""Turns of a bounded number, in the order of arrival, and how long somebody has waited for them."""

import contextlib
import contextvars
import threading
import time
from collections import deque
from collections.abc import Iterator

PATIENCE_SECONDS = 10.0


class Wait:
    """How long somebody has stood in lines, up to this moment."""

    def __init__(self) -> None:
        self._over = 0.0
        self._since: float | None = None

    def seconds(self) -> float:
        """Return the time in all lines, the one included in which somebody stands now."""
        since = self._since
        return self._over + (time.monotonic() - since if since is not None else 0.0)

    @contextlib.contextmanager
    def going_on(self) -> Iterator[None]:
        """Count the length of the block."""
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._over, self._since = self.seconds(), None


waited: contextvars.ContextVar[Wait | None] = contextvars.ContextVar("waited", default=None)
"""What counts the waiting of the current task, if anybody wants to know."""


class Turns:
    """So many turns at once, given in the order of arrival.

    Whoever has one may be waiting for somebody who still has none: a function may invoke another one. So when
    no turn has ended for `patience` seconds, the first in the line is let in beyond the number.
    """

    def __init__(self, number: int, patience: float = PATIENCE_SECONDS) -> None:
        self._free = number
        self._patience = patience
        self._moved = time.monotonic()
        self._line: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and have it for the length of the block."""
        wait = waited.get()
        with wait.going_on() if wait else contextlib.nullcontext():
            self._take()
        try:
            yield
        finally:
            self._give_back()

    def _take(self) -> None:
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return
            mine = threading.Event()
            self._line.append(mine)
        while not mine.wait(self._patience):
            with self._lock:
                stuck = time.monotonic() - self._moved >= self._patience
                if stuck and self._line and self._line[0] is mine:
                    self._let_in()

    def _give_back(self) -> None:
        with self._lock:
            self._moved = time.monotonic()
            self._free += 1
            if self._free > 0 and self._line:
                self._let_in()

    def _let_in(self) -> None:
        self._moved = time.monotonic()
        self._free -= 1
        self._line.popleft().set()
