"""What template.yaml says of findings that stand: rule, resource and reason, in its Metadata."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from tests.statemachines.definitions import template

if TYPE_CHECKING:
    from collections.abc import Iterable


class Finding(NamedTuple):
    """A rule that a resource breaks."""

    rule: str
    resource: str


class Suppression(NamedTuple):
    """Rules and resources, as shell patterns, for which one reason holds."""

    rules: tuple[str, ...]
    resources: tuple[str, ...]
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Return whether the finding is one of those that stand."""
        return any(fnmatchcase(finding.rule, rule) for rule in self.rules) and any(
            fnmatchcase(finding.resource, resource) for resource in self.resources
        )


def suppressions() -> list[Suppression]:
    """Return the table in the template's Metadata."""
    rows = template()["Metadata"]["FindingsThatStand"]
    return [Suppression(tuple(row["Rules"]), tuple(row["Resources"]), row["Reason"]) for row in rows]


def unsuppressed(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that nothing in the table covers."""
    known = suppressions()
    return sorted({found for found in findings if not any(one.covers(found) for one in known)})


def needless(findings: Iterable[Finding], rules: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return every rule and resource of the table that no finding needs, of the scanner whose rules match."""
    found = set(findings)
    return [
        (rule, resource)
        for one in suppressions()
        for rule in one.rules
        if any(fnmatchcase(rule, known) for known in rules)
        for resource in one.resources
        if not any(fnmatchcase(each.rule, rule) and fnmatchcase(each.resource, resource) for each in found)
    ]
