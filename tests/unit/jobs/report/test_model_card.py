"""The model card answers what run and use case know, asks the hospital the rest, and makes nothing up."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.core import object_keys
from clinrisk.core.release.card import card_document
from clinrisk.core.release.card.answers import Source
from clinrisk.core.release.card.card_document import SECTIONS
from clinrisk.core.release.card.source_attributes import ATTRIBUTES
from clinrisk.jobs.patient_tables import read_set
from clinrisk.jobs.report.card_answers import QUESTIONS, answers_of
from clinrisk.jobs.report.model_card import card_files
from clinrisk.messages.training import Digests
from clinrisk.use_cases.card import ModelFacts
from tests.unit.jobs.chai_schema import SCHEMA, Schema

if TYPE_CHECKING:
    from tests.unit.jobs.conftest import Laboratory


def facts_of(laboratory: Laboratory) -> tuple[dict[str, Any], dict[str, Any]]:
    evaluation = laboratory.outputs("evaluate", "evaluation") / "evaluation.json"
    manifest = laboratory.outputs("assemble", "set") / "manifest.json"
    return json.loads(evaluation.read_text()), json.loads(manifest.read_text())


def card(laboratory: Laboratory, form: str) -> bytes:
    return (laboratory.outputs("evaluate", "report") / f"model-card.{form}").read_bytes()


def test_the_xml_is_valid_against_chais_schema(evaluated: Laboratory) -> None:
    assert Schema().differences(card(evaluated, "xml")) == []


def test_every_form_of_the_card_is_one_whose_digest_a_package_records(evaluated: Laboratory) -> None:
    document, manifest = facts_of(evaluated)
    made = card_files(document, manifest, evaluated.use_case)
    assert set(made) == set(object_keys.MODEL_CARD.values())
    assert set(object_keys.MODEL_CARD) < set(Digests.model_fields)


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        (r"<ModelDeveloper>.*?</ModelDeveloper>", "", "lacks ModelDeveloper"),
        (r"<Results>.*?</Results>", "<Results></Results>", "lacks MetricResult"),
        (r"<FoundationModels>.*?</FoundationModels>", "", ""),
        (r"<Bibliography>", "<More/><Bibliography>", "More out of place"),
        (r"</Keywords>", "<Keyword>one more</Keyword></Keywords>", ""),
    ],
)
def test_the_reader_of_the_schema_sees_what_is_wrong(
    evaluated: Laboratory, was: str, becomes: str, said: str
) -> None:
    broken = re.sub(was, becomes, card(evaluated, "xml").decode(), count=1, flags=re.DOTALL)

    found = Schema().differences(broken.encode())

    assert any(said in one for one in found) if said else found == []


def test_the_schema_travels_with_its_notice() -> None:
    notice = (SCHEMA.parent / "LICENSE").read_text()
    assert "Coalition for Health AI" in notice
    assert "Coalition for Health AI" in SCHEMA.read_text()


def test_all_31_source_attributes_are_answered_or_asked(evaluated: Laboratory) -> None:
    told = json.loads(card(evaluated, "json"))

    assert len(ATTRIBUTES) == len({code for code, _, _ in ATTRIBUTES}) == 31
    assert [one["code"] for one in told["source_attributes"]] == [code for code, _, _ in ATTRIBUTES]
    assert all(one["answer"] or one["asked_of_the_hospital"] for one in told["source_attributes"])
    asked = [one for one in told["source_attributes"] if one["asked_of_the_hospital"]]
    counts = told["counts"]
    assert counts["attributes_for_the_hospital"] == len(asked)
    later = [one for one in told["source_attributes"] if one["source"] == str(Source.LATER)]
    assert counts["attributes_not_available_yet"] == len(later)
    assert counts["attributes_answered"] == 31 - len(asked) - len(later)
    assert {"B1.i", "B1.ii", "B4.iv", "B6.ii"} == {one["code"] for one in asked}


def test_what_only_the_hospital_can_answer_is_marked_and_counted(evaluated: Laboratory) -> None:
    use_case = replace(evaluated.use_case, facts=ModelFacts())
    document, manifest = facts_of(evaluated)

    files = card_files(document, manifest, use_case)

    page, told = files["model-card.html"].decode(), json.loads(files["model-card.json"])
    assert told["counts"]["questions_for_the_hospital"] == len(QUESTIONS)
    sections = page.partition("source attributes</h2>")[0]
    assert sections.count("For the hospital to answer") == len(QUESTIONS)
    assert "[to be answered by the hospital]" in files["model-card.xml"].decode()
    assert Schema().differences(files["model-card.xml"]) == []


def test_groups_stand_in_the_declared_order_with_their_counts(evaluated: Laboratory) -> None:
    document, manifest = facts_of(evaluated)
    of = manifest["parts"]["training"]["groups"]["age_band"]

    said = answers_of(document, manifest, evaluated.use_case)["people"].text

    assert (
        f"By age: under 45 ({of['under_45']}), 45 to 64 ({of['45_to_64']}), "
        f"65 and over ({of['65_and_over']})." in said
    )


def test_the_document_holds_all_that_the_page_shows(evaluated: Laboratory) -> None:
    assert card_document.page(json.loads(card(evaluated, "json"))).encode() == card(evaluated, "html")


def test_every_answer_is_on_the_page_once(evaluated: Laboratory) -> None:
    answers = answers_of(*facts_of(evaluated), evaluated.use_case)
    shown = [name for _, names in SECTIONS for name in names]

    assert len(shown) == len(set(shown))
    attributes = {name for _, _, names in ATTRIBUTES for name in names}
    assert set(answers) == set(shown) | attributes
    assert all(answer.text for answer in answers.values())
    assert {answer.source for answer in answers.values()} == set(Source) - {Source.MONITORING}


class Tags(HTMLParser):
    """Keeps the open tags, so that a page that does not close them is found."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the parser passes them
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_stands_on_its_own(evaluated: Laboratory) -> None:
    page = card(evaluated, "html").decode()

    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert not re.search(
        r"<script|javascript:|\son\w+=|@import|url\(|<link|<iframe|<img", page, re.IGNORECASE
    )
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) == set()
    assert not re.search(r"\b(nan|NaN|inf|None|undefined)\b|\{\{", page.partition("<body>")[2])


def test_no_patient_is_on_the_card(evaluated: Laboratory) -> None:
    training = read_set(evaluated.outputs("assemble", "set") / "training.csv", evaluated.use_case)
    told = b"".join(card(evaluated, form) for form in ("html", "xml", "json")).decode()

    assert not any(record_id in told for record_id in training.record_ids.tolist())


def test_the_same_evaluation_gives_the_same_card(evaluated: Laboratory) -> None:
    facts = facts_of(evaluated)

    assert card_files(*facts, evaluated.use_case) == card_files(*facts, evaluated.use_case)
    assert Path(SCHEMA).exists()
