"""The demo of one use case, from a file in the inbox to findings about the scored patients."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from twin.authenticator import Authenticator
from twin.demo import cohort_files
from twin.demo.approver import approve, enrol, invitation_in, link_in
from twin.demo.clinrisk_process import Clinrisk, DemoError, StoppedError
from twin.demo.cohort_files import CohortParts, DemoUseCase
from twin.demo.progress_board import Execution, ProgressBoard
from twin.demo.walkthrough_record import WalkthroughRecord

USED = ("ACCEPTED", "PARTIAL")
STEP_SECONDS = 300.0
APPROVER_SECONDS = 7 * 86400.0
SHIFTED_ROWS = 150
SYNTHETIC_ROWS = {"heart": 600, "stroke": 8000}
OTHER_ROWS = 2000
# How a training run ends when the people decide against its candidate, or do not decide.
DECIDED_AGAINST = {"CandidateRejected": "REJECTED", "ApprovalExpired": "EXPIRED"}
RESULTS = ("results", "results_shifted")
Mails = Callable[[str], list[dict[str, Any]]]
"""The mails to an address."""


@dataclass
class Walkthrough:
    """One use case's way through the system; `walk` takes it."""

    clinrisk: Clinrisk
    board: ProgressBoard
    contract: DemoUseCase
    own_file: Path | None
    out: Path
    seed: int
    mails: Mails
    authenticator: Authenticator
    plays_approver: bool
    record: WalkthroughRecord = field(default_factory=WalkthroughRecord)
    asked_before: int = 0
    """So many releases of this use case have ended already: they are not the one that is meant."""

    @property
    def name(self) -> str:
        """The use case."""
        return self.contract.name

    @property
    def approvers(self) -> dict[str, str]:
        """The roles of those who have to agree about this use case, by their addresses."""
        people = {
            f"{self.name}-approver@example.org": "clinical",
            f"{self.name}-engineer@example.org": "technical",
        }
        return dict(list(people.items())[: self.contract.approvers_needed])

    @property
    def folder(self) -> Path:
        """Where this use case's files go."""
        return self.out / self.name

    def walk(self) -> None:
        """Take all steps; what did not end as expected is written down, and ends it."""
        try:
            self.take_steps()
        except StoppedError:
            raise
        except DemoError as error:
            self.record.unexpected.append(str(error))
        except Exception as error:  # noqa: BLE001 # a fault of the demo itself still has to end up in the summary
            self.record.unexpected.append(f"{type(error).__name__}: {error}")

    def take_steps(self) -> None:
        """Take the steps of a model that is trained here."""
        with self._meanwhile(self.add_approver):
            parts = self.prepare()
        with self._meanwhile(self.enrol):
            self.train(parts)
        if self.decide():
            self.score(parts)
            self.monitor()
        self.gather()

    def add_approver(self) -> None:
        """Add approvers before anybody is asked: from then on questions are mailed to their addresses."""
        with self._step("Add an approver") as step:
            for address, role in self.approvers.items():
                kind = address.partition("@")[0].rpartition("-")[2].capitalize()
                person = f"{self.name.capitalize()} {kind}"
                self.clinrisk.ask(
                    *("approvers", "add", person, "--mail", address, "--role", role, "--use-case", self.name)
                )
            step.detail = ", ".join(self.approvers)

    def enrol(self) -> None:
        """Invite the approvers, who enrol with an app: only who can show its codes may decide."""
        with self._step("Enrol the approver") as step:
            for address in self.approvers:
                self.clinrisk.ask("approvers", "invite", address)
                invitation = self.board.wait(
                    f"The invitation of {address}", STEP_SECONDS, partial(self._invitation, address)
                )
                self.authenticator.keep(address, enrol(invitation))
            step.detail = "an authenticator app shows the codes: twin code"

    def prepare(self) -> CohortParts:
        """Convert or draw the cohort, and cut it."""
        with self._step("Prepare files") as step:
            for old in ("dropped", "results", "receipts"):
                shutil.rmtree(self.folder / old, ignore_errors=True)
            cohort = self.folder / "dropped" / "cohort.csv"
            cohort.parent.mkdir(parents=True, exist_ok=True)
            if self.own_file:
                made = self.clinrisk.ask("convert", self.own_file, "--to", cohort)
                self.record.source = made["original"]
            else:
                rows = str(SYNTHETIC_ROWS.get(self.name, OTHER_ROWS))
                self.clinrisk.ask(
                    "cohort", self.name, "--rows", rows, "--seed", str(self.seed), "--out", cohort
                )
                self.record.source = "synthetic cohort"
            parts = cohort_files.split(cohort, self.contract, cohort.parent, self.seed)
            self._expect(
                parts.training_rows + parts.later_rows == parts.rows, "every row of the file is used once"
            )
            step.detail = f"{parts.rows:,} patients of {self.record.source}: {parts.training_rows:,} train"
            step.detail += f", {parts.later_rows:,} come later"
        return parts

    def train(self, parts: CohortParts) -> None:
        """Drop the training file and follow it until a decision is asked for; meanwhile, two mistakes."""
        self._drop(parts.training, "training", USED)
        with (
            self._meanwhile(lambda: self._make_mistakes(parts)),
            self._step("Train and evaluate", "training") as step,
        ):

            def asks_or_ends() -> Execution | None:
                released, trained = (self.board.of(self.name, name)[:1] for name in ("release", "training"))
                for execution in (*released, *trained):
                    ended_badly = execution["status"] not in {"RUNNING", "SUCCEEDED"}
                    if ended_badly or "Await Approval" in execution["running_states"]:
                        return execution
                return None

            execution = self.board.wait(f"The training of {self.name}", STEP_SECONDS, asks_or_ends)
            if execution["error"] == "CandidateBlocked":
                self.record.verdict = "BLOCKED"
                self.gather()
            if execution["status"] != "RUNNING":
                raise DemoError(
                    f"Nobody was asked about {self.name}: {execution['reason'] or execution['status']}"
                )
            self.record.verdict = step.detail = "APPROVABLE"

    def decide(self) -> bool:
        """Play the approver, or wait for a person; return whether the candidate went live."""
        with self._step("Decide", "release") as step:
            links = {
                address: self.board.wait(
                    f"The approval mail to {address}", STEP_SECONDS, partial(self._approval_link, address)
                )
                for address in self.approvers
            }
            for address, link in links.items():
                if self.plays_approver:
                    approve(link, self.authenticator.code(address))
                    continue
                step.detail = "waits for the approver: open the link above"
                self.board.print_line(
                    f"\n{self.contract.title}: read the evidence and decide here:\n{link}\n"
                    f"The code that it asks for: .envs/twin/bin/twin code {address}\n"
                )
            patience = STEP_SECONDS if self.plays_approver else APPROVER_SECONDS
            self.board.wait(f"The decision about {self.name}", patience, self._release_ended)
            refused = DECIDED_AGAINST.get(self._releases()[0]["error"])
            if refused:
                self.record.decision = step.detail = refused
                return False
            self.board.wait_end(self.name, "release", "", STEP_SECONDS, after=self.asked_before)
            live = self.clinrisk.ask("live", self.name)[self.name]["live"]
            self.record.decision = live["approval"]["status"]
            self.record.live_version = int(live["live_version"])
            step.detail = f"{self.record.decision}: version {self.record.live_version} is live"
        return True

    def score(self, parts: CohortParts) -> None:
        """Drop the later patients and a batch from another population, then the outcomes."""
        with self._meanwhile(self._score_shifted):
            self._await_scores(parts.later, self._drop(parts.later, "inference", USED), parts.later_rows)
        # Where the hospital gave no ids, outcomes name patients by the record ids of the results.
        results = Path() if parts.later_ids else Path(self._fetch()["results"])
        today = datetime.now(UTC).date().isoformat()
        labels = cohort_files.outcomes(parts, results, self.folder / "dropped", today)
        key = self._drop(labels, "outcomes", USED)
        with self._step("Join outcomes", "ingest", key):
            self.board.wait_end(self.name, "ingest", key, STEP_SECONDS)

    def monitor(self) -> None:
        """Run the monitoring and keep what it found; the shifted batch has to raise the drift alert."""
        with self._step("Monitor", "monitoring") as step:
            run = self.clinrisk.ask("monitor", self.name, "--wait")
            self.record.findings = [
                {"check": one["check"], "batch": one["batch"], "verdict": one["verdict"]}
                for one in run["findings"]
            ]
            alerts = sorted({one["check"] for one in run["findings"] if one["verdict"] == "ALERT"})
            step.detail = f"alerts: {', '.join(alerts)}" if alerts else "no alert"
            drifted = [
                one for one in self.record.findings if one["check"] == "drift" and "shifted" in one["batch"]
            ]
            if self.contract.shift:
                self._expect(
                    any(one["verdict"] == "ALERT" for one in drifted),
                    "the shifted batch raises the drift alert",
                )

    def gather(self) -> None:
        """Download the evidence; what was scored has to be what was published."""
        with self._step("Bring the evidence home"):
            self.record.artefacts = self._fetch()
            results = [self.record.artefacts[name] for name in RESULTS if name in self.record.artefacts]
            published = sum(cohort_files.rows_in(Path(one)) for one in results)
            self._expect(
                published == self.record.scored_rows, "every scored patient is in the published results"
            )
            self.record.evaluation = json.loads(
                Path(self.record.artefacts["evaluation"]).read_text(encoding="utf-8")
            )
            self.collect_evidence()

    def collect_evidence(self) -> None:
        """Put what the live version rests on into one file, which is checked without the twin."""
        if self.record.live_version is not None:
            bundle = self.folder / "evidence.zip"
            self.clinrisk.ask("evidence", self.name, str(self.record.live_version), "--out", bundle)
            self.record.artefacts["evidence"] = str(bundle)

    def _make_mistakes(self, parts: CohortParts) -> None:
        renamed = next(name for name in self.contract.header if name != self.contract.id_column)
        unexpected = cohort_files.with_wrong_header(parts.training, self.folder / "dropped", renamed)
        self._drop(unexpected, "training", ("REJECTED",), title="Drop a wrong header")
        self._drop(parts.training, "training", ("DUPLICATE",), title="Drop the same file again")

    def _await_scores(self, batch: Path, key: str, rows: int, *, held: int = 0) -> None:
        used = next(int(one["rows_accepted"]) for one in self.record.uploads if one["key"] == key)
        with self._step(f"Score {batch.stem}", "scoring", key) as step:
            self.board.wait_end(self.name, "scoring", key, STEP_SECONDS, after=held)
            self.record.scored_rows += used
            step.detail = f"{used:,} of {rows:,} patients scored"

    def _score_shifted(self) -> None:
        if self.contract.shift is None:
            return
        shifted = self.folder / "dropped" / "shifted.csv"
        drawn = ("--rows", str(SHIFTED_ROWS), "--seed", str(self.seed + 1), "--purpose", "inference")
        self.clinrisk.ask("cohort", self.name, *drawn, "--shift", self.contract.shift, "--out", shifted)
        key = self._drop(shifted, "inference", (*USED, "HELD"))
        held = self._let_through(key, "The demonstration: this hospital does other examinations.")
        self._await_scores(shifted, key, SHIFTED_ROWS, held=held)

    def _let_through(self, key: str, reason: str) -> int:
        """Let a batch through that is held, as it came or by its columns; return its scorings before."""

        def judged() -> list[Execution] | None:
            runs = self.board.of(self.name, "scoring", key)
            return runs if runs and runs[-1]["status"] != "RUNNING" else None

        with self._step(f"Judge {Path(key).stem}", "scoring", key) as step:
            as_it_came = any(one["disposition"] == "HELD" for one in self.record.uploads if one["key"] == key)
            runs = [] if as_it_came else self.board.wait(f"The verdict on {key}", STEP_SECONDS, judged)
            step.detail = "not held"
            if as_it_came or runs[-1]["error"] == "BatchHeld":
                batches = self.clinrisk.ask("batches", self.name)
                (batch,) = (one for one in batches if one["file"] == key.partition("/")[2])
                self.clinrisk.ask("let-through", batch["upload_id"], "--reason", reason)
                step.detail = "HELD, then let through"
                return len(runs)
        return 0

    def _drop(self, file: Path, purpose: str, wanted: tuple[str, ...], *, title: str | None = None) -> str:
        """Drop a file, wait for its receipt, keep it, and give the key."""
        key = f"inbox/{self.name}/{purpose}/{file.name}"
        with self._step(title or f"Drop {file.name} as {purpose}", "ingest", key) as step:
            more = ("--wait", "--unchecked", *(() if self.own_file else ("--synthetic",)))
            receipt = self.clinrisk.ask("drop", file, "--as", f"{self.name}/{purpose}", *more)
            counts = {name: receipt.get(name, 0) for name in ("rows_accepted", "rows_quarantined")}
            self.record.uploads.append(
                {"key": receipt["key"], "disposition": receipt["disposition"], **counts}
            )
            step.detail = f"{receipt['disposition']}: {counts['rows_accepted']:,} rows used"
            if counts["rows_quarantined"]:
                step.detail += f", {counts['rows_quarantined']:,} set aside"
            if wanted == ("REJECTED",):
                self.record.rejected_after = float(receipt["seconds"])
                step.detail = f"REJECTED after {self.record.rejected_after:.1f} s"
            if receipt["disposition"] not in wanted:
                why = " ".join(receipt.get("explanation", []))
                raise DemoError(f"{file.name} was {receipt['disposition']}, not {' or '.join(wanted)}. {why}")
        return key

    def _approval_link(self, address: str) -> str | None:
        return link_in(self.mails(address), str(self._releases()[0]["name"]))

    def _invitation(self, address: str) -> str | None:
        return invitation_in(self.mails(address))

    def _release_ended(self) -> bool | None:
        executions = self._releases()[:1]
        return True if executions and executions[0]["status"] != "RUNNING" else None

    def _releases(self) -> list[Execution]:
        return self.board.of(self.name, "release")[self.asked_before :]

    def _fetch(self) -> dict[str, str]:
        fetched = self.clinrisk.ask("fetch", self.name, "--out", self.out)
        single = {name: one for name, one in fetched.items() if isinstance(one, str)}
        published = {Path(one).name.partition(".")[0]: one for one in fetched.get("results", [])}
        batches = zip(RESULTS, ("later", "shifted"), strict=True)
        results = {name: published[stem] for name, stem in batches if stem in published}
        return single | results | {"receipts": str(self.folder / "receipts")}

    def _step(self, title: str, machine: str = "", key: str = "") -> Any:
        return self.board.step(self.name, title, machine=machine, key=key)

    def _expect(self, held: bool, what: str) -> None:  # noqa: FBT001 # reads as a sentence at every call
        if not held:
            raise DemoError(f"Expected that {what}.")

    @contextmanager
    def _meanwhile(self, work: Callable[[], None]) -> Iterator[None]:
        """Do other work while the block runs; its failure is raised at the end of the block."""
        failures: list[DemoError] = []

        def guarded() -> None:
            try:
                work()
            except DemoError as error:
                failures.append(error)

        thread = threading.Thread(target=guarded, name=f"{self.name}-meanwhile", daemon=True)
        thread.start()
        yield
        thread.join()
        for failure in failures:
            raise failure
