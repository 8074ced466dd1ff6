"""The core reads no clock, draws nothing by itself and knows no environment: each is planted and refused."""

import ast
import subprocess
import sys

import pytest

from tests.unit.structure.repository import ROOT, modules

CORE = "layers/clinrisk/clinrisk/core"


def refused(source: str, room: str) -> bool:
    """Return whether ruff refuses a line as impure in a new module of a room."""
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--select", "TID251,NPY", "--quiet"]
    run = subprocess.run(
        [*command, "--stdin-filename", f"{room}/planted.py", "-"],
        input=source,
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )
    assert run.returncode in {0, 1}, run.stderr
    return run.returncode == 1


def unseeded(tree: ast.AST) -> list[int]:
    """Return the lines that make a numpy Generator without a seed, which ruff does not see."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1] in {"default_rng", "Generator", "PCG64"}
        and not node.args
        and not node.keywords
    ]


@pytest.mark.parametrize(
    "source",
    [
        "import datetime\ndatetime.datetime.now(datetime.UTC)",
        "from datetime import UTC, datetime\ndatetime.now(UTC)",
        "from datetime import datetime\nread = datetime.utcnow",
        "from datetime import datetime\ndatetime.today()",
        "from datetime import date\ndate.today()",
        "import time\ntime.time()",
        "from time import monotonic\nmonotonic()",
        "import os\nos.environ['TZ']",
        "from os import environ",
        "from os import getenv",
        "import random\nrandom.random()",
        "from random import choice",
        "import secrets\nsecrets.token_hex()",
        "from uuid import uuid4\nuuid4()",
        "import numpy as np\nnp.random.normal()",
        "from numpy import random\nrandom.seed(1)",
        "import numpy as np\nnp.random.SeedSequence()",
    ],
)
def test_the_clock_randomness_and_the_environment_are_refused(source: str) -> None:
    assert refused(source, CORE)


@pytest.mark.parametrize("room", [f"{CORE}/ingest/csv_file", "layers/clinrisk/clinrisk/messages"])
def test_every_room_that_decides_is_held_to_it(room: str) -> None:
    assert refused("import time", room)


@pytest.mark.parametrize(
    "source",
    [
        "import numpy as np\nnp.random.default_rng(20)",
        "from numpy.random import Generator\ndef f(rng: Generator) -> float:\n    return rng.normal()",
        "from datetime import datetime\ndatetime.fromisoformat('2026-01-01T00:00:00+00:00')",
    ],
)
def test_a_seed_a_generator_and_a_given_time_are_not(source: str) -> None:
    assert not refused(source, CORE)


def test_an_adapter_may_read_the_clock() -> None:
    assert not refused("import time\ntime.time()", "layers/clinrisk/clinrisk/aws")


def test_every_generator_of_the_core_has_a_seed() -> None:
    assert unseeded(ast.parse("import numpy as np\nrng = np.random.default_rng()"))
    assert not [
        f"{module.name}:{line}"
        for module in modules()
        if module.folder.startswith(CORE)
        for line in unseeded(module.tree)
    ]
