"""The one Hypothesis profile: no wall clock decides, and every failure can be run again.

A failing example prints the line that reproduces it, and the example database repeats it on the next run.
Continuous integration keeps no database: there the seed stands in pytest's header (`--hypothesis-seed=N` runs
it again).

Coverage costs: a fifth by sys.monitoring, as much again as the test by tracing on Python 3.11. It is measured
where a floor can be missed, by tests that take the same lines at every run and are not slow.
"""

import os
import secrets
from functools import cache

import botocore.session
import botocore.useragent
import moto.core.responses
import pytest
import typer.main
from hypothesis import settings

CI = "CI" in os.environ
# What no floor of coverage counts on: processes of their own, definitions, the project's tools.
UNMEASURED = ("tests/e2e/", "tests/browser/", "tests/statemachines/", "tests/unit/tools/")

# As in the jobs' containers: every core has its worker, and a second thread of OpenMP waits by spinning.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What a process of a user's does once, the tests do thousands of times: reading botocore's definitions of the
# services for a new session, building all subcommands of the command. It was two fifths of what they cost;
# the last two depend on their arguments alone, and are asked at every call.
botocore.session.create_loader = cache(botocore.session.create_loader)
typer.main.get_command = cache(typer.main.get_command)
botocore.useragent.sanitize_user_agent_string_component = cache(
    botocore.useragent.sanitize_user_agent_string_component
)
moto.core.responses.method_names_from_class = cache(  # type: ignore[attr-defined]
    moto.core.responses.method_names_from_class  # type: ignore[attr-defined]
)

settings.register_profile("clinrisk", deadline=None, print_blob=True, derandomize=False, max_examples=50)
settings.load_profile("clinrisk")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose CI's seed before Hypothesis reads its option; the workers of pytest-xdist inherit it."""
    if CI and config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = os.environ.setdefault(
            "HYPOTHESIS_SEED", str(secrets.randbelow(10**9))
        )


def pytest_report_header(config: pytest.Config) -> str | None:
    """Return the line with the seed, where one holds for all tests."""
    seed = config.option.hypothesis_seed
    return f"hypothesis seed {seed}" if seed else None


@pytest.hookimpl(trylast=True)  # Hypothesis has marked its tests
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure no coverage where it only costs."""
    for item in items:
        repeats = any(map(item.get_closest_marker, ("slow", "hypothesis")))
        if repeats or item.nodeid.startswith(UNMEASURED):
            item.add_marker("no_cover")
