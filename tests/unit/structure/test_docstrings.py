"""A module's docstring states what is in it; a function's begins with one verb."""

import ast
import re

from tests.unit.structure.repository import clean_modules


def opens_with_a_question(docstring: str) -> bool:
    """Return whether the first sentence ends with a question mark."""
    first = re.match(r"[^.?!:]*([.?!:])", docstring)
    return first is not None and first[1] == "?"


def test_a_question_is_recognised() -> None:
    assert opens_with_a_question("What do I get? A table.")
    assert not opens_with_a_question("Figures of a group. Why? See below.")


def test_no_module_opens_with_a_question() -> None:
    docstrings = {module.name: ast.get_docstring(module.tree) or "" for module in clean_modules()}
    assert not [name for name, docstring in docstrings.items() if opens_with_a_question(docstring)]


def test_no_function_gives() -> None:
    assert not [
        f"{module.name}:{node.lineno}"
        for module in clean_modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and re.match(r"Gives?\b", ast.get_docstring(node) or "")
    ]
