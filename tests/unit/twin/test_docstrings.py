import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["twin.demo.approver", "twin.repairs.cloudwatch.metric_math"])
def test_the_examples_in_the_docstrings_run(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
