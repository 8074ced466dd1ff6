"""Approvers in a real browser: one enrols, one approves, one says no, one is locked after wrong codes."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from pyotp import TOTP

from tests.browser.conftest import CHROMIUM, NO_CHROMIUM, WIDTHS, barriers, beyond_the_edge
from tests.e2e.conftest import CLINRISK, PATIENCE, TWIN, free_port, twin_environment

pytestmark = [pytest.mark.browser, pytest.mark.twin, pytest.mark.timeout(1800)]
if CHROMIUM is None:
    pytest.skip(NO_CHROMIUM, allow_module_level=True)


EVE = "eve@example.org"
USE_CASES = ("heart", "readmission", "stroke")


@dataclass(frozen=True)
class Waiting:
    """A demo that waits for its approvers, and the links that it mailed them."""

    process: subprocess.Popen[str]
    out: Path
    links: dict[str, str]
    environment: dict[str, str]

    def code(self, use_case: str) -> str:
        """Return what the phone of a use case's approver shows."""
        shown = self.ask(TWIN, "code", f"{use_case}-approver@example.org")
        return shown.split()[0]

    def ask(self, *command: str | Path) -> str:
        done = subprocess.run(
            [str(one) for one in command], env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def newest_link(self, address: str, kind: str) -> str:
        mails = json.loads(self.ask(TWIN, "mail", address, "--json"))
        words = (word for mail in reversed(mails) for word in mail["body"].split())
        return str(next(word for word in words if kind in word))


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waiting]:
    out = tmp_path_factory.mktemp("demo")
    environment = twin_environment(out / "twin")
    command = [str(TWIN), "demo", "--out", str(out), "--port", str(free_port())]
    with (out / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, text=True)
    try:
        yield Waiting(process, out, _mailed_links(process, environment, out / "log"), environment)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


