"""The demo as it happens: a live picture on a terminal, plain lines in a pipe."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from twin.demo.progress_board import DemoStep, Execution, ProgressBoard

TICK_SECONDS = 0.25
MARKS = {"running": ("▶", "cyan"), "done": ("✓", "green"), "failed": ("✗", "red")}


@contextmanager
def shown(console: Console, board: ProgressBoard, titles: dict[str, str]) -> Iterator[None]:
    """Show the board until the block ends."""
    if console.is_terminal:
        live = Live(
            console=console,
            get_renderable=lambda: picture(board, titles, console.height),
            refresh_per_second=5,
            transient=True,  # the whole picture follows when it is over
        )
        board.print_line = lambda line: live.console.print(line, markup=False, soft_wrap=True)
        try:
            with live:
                yield
        finally:
            console.print(picture(board, titles))
        return
    board.print_line = lambda line: console.print(line, markup=False, soft_wrap=True)
    ended = threading.Event()
    thread = threading.Thread(target=_lines, args=(board, ended), name="lines", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def picture(board: ProgressBoard, titles: dict[str, str], height: int | None = None) -> RenderableType:
    """Draw every use case's steps, and after a running step the states it goes through.

    With a height, only the last steps that fit on the terminal.
    """
    room = None if height is None else max(2, height // max(1, len(titles)) - 4)
    parts: list[RenderableType] = []
    with board.changed:
        steps = list(board.steps)
    for use_case, title in titles.items():
        table = Table.grid(padding=(0, 1))
        table.add_column(width=1)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(overflow="fold")
        mine = [step for step in steps if step.use_case == use_case]
        for step in mine[-room:] if room else mine:
            mark, colour = MARKS[_state_of(step)]
            table.add_row(
                Text(mark, colour), step.title, Text(f"{step.seconds():.1f} s", "dim"), _detail(board, step)
            )
        parts += [Text(f"\n{title}", "bold"), table]
    return Group(*parts)


def _state_of(step: DemoStep) -> str:
    return "failed" if step.failed else "running" if step.ended is None else "done"


def _detail(board: ProgressBoard, step: DemoStep) -> Text:
    text = Text(step.detail)
    if step.ended is not None or not step.machine:
        return text
    for execution in board.of(step.use_case, step.machine, step.key)[-1:]:
        for name, seconds in execution["seconds_by_state"].items():
            running = name in execution["running_states"]
            shown_seconds = seconds + (_since_seen(execution) if running else 0.0)
            text.append(" > " if text else "", "dim")
            text.append(f"{name} {shown_seconds:.1f}", "cyan" if running else "dim")
    return text


def _since_seen(execution: Execution) -> float:
    return max(0.0, time.monotonic() - float(execution["seen"]))


def _lines(board: ProgressBoard, ended: threading.Event) -> None:
    """Print each state when it is left and each step when it ends, one line each."""
    printed: set[object] = set()
    last_round = False
    while not last_round:
        last_round = ended.wait(TICK_SECONDS)
        with board.changed:
            steps, executions = list(board.steps), list(board.executions.values())
        for execution in executions:
            for name, seconds in execution["seconds_by_state"].items():
                mark = (execution["arn"], name)
                if name not in execution["running_states"] and mark not in printed:
                    printed.add(mark)
                    board.print_line(
                        f"{execution['use_case']:<8} {execution['machine']:<11} {name:<34} {seconds:6.1f} s"
                    )
        for step in steps:
            if step.ended is not None and id(step) not in printed:
                printed.add(id(step))
                word = "FAILED" if step.failed else step.detail or "done"
                board.print_line(f"{step.use_case:<8} {step.title}: {word} ({step.seconds():.1f} s)")
