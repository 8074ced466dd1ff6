"""Two approvers in a real browser: one reads the evidence and approves, one says no."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import CHROMIUM, NO_CHROMIUM, WIDTHS, beyond_the_edge
from tests.e2e.conftest import PATIENCE, TWIN, free_port, twin_environment

pytestmark = [pytest.mark.browser, pytest.mark.twin, pytest.mark.timeout(1800)]
if CHROMIUM is None:
    pytest.skip(NO_CHROMIUM, allow_module_level=True)


@dataclass(frozen=True)
class Waiting:
    """A demo that waits for its approvers, and the links that it mailed them."""

    process: subprocess.Popen[str]
    out: Path
    links: dict[str, str]


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waiting]:
    out = tmp_path_factory.mktemp("demo")
    environment = twin_environment(out / "twin")
    command = [str(TWIN), "demo", "--out", str(out), "--port", str(free_port())]
    with (out / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, text=True)
    try:
        yield Waiting(process, out, _mailed_links(process, environment, out / "log"))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


def _mailed_links(process: subprocess.Popen[str], environment: dict[str, str], log: Path) -> dict[str, str]:
    deadline = time.monotonic() + PATIENCE
    links: dict[str, str] = {}
    while len(links) < 2:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        mail = [str(TWIN), "mail", "approver@example.org", "--json"]
        letters = subprocess.run(mail, env=environment, capture_output=True, text=True, check=False)
        for letter in json.loads(letters.stdout or "[]") if letters.returncode == 0 else []:
            use_case = next(name for name in ("heart", "stroke") if name in letter["subject"].lower())
            links[use_case] = next(word for word in letter["body"].split() if "/approvals/" in word)
        time.sleep(0.5)
    return links


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("use_case", ["heart", "stroke"])
def test_the_question_never_scrolls_sideways(waiting: Waiting, page: Page, use_case: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(waiting.links[use_case])
    assert beyond_the_edge(page) == []


def test_an_approver_reads_the_evidence_and_approves(waiting: Waiting, page: Page) -> None:
    page.goto(waiting.links["heart"])
    shown = page.inner_text("body")
    assert "AUC" in shown
    assert "%" in shown or "0." in shown
    assert page.evaluate("() => performance.getEntriesByType('resource').map(entry => entry.name)") == []
    _decide(page, "approve", version="99", reason="The evidence is convincing enough for me.")
    expect(page.locator("body")).to_contain_text("version", ignore_case=True)
    page.goto(waiting.links["heart"])
    _decide(page, "approve", version="1", reason="Discrimination and calibration are as expected.")
    expect(page.locator("body")).to_contain_text("approved", ignore_case=True)
    page.goto(waiting.links["heart"])
    assert page.locator("form").count() == 0


@pytest.mark.parametrize("title", ["The full report", "The model card"])
def test_the_papers_are_read_behind_the_same_link(waiting: Waiting, page: Page, title: str) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(waiting.links["stroke"])
    page.get_by_role("link", name=title).click()
    expect(page.locator("h1")).to_contain_text("stroke", ignore_case=True)
    assert complaints == []


def test_an_approver_who_says_no_keeps_the_candidate_out(waiting: Waiting, page: Page) -> None:
    page.goto(waiting.links["stroke"])
    _decide(page, "reject", version="1", reason="The age floor is as good; this adds nothing for us.")
    expect(page.locator("body")).to_contain_text("rejected", ignore_case=True)


def test_a_forged_link_shows_no_evidence(waiting: Waiting, page: Page) -> None:
    forged = waiting.links["heart"].replace("mac=", "mac=0")
    answer = page.goto(forged)
    assert answer is not None
    assert answer.status in {400, 403, 404}
    assert page.locator("form").count() == 0


def test_the_demo_ends_with_what_the_approvers_decided(waiting: Waiting) -> None:
    waiting.process.wait(timeout=PATIENCE)
    told: dict[str, Any] = json.loads((waiting.out / "demo.json").read_text())["use_cases"]
    assert (told["heart"]["decision"], told["heart"]["live_version"]) == ("APPROVED", 1)
    assert (told["stroke"]["decision"], told["stroke"]["live_version"]) == ("REJECTED", None)


def _decide(page: Page, decision: str, *, version: str, reason: str) -> None:
    page.fill("[name=version]", version)
    page.fill("[name=reason]", reason)
    page.check(f"input[name=decision][value={decision}]")
    if decision == "approve":
        # Whoever approves accepts by name each group for which harm could go unseen.
        for box in page.locator("input[type=checkbox]").all():
            box.check()
    page.click("button[type=submit]")
