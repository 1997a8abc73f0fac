"""One installation for all of a module: its console, its workers, and a story that they have worked off."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from config import embedded
from tests.browser.story import PASSWORD, USER
from tests.conftest import ROOT, Store
from tests.faces.test_up import Up, until

CHROMIUM = shutil.which("chromium")
TELL = """
import sys
from pathlib import Path
from config.serving import migrate
migrate()
from tests.browser.story import tell
tell(Path(sys.argv[1]))
"""
UNDER_WAY = """
SELECT (SELECT count(*) FROM handoffs_handoff WHERE status IN ('pending', 'queued'))
     + (SELECT count(*) FROM ingestion_ingestrun WHERE status IN ('pending', 'running', 'retry_wait'))
"""
PATIENCE_S = 120
ANSWER_MS = 10_000


@dataclass(frozen=True)
class Console:
    url: str
    state_dir: Path


@pytest.fixture(scope="module")
def console(make_store: Callable[[], Store], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    store, folder = make_store(), tmp_path_factory.mktemp("told")
    subprocess.run([sys.executable, "-c", TELL, str(folder)], cwd=ROOT, env=store.environment, check=True, timeout=120)
    up = Up(store, folder / "up.log", "--no-flower")
    try:
        until(lambda: up.says("ready after"))
        with psycopg.connect(embedded.addresses(store.state_dir).database_url, autocommit=True) as database:
            until(lambda: database.execute(UNDER_WAY).fetchone() == (0,), PATIENCE_S)
        yield Console(f"http://127.0.0.1:{up.web}", store.state_dir)
    finally:
        up.end()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        expect.set_options(timeout=ANSWER_MS)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def logged_in(console: Console, browser: Browser) -> BrowserContext:
    """The windows of somebody who has come in already."""
    context = new_context(browser, console)
    log_in(context.new_page())
    return context


@pytest.fixture
def page(logged_in: BrowserContext) -> Iterator[Page]:
    page = logged_in.new_page()
    with nothing_breaks(page):
        yield page
    page.close()


@pytest.fixture
def stranger(console: Console, browser: Browser) -> Iterator[Page]:
    context = new_context(browser, console)
    page = context.new_page()
    with nothing_breaks(page):
        yield page
    context.close()


def new_context(browser: Browser, console: Console) -> BrowserContext:
    context = browser.new_context(base_url=console.url)
    context.set_default_timeout(ANSWER_MS)
    return context


@contextmanager
def nothing_breaks(page: Page) -> Iterator[None]:
    """See that nothing was refused by the page's policy, missing, or broken, by the end of the block."""
    said: list[str] = []
    page.on(
        "console", lambda told: said.append(f"{page.url}: {told.text}") if told.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda problem: said.append(f"{page.url}: {problem}"))
    page.on("response", lambda answer: said.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    yield
    assert said == []


def log_in(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Username").fill(USER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("region", name="Verdict").wait_for()
