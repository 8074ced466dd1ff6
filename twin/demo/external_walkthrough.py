"""The demo of a model that is not ours: predictions and outcomes, a reference, and a month that differs."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from twin.demo.clinrisk_process import DemoError
from twin.demo.progress_board import Execution
from twin.demo.walkthrough import STEP_SECONDS, USED, Walkthrough

ROWS = 2500
ACCEPTED_DAYS, LATER_DAYS = 100, 40
"""So many days ago the predictions were made that are accepted as the reference, and the later ones."""


@dataclass
class ExternalWalkthrough(Walkthrough):
    """One such use case's way through the system."""

    def take_steps(self) -> None:
        """Take the steps of a model whose predictions are sent to us."""
        self.record.source = "synthetic predictions and outcomes"
        self.add_approver()
        with self._meanwhile(self.enrol):
            self.send("first", ACCEPTED_DAYS, self.seed)
            self.ask_about("The patients of the first month")
        if self.decide():
            shift = ("--shift", self.contract.shift) if self.contract.shift else ()
            self.send("later", LATER_DAYS, self.seed + 1, *shift)
            self.monitor()
            if self.plays_approver:
                self.accept_too_much()
        self.gather()

    def ask_about(self, cohort: str) -> None:
        """Evaluate what is known by now as a reference, until an approver is asked."""
        with self._step("Evaluate a reference", "release") as step:
            step.detail = self.clinrisk.ask("reference", self.name, "--cohort", cohort)["run_id"]
            asked = self.board.wait(f"The reference of {self.name}", STEP_SECONDS, self._asks_or_ends)
        if asked["status"] != "RUNNING":
            raise DemoError(f"Nobody was asked about {self.name}: {asked['reason']}")
        self.record.verdict = "ASKED"

    def accept_too_much(self) -> None:
        """Accept the bad month as a reference by mistake, and go back: versions only grow."""
        self.asked_before += 1
        self.ask_about("All months, the one with the alert included")
        if self.decide():
            with self._step("Roll back") as step:
                reason = "The month with the alert must not be what later months are held against."
                self.clinrisk.ask("rollback", self.name, "--to", "1", "--reason", reason)
                live = self.clinrisk.ask("live", self.name)[self.name]["live"]
                self._expect(live["live_version"] == 3, "what version 1 was is live again as version 3")
                self.record.live_version = 3
                step.detail = "version 1 is live again as version 3; an approver is asked to countersign"

    def _asks_or_ends(self) -> Execution | None:
        for execution in self._releases():
            if execution["status"] != "RUNNING" or "Await Approval" in execution["running_states"]:
                return execution
        return None

    def send(self, name: str, days: int, seed: int, *more: str) -> None:
        """Drop what the score gave so many days ago, and then what became of these patients."""
        day = (datetime.now(UTC) - timedelta(days=days)).date().isoformat()
        for purpose in ("predictions", "outcomes"):
            file = self.folder / "dropped" / f"{name}-{purpose}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            drawn = ("--rows", str(ROWS), "--seed", str(seed), "--on", day, "--purpose", purpose, *more)
            self.clinrisk.ask("cohort", self.name, *drawn, "--out", file)
            key = self._drop(file, purpose, USED)
            with self._step(f"Join {purpose}", "ingest", key):
                self.board.wait_end(self.name, "ingest", key, STEP_SECONDS)
        self.record.scored_rows += ROWS

    def monitor(self) -> None:
        """Run the monitoring and keep what it found: the group for which the score broke has to be named."""
        with self._step("Monitor", "monitoring") as step:
            run = self.clinrisk.ask("monitor", self.name, "--wait")
            kept = ("check", "batch", "verdict")
            self.record.findings = [{name: one[name] for name in kept} for one in run["findings"]]
            alerts = {one["check"] for one in run["findings"] if one["verdict"] == "ALERT"}
            step.detail = f"alerts: {', '.join(sorted(alerts))}" if alerts else "no alert"
            if self.contract.shift:
                self._expect("bias" in alerts, "the group for which the score broke raises the bias alert")

    def gather(self) -> None:
        """Download the evidence."""
        with self._step("Bring the evidence home"):
            self.record.artefacts = self._fetch()
            self.collect_evidence()
