"""A Chromium without a window, driven through selenium."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)


def browser_path() -> str | None:
    """Where a Chromium is installed; None where there is none, or no chromedriver."""
    paths = filter(None, map(shutil.which, BROWSERS))
    return next(paths, None) if shutil.which("chromedriver") else None


@contextlib.contextmanager
def chromium(profile, width: int = 1280, height: int = 900) -> Iterator:
    """A browser, a `selenium` driver.

    Args:
        profile: an empty folder for the browser's files.
        width: of the window, in pixels.
        height: of the window, in pixels.
    """
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = browser_path()
    for flag in (*FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        set_size(driver, width, height)
        yield driver
    finally:
        driver.quit()


def set_size(driver, width: int, height: int, scale: int = 1) -> None:
    """Give the page a size in pixels, which may be narrower than a window can be; `scale` is that of its pictures."""
    size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
