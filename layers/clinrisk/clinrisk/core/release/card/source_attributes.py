"""The 31 source attributes of a predictive intervention, 45 CFR 170.315(b)(11)(iv)(B) (HTI-1).

The titles are ours; the codes are those of the paragraphs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk.core.release.card.answers import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinrisk.core.release.card.answers import CardAnswer

# Code, title, the answers that make it up.
ATTRIBUTES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("B1.i", "Who developed it, and how to reach them", ("developer", "contact")),
    ("B1.ii", "Who funded its implementation", ("funding",)),
    ("B1.iii", "What it puts out", ("output",)),
    ("B1.iv", "What kind of output that is", ("kind",)),
    ("B2.i", "What it is for", ("intended_use",)),
    ("B2.ii", "For which patients", ("population",)),
    ("B2.iii", "For which users", ("intended_users",)),
    ("B2.iv", "Its role in the decision", ("role",)),
    ("B3.i", "Where caution is needed", ("cautions",)),
    ("B3.ii", "Known risks, wrong uses, limits", ("risks", "limits")),
    ("B4.i", "Which patients the training data include and exclude", ("criteria",)),
    ("B4.ii", "Demographic and social variables among the inputs", ("variables",)),
    ("B4.iii", "Whom the training data represent", ("people",)),
    ("B4.iv", "How the training data relate to the hospital", ("training_setting", "relevance")),
    ("B5.i", "How fairness is ensured", ("fairness_approach",)),
    ("B5.ii", "How bias is managed", ("bias_management",)),
    ("B6.i", "External data on which it was tested", ("external_source",)),
    ("B6.ii", "Who tested it on external data", ("external_party",)),
    ("B6.iii", "Whom the external data represent", ("external_people",)),
    ("B6.iv", "How it was tested on external data", ("external_process",)),
    ("B7.i", "Validity on data of the same source", ("validity",)),
    ("B7.ii", "Fairness on data of the same source", ("fairness",)),
    ("B7.iii", "Validity on external data", ("external_validity",)),
    ("B7.iv", "Fairness on external data", ("external_fairness",)),
    ("B7.v", "Studies of patient outcomes under its use", ("outcomes",)),
    ("B8.i", "How and how often validity is monitored", ("validity_monitoring",)),
    ("B8.ii", "Validity on local data", ("local_validity",)),
    ("B8.iii", "How and how often fairness is monitored", ("fairness_monitoring",)),
    ("B8.iv", "Fairness on local data", ("local_fairness",)),
    ("B9.i", "How and how often it is updated", ("update",)),
    ("B9.ii", "How soon faults are corrected", ("correction",)),
)


def source_attributes(answers: Mapping[str, CardAnswer]) -> list[dict[str, Any]]:
    """Return each attribute with its answer, who gave that, and what is still asked of the hospital."""
    found = []
    for code, title, names in ATTRIBUTES:
        given = [answers[name] for name in names]
        known = [answer for answer in given if answer.source is not Source.HOSPITAL]
        found.append(
            {
                "code": code,
                "attribute": title,
                "answer": " ".join(answer.text for answer in known),
                "source": ", ".join(dict.fromkeys(str(answer.source) for answer in given)),
                "asked_of_the_hospital": [a.text for a in given if a.source is Source.HOSPITAL],
            }
        )
    return found


def counted(answers: Mapping[str, CardAnswer], attributes: list[dict[str, Any]]) -> dict[str, int]:
    """Count the attributes by what they still need, and the open questions.

    An attribute is asked of the hospital (all or a part of it), not available yet, or answered.
    """
    asked = sum(bool(one["asked_of_the_hospital"]) for one in attributes)
    later = sum(one["source"] == Source.LATER for one in attributes)
    return {
        "attributes": len(attributes),
        "attributes_answered": len(attributes) - asked - later,
        "attributes_for_the_hospital": asked,
        "attributes_not_available_yet": later,
        "questions_for_the_hospital": sum(a.source is Source.HOSPITAL for a in answers.values()),
        "not_available_yet": sum(a.source is Source.LATER for a in answers.values()),
    }
