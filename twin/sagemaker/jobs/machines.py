"""The machines that jobs run on: a bounded number, given in the order in which jobs ask."""

from __future__ import annotations

import threading
from collections import deque


class Machines:
    """So many machines for all kinds of jobs. A job that asks has an event, which is set when it has one."""

    def __init__(self, number: int) -> None:
        self._free = number
        self._line: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    def ask(self, turn: threading.Event) -> None:
        """Set the event at once where a machine is free, or put the job into the line."""
        with self._lock:
            if self._free > 0:
                self._free -= 1
                turn.set()
            else:
                self._line.append(turn)

    def leave(self, turn: threading.Event) -> None:
        """Take the machine back for the next in the line; a job that was still in the line leaves it."""
        with self._lock:
            if turn in self._line:
                self._line.remove(turn)
            elif self._line:
                self._line.popleft().set()
            else:
                self._free += 1
