"""The state of a running demo: the steps of each use case, and the executions behind them."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from twin.demo.clinrisk_process import DemoError, StoppedError

Execution = Mapping[str, Any]
T = TypeVar("T")


@dataclass
class DemoStep:
    """One thing that happens to a use case, with the executions that do it."""

    use_case: str
    title: str
    machine: str = ""
    key: str = ""
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None
    failed: bool = False
    detail: str = ""

    def matches(self, execution: Execution) -> bool:
        """Return whether this execution belongs to the step."""
        same_key = not self.key or execution["key"] == self.key
        return bool(
            self.machine == execution["machine"] and self.use_case == execution["use_case"] and same_key
        )

    def seconds(self) -> float:
        """Return how long it took, or has taken so far."""
        return (self.ended or time.monotonic()) - self.started


@dataclass
class ProgressBoard:
    """The shared picture; threads write on it, the screen reads it, stories wait on it."""

    stopped: threading.Event
    print_line: Callable[[str], None]
    """Shows one line above the picture (or, in a pipe, simply the line)."""
    steps: list[DemoStep] = field(default_factory=list)
    executions: dict[str, Execution] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def see(self, execution: Execution) -> None:
        """Take in one change from the follower."""
        with self.changed:
            self.executions[execution["arn"]] = {**execution, "seen": time.monotonic()}
            self.changed.notify_all()

    @contextmanager
    def step(self, use_case: str, title: str, *, machine: str = "", key: str = "") -> Iterator[DemoStep]:
        """Show a step for as long as the block lasts."""
        step = DemoStep(use_case, title, machine, key)
        with self.changed:
            self.steps.append(step)
        try:
            yield step
        except BaseException:
            step.failed = True
            raise
        finally:
            step.ended = time.monotonic()

    def of(self, use_case: str, machine: str, key: str = "") -> list[Execution]:
        """Return the executions of one machine for a use case (and an inbox key), oldest first."""
        step = DemoStep(use_case, "", machine, key)
        with self.changed:
            found = [execution for execution in self.executions.values() if step.matches(execution)]
        return sorted(found, key=lambda execution: str(execution["started"]))

    def wait(self, what: str, seconds: float, found: Callable[[], T | None]) -> T:
        """Wait until `found` gives something; raises DemoError, naming `what`, when it does not in time."""
        deadline = time.monotonic() + seconds
        while True:
            if self.stopped.is_set():
                raise StoppedError("stopped")
            answer = found()
            if answer is not None:
                return answer
            if time.monotonic() > deadline:
                raise DemoError(f"{what} did not happen within {seconds:.0f} s.")
            with self.changed:
                self.changed.wait(0.2)

    def settle(self, seconds: float) -> None:
        """Wait until the follower has seen the end of every execution, or the time is over."""
        with self.changed:
            self.changed.wait_for(
                lambda: all(one["status"] != "RUNNING" for one in self.executions.values()), seconds
            )

    def wait_end(self, use_case: str, machine: str, key: str, seconds: float, *, after: int = 0) -> Execution:
        """Wait until the execution for a key has ended well; raises DemoError with its reason otherwise.

        With `after` so many earlier ones for the key are not the one that is meant.
        """

        def ended() -> Execution | None:
            found = self.of(use_case, machine, key)
            executions = found[after:]
            return executions[-1] if executions and executions[-1]["status"] != "RUNNING" else None

        execution = self.wait(f"The end of {machine} for {use_case}", seconds, ended)
        if execution["status"] != "SUCCEEDED":
            raise DemoError(f"{machine} for {use_case} ended as {execution['status']}: {execution['reason']}")
        return execution