def _mailed_links(process: subprocess.Popen[str], environment: dict[str, str], log: Path) -> dict[str, str]:
    deadline = time.monotonic() + PATIENCE
    links: dict[str, str] = {}
    while len(links) < len(USE_CASES):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        mail = [str(TWIN), "mail", "--json"]
        letters = subprocess.run(mail, env=environment, capture_output=True, text=True, check=False)
        for letter in json.loads(letters.stdout or "[]") if letters.returncode == 0 else []:
            if "/approvals/" not in letter["body"]:
                continue
            use_case = next(name for name in USE_CASES if name in letter["subject"].lower())
            links[use_case] = next(word for word in letter["body"].split() if "/approvals/" in word)
        time.sleep(0.5)
    return links


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("use_case", USE_CASES)
def test_the_question_never_scrolls_sideways(waiting: Waiting, page: Page, use_case: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(waiting.links[use_case])
    assert beyond_the_edge(page) == []
    assert barriers(page) == []


def test_the_console_shows_the_twin_while_it_waits_for_its_approvers(waiting: Waiting, page: Page) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    printed = re.search(r"Watch it in a browser: (\S+)", (waiting.out / "log").read_text())
    assert printed is not None
    page.goto(printed[1])
    expect(page.locator("#waits")).to_contain_text("heart, candidate 1")
    expect(page.locator("#runs")).to_contain_text("waits for a person")
    page.locator("#runs").get_by_role("link", name="release").first.click()
    expect(page.locator(".state.now title").first).to_have_text("Await Approval")
    assert barriers(page) == []
    page.get_by_role("link", name="Mailbox", exact=True).click()
    for link in waiting.links.values():
        expect(page.locator(f'a[href="{link}"]')).to_have_count(1)
    page.get_by_role("link", name="Dashboards").click()
    expect(page.get_by_role("heading", name="Patients scored")).to_be_visible()
    expect(page.get_by_text("are watched")).to_be_visible()
    assert complaints == []


def test_an_approver_reads_the_evidence_and_approves(waiting: Waiting, page: Page) -> None:
    page.goto(waiting.links["heart"])
    shown = page.inner_text("body")
    assert "AUC" in shown
    assert "%" in shown or "0." in shown
    assert page.evaluate("() => performance.getEntriesByType('resource').map(entry => entry.name)") == []
    code = waiting.code("heart")
    _decide(page, "approve", version="99", reason="The evidence is convincing enough for me.", code=code)
    expect(page.locator("body")).to_contain_text("version", ignore_case=True)
    page.goto(waiting.links["heart"])
    _decide(page, "approve", version="1", reason="Discrimination is as expected.", code="000000")
    expect(page.get_by_role("alert")).to_contain_text("This code is not right")
    assert barriers(page) == []
    _decide(page, "approve", version="1", reason="Discrimination is as expected.", code=waiting.code("heart"))
    expect(page.locator("body")).to_contain_text("approved", ignore_case=True)
    expect(page.locator("body")).to_contain_text("Heart Approver (clinical) decided on")
    page.goto(waiting.links["heart"])
    assert page.locator("form").count() == 0
    assert barriers(page) == []


@pytest.mark.parametrize("title", ["The full report", "The model card"])
def test_the_papers_are_read_behind_the_same_link(waiting: Waiting, page: Page, title: str) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(waiting.links["stroke"])
    page.get_by_role("link", name=title).click()
    expect(page.locator("h1")).to_contain_text("stroke", ignore_case=True)
    assert complaints == []


@pytest.fixture(scope="module")
def invited(waiting: Waiting) -> str:
    """A second person for stroke, who was added and invited."""
    person = ("Eve Moore", "--mail", EVE, "--role", "technical", "--use-case", "stroke")
    waiting.ask(CLINRISK, "approvers", "add", *person, "--twin")
    waiting.ask(CLINRISK, "approvers", "invite", EVE, "--twin")
    return waiting.newest_link(EVE, "/approvers/")


def test_the_invitation_and_its_code_to_scan_keep_nobody_out(invited: str, page: Page) -> None:
    page.goto(invited)
    assert barriers(page) == []
    page.get_by_role("button", name="Show the code to scan").click()
    expect(page.locator(".qr svg")).to_have_count(1)
    assert barriers(page) == []


def test_somebody_enrols_with_a_phone_on_any_width_and_without_script(
    invited: str, browser: Browser, tmp_path: Path
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(invited)
    expect(page.locator("svg")).to_have_count(0)
    page.get_by_role("button", name="Show the code to scan").click()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        picture = page.locator(".qr svg").bounding_box()
        assert picture is not None
        assert picture["width"] == pytest.approx(picture["height"], abs=1)
        assert 200 < picture["width"] < width
        page.screenshot(path=tmp_path / f"enrol-{width}.png", full_page=True)
    key = page.locator("code").inner_text().replace(" ", "")
    page.fill("[name=code]", "000000")
    page.get_by_role("button", name="Enrol").click()
    expect(page.get_by_role("alert")).to_contain_text("You have 4 more tries")
    page.fill("[name=code]", TOTP(key).now())
    page.get_by_role("button", name="Enrol").click()
    expect(page.locator("h1")).to_have_text("You are enrolled")
    page.goto(invited)
    expect(page.locator("h1")).to_have_text("You are enrolled")
    assert page.locator("form").count() == 0
    # The browser notes the status of the page that refused a code; nothing else may be refused.
    assert [one for one in complaints if "422" not in one] == []
    context.close()


def test_five_wrong_codes_lock_the_page_for_one_and_not_for_the_other(
    waiting: Waiting, invited: str, page: Page
) -> None:
    assert invited
    waiting.ask(CLINRISK, "approvers", "resend", "stroke", "--twin")
    page.goto(waiting.newest_link(EVE, "/approvals/"))
    expect(page.locator("body")).to_contain_text("opened by Eve Moore (technical)")
    for left in ("4 more tries", "3 more tries", "2 more tries", "1 more try", "is taken until"):
        _decide(page, "reject", version="1", reason="I try to guess the code of it.", code="000000")
        expect(page.get_by_role("alert")).to_contain_text(left)
    page.goto(waiting.links["stroke"])
    expect(page.locator("form")).to_have_count(1)
    listed = json.loads(waiting.ask(CLINRISK, "approvers", "list", "--json", "--twin"))["approvers"]
    assert {one["name"]: one["state"] for one in listed}["Eve Moore"] == "LOCKED"


def test_an_approver_who_says_no_keeps_the_candidate_out(waiting: Waiting, page: Page) -> None:
    page.goto(waiting.links["stroke"])
    reason = "The age floor is as good; this adds nothing for us."
    _decide(page, "reject", version="1", reason=reason, code=waiting.code("stroke"))
    expect(page.locator("body")).to_contain_text("rejected", ignore_case=True)


def test_an_approver_accepts_the_reference_of_a_score_that_is_not_ours(waiting: Waiting, page: Page) -> None:
    page.goto(waiting.links["readmission"])
    reason = "The cohort is ours, and the score did as its vendor says."
    _decide(page, "approve", version="1", reason=reason, code=waiting.code("readmission"))
    expect(page.locator("body")).to_contain_text("approved", ignore_case=True)


def test_a_forged_link_shows_no_evidence(waiting: Waiting, page: Page) -> None:
    forged = waiting.links["heart"].replace("mac=", "mac=0")
    answer = page.goto(forged)
    assert answer is not None
    assert answer.status in {400, 403, 404}
    assert page.locator("form").count() == 0
    assert barriers(page) == []


def test_the_demo_ends_with_what_the_approvers_decided(waiting: Waiting) -> None:
    waiting.process.wait(timeout=PATIENCE)
    told: dict[str, Any] = json.loads((waiting.out / "demo.json").read_text())["use_cases"]
    assert (told["heart"]["decision"], told["heart"]["live_version"]) == ("APPROVED", 1)
    assert (told["stroke"]["decision"], told["stroke"]["live_version"]) == ("REJECTED", None)
    assert (told["readmission"]["decision"], told["readmission"]["live_version"]) == ("APPROVED", 1)


def _decide(page: Page, decision: str, *, version: str, reason: str, code: str) -> None:
    page.fill("[name=code]", code)
    page.fill("[name=version]", version)
    page.fill("[name=reason]", reason)
    page.check(f"input[name=decision][value={decision}]")
    if decision == "approve":
        # Whoever approves accepts by name each group for which harm could go unseen.
        for box in page.locator("input[type=checkbox]").all():
            box.check()
    page.click("button[type=submit]")
