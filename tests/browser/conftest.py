"""One browser for all tests, what is wider than its window, and what keeps somebody out (axe-core)."""

import shutil
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NO_CHROMIUM = "no Chromium on this machine (Debian: apt-get install chromium)"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTHS = (375, 500, 1280)
# A table may scroll inside a box of its own; the page may not.
_BEYOND = """() => {
  const edge = document.documentElement.clientWidth + 0.5;
  if (document.documentElement.scrollWidth <= edge) return [];
  return [...document.querySelectorAll("body *")]
    .filter(element => element.getBoundingClientRect().right > edge && !element.closest(".scroll"))
    .map(element => `${element.tagName}.${element.getAttribute("class")}`);
}"""


def beyond_the_edge(page: Page) -> list[str]:
    """Name the elements for which the page would have to be scrolled sideways."""
    found: list[str] = page.evaluate(_BEYOND)
    return found


def barriers(page: Page) -> list[str]:
    """Name the rules of accessibility that a page breaks, with the elements that break them."""
    broken = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {[node['target'] for node in rule['nodes']]}" for rule in broken]


@pytest.fixture(scope="module")  # its event loop must end before other tests start theirs
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page()
    yield opened
    opened.close()
