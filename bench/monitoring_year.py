"""A year of daily monitoring runs on a public file: healthy patients, or one in which things go wrong.

Usage: CLINRISK_REAL_DATA=FOLDER .envs/dev/bin/python -m bench.monitoring_year [YEARS] [USE_CASE ROWS]
       CLINRISK_REAL_DATA=FOLDER .envs/dev/bin/python -m bench.monitoring_year faults [SEED]

Every day a batch of patients is drawn from the file and scored by models that have not seen them; outcomes
come when the hospital sends them. Checks, memory and responses are those of the system; a run costs what its
arithmetic costs. Prints the findings that open, by check, and the mails, per year; with faults, every change
of a finding on its day.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.monitored_outcomes import approved, as_approved, material
from bench.watched_population import TRAINED, Population
from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring.bias import bias_finding
from clinrisk.core.monitoring.drift import drift_finding
from clinrisk.core.monitoring.findings import (
    OF_MONTH,
    SINCE_RELEASE,
    TOGETHER,
    Check,
    CheckVerdict,
    ProfileMaterial,
    ScoreMaterial,
)
from clinrisk.core.monitoring.memory.known_findings import (
    Observation,
    after_person,
    after_run,
    change_of,
    id_of,
    observations,
    reminds,
)
from clinrisk.core.monitoring.performance import performance_finding
from clinrisk.core.monitoring.quality import quality_finding
from clinrisk.core.monitoring.sequential import Sequential
from clinrisk.core.profiles import feature_profile, score_profile
from clinrisk.core.timestamps import stamp
from clinrisk.messages.monitoring import ChangeFindingRequest, LastMail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.random import Generator

    from bench.monitored_outcomes import Outcome
    from clinrisk.core.monitoring.findings import CheckFinding
    from clinrisk.core.profiles.feature_profile import Profile
    from clinrisk.core.profiles.score_profile import ScoreProfile
    from clinrisk.messages.monitoring import KnownFinding

    Found = list[tuple[str, CheckFinding]]

RELEASED = datetime(2026, 1, 1, 6, tzinfo=UTC)
NEWEST = LIMITS.monitored_batches
FAULTS = {"slow drift": 120, "group": 200, "column": 300}
"""The days from which on something is wrong."""
ACKNOWLEDGED = timedelta(90)
"""For so long somebody knows of a finding, from the day after its mail."""
SIZES = {"heart": (20, 50), "stroke": (20, 100)}


def healthy(_: int, made: Outcome, __: Generator) -> Outcome:
    """Return the patients of a day as they are."""
    return made


@dataclass(frozen=True)
class Hospital:
    """Who sends what: so many patients a day, and their outcomes some days later."""

    population: Population
    rows: int
    outcomes_after: int = 30
    fault: Callable[[int, Outcome, Generator], Outcome] = healthy
    """What is wrong with the patients of a day."""


@dataclass
class Stored:
    """What is kept of one batch."""

    profile: Profile
    scored: ScoreMaterial
    found: dict[Check, CheckFinding]


@dataclass
class Year:
    """What the runs of a year found: (day, finding, kind of change), and the days on which one mailed."""

    changes: list[tuple[int, str, str]] = field(default_factory=list)
    mailed: list[int] = field(default_factory=list)

    @property
    def opened(self) -> Counter[str]:
        """How often each finding opened."""
        return Counter(name for _, name, kind in self.changes if kind in {"OPENED", "REOPENED"})


def gone_wrong(population: Population) -> Callable[[int, Outcome, Generator], Outcome]:
    """Return what is wrong with the patients of a day, as `FAULTS` has it."""
    age = population.patients.table["age"]

    def fault(day: int, made: Outcome, rng: Generator) -> Outcome:
        if day >= FAULTS["slow drift"]:
            # Older patients come more often; each keeps outcome and inputs, so that the model stays right.
            weights = np.exp((age - age.mean()) * (day - FAULTS["slow drift"]) / 30 / age.var())
            sample = population.draw(len(made.risks), rng, weights / weights.sum())
            made = replace(made, sample=sample, risks=population.risks(sample))
        if day >= FAULTS["group"]:
            women = population.groups(made.sample)["sex"] == "female"
            # Four times the odds that the model states for them.
            risks = 4 * made.risks / (1 + 3 * made.risks)
            further = women & (rng.random(len(women)) < (risks - made.risks) / (1 - made.risks))
            label = np.where(further, 1, made.sample.label)
            made = replace(made, sample=replace(made.sample, label=label))
        if day >= FAULTS["column"]:
            lost = made.sample.table | {"chol": np.full(len(made.risks), np.nan)}
            sample = replace(made.sample, table=lost)
            made = replace(made, sample=sample, risks=population.risks(sample))
        return made

    return fault


class Monitoring:
    """The daily run of one hospital: what `Run Check` and `Record Findings` do, without the stores."""

    def __init__(self, hospital: Hospital, rng: Generator) -> None:
        self.hospital, self.rng, self.case = hospital, rng, hospital.population.use_case
        trained = hospital.population.draw(TRAINED[self.case.name], rng)
        self.reference = hospital.population.profile(trained)
        self.of_trained = hospital.population.evaluation(trained)
        self.evaluation = approved(hospital.population)
        self.batches: list[Stored] = []
        self.joined: dict[str, ScoreMaterial] = {}
        self.known: dict[str, KnownFinding] = {}
        self.last: LastMail | None = None

    def year(self, days: int = 365) -> Year:
        """Run every day of a year."""
        found = Year()
        for day in range(days):
            self.receive(day)
            self.acknowledge(day)
            self.record(day, self.check(day), found)
        return found

    def receive(self, day: int) -> None:
        """Score the batch of a day, and join the outcomes that arrive on it."""
        population, rng = self.hospital.population, self.rng
        made = self.hospital.fault(day, as_approved(population, self.hospital.rows, rng), rng)
        scored = material(population, made, self.evaluation, rng)
        profile, sequential = population.profile(made.sample), Sequential(day + 1)
        rows = ProfileMaterial(self.reference, profile, 0, rng, self.of_trained, scored.scores, sequential)
        found = {Check.QUALITY: quality_finding(self.case, rows), Check.DRIFT: drift_finding(self.case, rows)}
        waiting = replace(scored, labelled=None, sequential=sequential)
        found |= self._judged(waiting)
        self.batches.append(Stored(profile, replace(scored, sequential=sequential), found))
        arrived = day - self.hospital.outcomes_after
        if arrived < 0:
            return
        batch = self.batches[arrived]
        batch.found |= self._judged(batch.scored)
        month = f"{OF_MONTH}{RELEASED + timedelta(arrived):%Y-%m}"
        for name in (month, SINCE_RELEASE):
            before = self.joined.get(name)
            self.joined[name] = batch.scored if before is None else _added(before, batch.scored)

    def _judged(self, scored: ScoreMaterial) -> dict[Check, CheckFinding]:
        return {
            Check.PERFORMANCE: performance_finding(self.case, scored),
            Check.BIAS: bias_finding(self.case, scored),
        }

    def check(self, day: int) -> Found:
        """Return what the checks of a day find."""
        newest = [(f"{number:04d}.csv", self.batches[number]) for number in range(day, -1, -1)][:NEWEST]
        found = [(name, one) for name, batch in newest for one in batch.found.values()]
        calm = [one for _, one in newest if one.found[Check.DRIFT].verdict is not CheckVerdict.ALERT]
        if len(calm) > 1:
            found.append((TOGETHER, drift_finding(self.case, self._together(calm))))
        months = sorted(name for name in self.joined if name != SINCE_RELEASE)
        for name in months[-LIMITS.monitored_months :]:
            judged = replace(self.joined[name], sequential=Sequential(growing=True))
            found += [(name, one) for one in self._judged(judged).values()]
        if SINCE_RELEASE in self.joined:
            recent = score_profile.merge([_scores(batch) for _, batch in newest])
            judged = replace(self.joined[SINCE_RELEASE], scores=recent, sequential=Sequential(growing=True))
            found += [(SINCE_RELEASE, one) for one in self._judged(judged).values()]
        return found

    def acknowledge(self, day: int) -> None:
        """Let somebody know of all that is open, in the morning after its mail."""
        now = RELEASED + timedelta(day)
        for name, known in self.known.items():
            if known.state == "OPEN" and self.hospital.fault is not healthy:
                request = ChangeFindingRequest(
                    execution=f"arn:person-{day}",
                    use_case=self.case.name,
                    finding_id=name,
                    change="ACKNOWLEDGED",
                    person="operator",
                    until=f"{now + ACKNOWLEDGED:%Y-%m-%d}",
                )
                after = after_person(known, request, now)
                assert not isinstance(after, str)  # noqa: S101 - nothing speaks against it
                self.known[name] = after

    def _together(self, calm: list[Stored]) -> ProfileMaterial:
        current = feature_profile.merge([one.profile for one in calm])
        scores = score_profile.merge([_scores(one) for one in calm])
        return ProfileMaterial(self.reference, current, 0, self.rng, self.of_trained, scores)

    def record(self, day: int, found: Found, year: Year) -> None:
        """Remember what a day found, and count the mail that it sends."""
        now, run = RELEASED + timedelta(day), f"run-{day}"
        seen = {id_of(self.case.name, one.check, one.subject): one for one in observations(found)}
        for name, known in self.known.items():
            seen.setdefault(name, Observation(Check(known.check), known.subject))
        for name, one in seen.items():
            after = after_run(self.known.get(name), one, self.case, now, run)
            if after is not None:
                self.known[name] = after
        changes = [change for one in self.known.values() if (change := change_of(one, run))]
        year.changes += [
            (day, name, change.kind) for name, one in self.known.items() if (change := change_of(one, run))
        ]
        if changes or reminds(self.known.values(), self.last, now):
            self.last = LastMail(mailed_at=stamp(now), execution=run, version=day)
            year.mailed.append(day)


def _scores(batch: Stored) -> ScoreProfile:
    assert batch.scored.scores is not None  # noqa: S101 - every batch is scored
    return batch.scored.scores


def _added(one: ScoreMaterial, other: ScoreMaterial) -> ScoreMaterial:
    """Return what is known of two batches together, without the risks of all."""
    known = [each.labelled for each in (one, other) if each.labelled is not None]
    predicted = one.predicted[0] + other.predicted[0], one.predicted[1] + other.predicted[1]
    labelled = score_profile.merge(known) if known else None
    return replace(one, scores=None, labelled=labelled, predicted=predicted)


def main(years: int, only: Mapping[str, tuple[int, ...]]) -> None:
    """Print the table of healthy years."""
    print("| use case | patients a day | findings a year | which | mails a year |")
    print("| --- | --- | --- | --- | --- |")
    for name, sizes in only.items():
        for rows in sizes:
            # Outcomes of the same day: no batch, month or sum is looked at more often.
            hospital = Hospital(Population.read(name), rows, outcomes_after=0)
            found = [Monitoring(hospital, np.random.default_rng([n, rows])).year() for n in range(years)]
            opened: Counter[str] = sum((one.opened for one in found), Counter())
            which = ", ".join(f"{finding} {count}" for finding, count in opened.most_common())
            mails = sum(len(one.mailed) for one in found) / years
            print(f"| {name} | {rows} | {opened.total() / years:.2f} | {which} | {mails:.1f} |", flush=True)


def faults(seed: int) -> None:
    """Print what the runs of a year said in which things go wrong, and when."""
    population = Population.read("heart")
    hospital = Hospital(population, 40, outcomes_after=30, fault=gone_wrong(population))
    found = Monitoring(hospital, np.random.default_rng(seed)).year()
    print("| day | finding | change |\n| --- | --- | --- |")
    for day, name, kind in found.changes:
        print(f"| {day} | {name} | {kind} |")
    print(f"{len(found.mailed)} mails, on the days {', '.join(map(str, found.mailed))}")


if __name__ == "__main__":
    arguments: list[Any] = sys.argv[1:]
    if arguments[:1] == ["faults"]:
        faults(int(arguments[1]) if len(arguments) > 1 else 0)
        sys.exit()
    chosen = {arguments[1]: (int(arguments[2]),)} if len(arguments) > 2 else SIZES
    main(int(arguments[0]) if arguments else 4, chosen)
