"""The reference names everything that it is a reference of."""

from __future__ import annotations

import dataclasses
import re

import pytest
import typer.main

from cli.app import app
from clinrisk import errors, use_cases
from clinrisk.core.limits import Limits
from tests.statemachines.definitions import resources, template
from tests.unit.structure.repository import ROOT
from tools.docs_site.reference import pages

PAGES = dict(pages(ROOT))
NAMED = {
    "commands": getattr(typer.main.get_command(app), "commands", {}),
    "files": [name for one in map(use_cases.get, use_cases.names()) for name in one.header],
    "parameters": [*template()["Parameters"], *template()["Outputs"]],
    "alarms": resources("AWS::CloudWatch::Alarm"),
    "limits": [field.name for field in dataclasses.fields(Limits)],
    "errors": [
        name
        for name, one in vars(errors).items()
        if isinstance(one, type) and one.__module__ == errors.__name__
    ],
}


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_page_of_the_reference_names_all_of_its_subject(page: str) -> None:
    words = set(re.findall(r"[\w-]+", PAGES[page]))
    assert not [name for name in NAMED[page] if name not in words]


def test_no_page_shows_how_it_was_made() -> None:
    assert not [name for name, text in PAGES.items() if re.search(r"&lt;[a-z]+ |None\.|\{[a-z_]+\}", text)]
