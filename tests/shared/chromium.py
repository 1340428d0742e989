"""Debian's chromium without a window, for tests that look at pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BINARIES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium(width: int = 1400, height: int = 850) -> Iterator[Any]:
    """A browser; the test is skipped with the reason where there is none."""
    driver = shutil.which("chromedriver")
    binary = next(filter(None, map(shutil.which, BINARIES)), None)
    if driver is None or binary is None:
        pytest.skip("no browser here: apt-get install chromium chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium here: pip install selenium")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    flags = ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "force-device-scale-factor=1")
    for flag in (*flags, f"window-size={width},{height}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    started.set_script_timeout(120)
    try:
        yield started
    finally:
        started.quit()


def complaints(browser: Any) -> list[str]:
    """What the page has said on its console since it was asked last."""
    return [entry["message"] for entry in browser.get_log("browser")]


def opened(browser: Any, page: Path, address: str = "") -> None:
    """Load a page from the disk and wait for its first picture."""
    browser.get("about:blank")
    browser.get(page.resolve().as_uri() + address)
    until(browser, "return document.documentElement && document.documentElement.dataset.ready")


def until(browser: Any, script: str) -> Any:
    """Wait until a script gives something true; as long as a slow machine may need."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 90, poll_frequency=0.05).until(lambda each: each.execute_script(script))
