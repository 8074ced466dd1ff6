"""Every page of the console in a real browser: both widths, both themes, by itself when something happens."""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import boto3
import moto
import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from cli.console.site import ConsoleSite
from cli.console.web_app import create_app
from cli.stack import open_stack
from clinrisk.aws import clients, settings
from tests.browser.conftest import CHROMIUM, NO_CHROMIUM, barriers, beyond_the_edge
from tests.unit.cli.conftest import REGION, Deployment
from tests.unit.cli.console import conftest as filled
from tests.unit.cli.console.test_pages import release
from tests.unit.cli.test_audit import WITHDRAWN
from tests.unit.cli.test_audit import write as write_ledger
from tests.unit.cli.test_monitoring import KNOWN

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
if CHROMIUM is None:
    pytest.skip(NO_CHROMIUM, allow_module_level=True)

UPLOAD = f"/uploads/{filled.USED}"
RUN = "/executions/training/run-1?state=End"
PAGES = (
    *("/", "/inbox", UPLOAD, f"/uploads/{filled.HELD}", "/batches", "/models", "/models/heart"),
    *("/executions", RUN, "/findings?all=1", "/dashboards", "/ledger", "/mailbox"),
)


@dataclass(frozen=True)
class Served:
    """A console over a stack on moto, which it takes for a twin."""

    address: str
    deployment: Deployment


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("twin")
    with pytest.MonkeyPatch.context() as environment, moto.mock_aws():
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "CLINRISK_STACK"):
            environment.delenv(name, raising=False)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            environment.setenv(name, "testing")
        environment.setenv("AWS_DEFAULT_REGION", REGION)
        environment.setenv("AWS_REGION", REGION)
        environment.setattr(boto3, "DEFAULT_SESSION", None)
        environment.setattr(clients, "functions", cache(filled.Reconciler))
        deployment = Deployment()
        filled.write_batches(deployment)
        filled.write_mail(
            folder, "Please decide", "The page: http://127.0.0.1:4566/_aws/a?b=1\n" + "word " * 300
        )
        release(deployment)
        deployment.item("FindingsTable", pk="USE_CASE#heart", sk="FINDING#heart-drift", **KNOWN)
        write_ledger(deployment, WITHDRAWN)
        filled.write_dashboards()
        site = ConsoleSite(open_stack(None, on_twin=False), filled.SECRET, folder)
        run = filled.write_execution(deployment)
        site.known[run.arn] = run
        app = create_app(site)
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Served(f"http://127.0.0.1:{server.port}", deployment)
        server.shutdown()
        thread.join()
        server.server_close()
    clients.connect()
    settings.use(os.environ)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_every_page_keeps_nobody_out_and_fits(
    served: Served, browser: Browser, width: int, theme: Literal["light", "dark"]
) -> None:
    with browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme) as context:
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{served.address}/?key={filled.SECRET}")
        for path in PAGES:
            page.goto(served.address + path)
            expect(page.locator("h1")).to_have_count(1)
            assert (path, barriers(page)) == (path, [])
            assert (path, beyond_the_edge(page)) == (path, [])
        assert complaints == []


def test_a_receipt_appears_by_itself_and_files_are_dropped_without_leaving(
    served: Served, page: Page, tmp_path: Path
) -> None:
    page.goto(f"{served.address}/?key={filled.SECRET}")
    page.goto(f"{served.address}/inbox")
    filled.settle(served.deployment, "c" * 20, "just-now.csv", "PARTIAL", "2026-03-03T09:00:00Z")
    expect(page.get_by_role("link", name="heart/inference/just-now.csv")).to_be_visible()
    refused = tmp_path / "no-patients.csv"
    refused.write_text("a;b\n1;2\n")
    page.get_by_label("Files", exact=True).set_input_files(refused)
    page.get_by_role("button", name="Check only").click()
    expect(page.locator("#dropped")).to_contain_text("would be REJECTED")
    page.get_by_role("button", name="Drop").click()
    expect(page.locator("#dropped")).to_contain_text("so nothing was uploaded")
    assert page.url == f"{served.address}/inbox"


def test_what_somebody_reads_is_not_closed_by_a_renewal(served: Served, page: Page) -> None:
    page.goto(f"{served.address}/?key={filled.SECRET}")
    page.goto(f"{served.address}/batches")
    page.get_by_text("1 caution").click()
    filled.settle(served.deployment, "d" * 20, "another.csv", "HELD", "2026-03-04T09:00:00Z")
    expect(page.get_by_role("link", name="heart/inference/another.csv")).to_be_visible()
    expect(page.get_by_text("chol is missing in 9% of the rows.")).to_be_visible()


def test_no_script_is_needed_to_read(served: Served, browser: Browser) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{served.address}/?key={filled.SECRET}")
        for path in PAGES:
            answer: Any = page.goto(served.address + path)
            assert answer.status == 200
        expect(page.locator("h1")).to_have_text("Mailbox")
