"""Pictures of the page for docs/images/: each tab on a desktop, and one on a phone.

    python -m benchmarks.app_images                       # flags are those of app.py

It needs Chromium with its driver, and selenium. A picture is reduced to 256 colours.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time

from benchmarks.app_load import running_page
from benchmarks.docs_images import IMAGES
from tests.helpers.browser import chromium, set_size
from utils.common.files import write_atomically

TABS = ("squad", "memnet", "tracing", "vectors", "ranking")
HEIGHTS = {"squad": 700, "memnet": 760, "tracing": 1060, "vectors": 900, "ranking": 860}
"""Pixels of each picture."""
PHONE = (390, 1180)
PHONE_TAB = "tracing"
MAX_SECONDS = 120
COLOURS = 256


def main() -> None:
    with running_page(sys.argv[1:]) as address, tempfile.TemporaryDirectory() as profile, chromium(profile) as driver:
        driver.get(address)
        for tab in TABS:
            open_tab(driver, tab)
            take_picture(driver, tab, 1200, HEIGHTS[tab], f"app_{tab}.png")
        take_picture(driver, PHONE_TAB, *PHONE, "app_phone.png", scale=2)


def open_tab(driver, tab: str) -> None:
    """Open a tab and wait until it shows the result of its example."""
    end = time.monotonic() + MAX_SECONDS
    while not driver.find_elements("css selector", f"#{tab}-result table"):
        for button in driver.find_elements("css selector", f"#tab-{tab}-button"):
            button.click()
        if time.monotonic() > end:
            sys.exit(f"{tab}: no result; can its model be loaded?")
        time.sleep(0.2)


def take_picture(driver, tab: str, width: int, height: int, name: str, scale: int = 1) -> None:
    """Write a picture of a tab.

    Args:
        driver: the browser, at the page.
        tab: which tab.
        width: of the page, in pixels.
        height: of the picture.
        name: of the file.
        scale: pixels of the picture for each of the page.
    """
    from PIL import Image

    set_size(driver, width, height, scale)
    time.sleep(0.5)
    driver.find_element("css selector", f"#tab-{tab}-button").click()
    time.sleep(1)
    image = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    buffer = io.BytesIO()
    image.quantize(COLOURS).save(buffer, "PNG", optimize=True)
    write_atomically(IMAGES / name, buffer.getvalue())
    print(f"{IMAGES / name}: {len(buffer.getvalue()) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
