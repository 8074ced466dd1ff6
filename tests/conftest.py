"""The one Hypothesis profile: no wall clock decides, and every failure can be run again.

A failing example prints the line that reproduces it, and the example database repeats it on the next run.
Continuous integration keeps no database: there the seed stands in pytest's header (`--hypothesis-seed=N` runs
it again), and three times as many examples are drawn.
"""

import os
import secrets

import pytest
from hypothesis import settings

CI = "CI" in os.environ

settings.register_profile(
    "clinrisk", deadline=None, print_blob=True, derandomize=False, max_examples=300 if CI else 100
)
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
