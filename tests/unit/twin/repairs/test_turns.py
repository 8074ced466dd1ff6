"""Turns of a bounded number: never more at once, in the order of arrival, and never a standstill."""

import contextvars
import threading
import time

import pytest

from twin.repairs.lambda_functions.turns import Turns, Wait, waited

NEVER = 600.0


class Visitor:
    """Somebody who takes a turn, and keeps it until `leave`."""

    def __init__(self, turns: Turns, came_in: list[str], name: str) -> None:
        self.inside = threading.Event()
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._visit, args=(turns, came_in, name), daemon=True)
        self._thread.start()

    def _visit(self, turns: Turns, came_in: list[str], name: str) -> None:
        with turns.turn():
            came_in.append(name)
            self.inside.set()
            assert self._leaving.wait(60)

    def leave(self) -> None:
        self._leaving.set()
        self._thread.join(60)


def in_line(turns: Turns, number: int) -> None:
    """Wait until so many stand in the line."""
    while len(turns._line) < number:
        threading.Event().wait(0.001)


def test_no_more_have_a_turn_than_the_number_and_each_in_the_order_of_arrival() -> None:
    turns, came_in = Turns(2, NEVER), list[str]()
    visitors: list[Visitor] = []
    for number in range(6):
        visitors.append(Visitor(turns, came_in, str(number)))
        if number < 2:
            assert visitors[-1].inside.wait(60)
        else:
            in_line(turns, number - 1)
    for number in range(6):
        visitors[number].leave()
        if number < 4:
            assert visitors[number + 2].inside.wait(60)
        assert came_in == [str(each) for each in range(min(number + 3, 6))]


def test_a_newcomer_does_not_overtake_the_line() -> None:
    turns, came_in = Turns(1, NEVER), list[str]()
    first = Visitor(turns, came_in, "first")
    assert first.inside.wait(60)
    second = Visitor(turns, came_in, "second")
    in_line(turns, 1)
    first.leave()
    third = Visitor(turns, came_in, "third")
    assert second.inside.wait(60)
    second.leave()
    assert third.inside.wait(60)
    third.leave()
    assert came_in == ["first", "second", "third"]


def test_one_who_waits_for_somebody_in_the_line_does_not_wait_for_ever() -> None:
    turns, came_in = Turns(1, 0.01), list[str]()
    with turns.turn():
        called = Visitor(turns, came_in, "called")
        assert called.inside.wait(60)
        called.leave()
    assert turns._free == 1  # what was lent is given back


def test_a_turn_that_ends_in_an_error_is_given_back() -> None:
    turns = Turns(1, NEVER)
    with pytest.raises(RuntimeError), turns.turn():
        raise RuntimeError
    assert turns._free == 1


def test_the_time_in_a_line_is_counted_while_it_lasts_and_no_other() -> None:
    turns, wait = Turns(1, NEVER), Wait()
    token = waited.set(wait)
    context = contextvars.copy_context()
    waited.reset(token)

    def come_and_go() -> None:
        with turns.turn():
            pass

    with turns.turn():
        assert wait.seconds() == 0
        late = threading.Thread(target=context.run, args=(come_and_go,), daemon=True)
        late.start()
        in_line(turns, 1)
        while wait.seconds() < 0.05:
            time.sleep(0.001)
    late.join(60)
    over = wait.seconds()
    assert over >= 0.05
    time.sleep(0.01)
    assert wait.seconds() == over
