"""Makes the pictures of every state for docs/approval: `python -m tests.browser.screenshots [FOLDER [STATE ...]]`."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

from PIL import Image
from playwright.sync_api import Error, Page, sync_playwright

from tests.browser.live import launch, live_scene
from tests.browser.states import STATES, reached

SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
COLOURS = 200
DARK = {"review", "instagram", "findings", "month", "round-2-changes", "send", "stages", "begun-elsewhere", "list"}


def main(folder: Path, names: Collection[str] = ()) -> None:
    """Open every state, or those named, at both sizes; keep what one sees first, or what matters."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, live_scene(Path(home)) as scene, sync_playwright() as playwright:
        browser = launch(playwright)
        for size, (width, height) in SIZES.items():
            for scheme in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
                )
                page = context.new_page()
                for state in STATES:
                    if (not names or state.name in names) and (scheme == "light" or state.name in DARK):
                        reached(page, scene, state, f"{size} {scheme}")
                        suffix = "" if scheme == "light" else "-dark"
                        keep(page, folder / f"{state.name}{suffix}-{width}.png", state.look)
                context.close()
        browser.close()


def keep(page: Page, path: Path, look: str = "") -> None:
    """Save a picture from the place `look` on."""
    if look:
        page.evaluate("place => document.querySelector(place).scrollIntoView({behavior: 'instant'})", look)
    save(page, path)


def save(page: Page, path: Path) -> None:
    """Save what one sees of a page, with few colours: a tenth of the size, and nobody sees it."""
    picture = Image.open(io.BytesIO(_taken(page))).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path, f"{path.stat().st_size // 1024} kB")


def _taken(page: Page) -> bytes:
    for _ in range(4):
        try:
            return page.screenshot()
        except Error:
            page.wait_for_timeout(500)  # a busy machine: Chromium had no frame to give
    return page.screenshot()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/approval"), sys.argv[2:])
