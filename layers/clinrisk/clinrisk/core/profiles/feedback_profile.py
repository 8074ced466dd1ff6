"""Feedback profiles: what clinicians did with the predictions of a batch, as counts that add up.

A patient counts once: with the latest response of those who saw the risk, or as not seen where nobody did.
Flagged patients and others are counted apart, since to override a flag and to act without one are different
things. No patient, no date and no id is in a profile. No polars.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple, dataclass, field
from typing import TYPE_CHECKING, Any

from clinrisk.core.profiles.score_profile import EVERYONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BAND = "band"
"""The attribute that holds patients by the band of their risk."""


@dataclass(frozen=True)
class Responses:
    """The predicted patients of a group, and of these how many were responded to, and how."""

    predicted: int = 0
    accepted: int = 0
    overridden: int = 0
    not_seen: int = 0

    @property
    def seen(self) -> int:
        """Patients whose risk somebody saw."""
        return self.accepted + self.overridden

    @property
    def known(self) -> int:
        """Patients with a response."""
        return self.seen + self.not_seen

    def __add__(self, other: Responses) -> Responses:
        """Return the counts of both."""
        return Responses(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class GroupFeedback:
    """The responses to the flagged patients of a group, and to the others."""

    flagged: Responses = field(default_factory=Responses)
    others: Responses = field(default_factory=Responses)

    @property
    def everyone(self) -> Responses:
        """Both together."""
        return self.flagged + self.others

    def __add__(self, other: GroupFeedback) -> GroupFeedback:
        """Return the counts of both groups."""
        return GroupFeedback(self.flagged + other.flagged, self.others + other.others)


@dataclass(frozen=True)
class FeedbackProfile:
    """The responses to one batch, or to many added up."""

    groups: Mapping[str, Mapping[str, GroupFeedback]]
    """attribute -> group: everyone, bands, and protected groups."""
    roles: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """role -> response: here each role that responded to a patient counts."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Why flags and risks were overridden: patients per reason, "" where none is given."""

    @property
    def everyone(self) -> GroupFeedback:
        """The counts of all patients."""
        return self.groups[EVERYONE][EVERYONE]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; responses are [predicted, accepted, overridden, not seen]."""
        return {
            "groups": {
                attribute: {
                    name: {"flagged": list(astuple(one.flagged)), "others": list(astuple(one.others))}
                    for name, one in groups.items()
                }
                for attribute, groups in self.groups.items()
            },
            "roles": {role: dict(counts) for role, counts in self.roles.items()},
            "reasons": dict(self.reasons),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> FeedbackProfile:
        """Return the profile that `to_dict` wrote."""
        groups = {
            attribute: {
                name: GroupFeedback(Responses(*one["flagged"]), Responses(*one["others"]))
                for name, one in found.items()
            }
            for attribute, found in document["groups"].items()
        }
        return cls(groups, document["roles"], document["reasons"])


def merge_feedback(profiles: Iterable[FeedbackProfile]) -> FeedbackProfile | None:
    """Return the sum of profiles, the same in any order; None of none."""
    every = list(profiles)
    if not every:
        return None
    groups: dict[str, dict[str, GroupFeedback]] = {}
    roles: dict[str, Counter[str]] = {}
    reasons: Counter[str] = Counter()
    for profile in every:
        for attribute, found in profile.groups.items():
            added = groups.setdefault(attribute, {})
            for name, one in found.items():
                added[name] = added.get(name, GroupFeedback()) + one
        for role, counts in profile.roles.items():
            roles.setdefault(role, Counter()).update(counts)
        reasons.update(profile.reasons)
    return FeedbackProfile(
        {attribute: dict(sorted(found.items())) for attribute, found in sorted(groups.items())},
        {role: dict(sorted(counts.items())) for role, counts in sorted(roles.items())},
        dict(sorted(reasons.items())),
    )
