"""The page of the reproduction on any screen, in light and in dark."""

import base64
import os
import shutil

import pytest

from evaluation.reproduce import page
from evaluation.reproduce.catalogue import EXPERIMENTS
from evaluation.reproduce.experiment import check

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and "UNFOLD_REQUIRE_BROWSER" not in os.environ, reason="no chromium on PATH"
)
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder, kept = tmp_path_factory.mktemp("page"), []
    for one in EXPERIMENTS[:3]:
        (folder / f"{one.id}.png").write_bytes(DOT)
        (folder / f"{one.id}.json").write_text('{"full": false}')
        fact = check(f"{one.id}/a", "A fact", published="1 " * 40, ours="2", holds=False, why="w")
        kept.append((one, [fact]))
    page.write_page(kept, folder)
    return (folder / "reproduction.html").as_uri()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_every_screen_and_follows_the_scheme(browser, address, scheme):
    shown = browser.new_page(color_scheme=scheme)
    shown.goto(address)
    for width in (320, 390, 768, 1280):
        shown.set_viewport_size({"width": width, "height": 800})
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
    ink, paper = (
        sum(map(int, shown.evaluate(f"getComputedStyle(document.body).{name}")[4:-1].split(",")))
        for name in ("color", "backgroundColor")
    )
    assert (ink < paper) == (scheme == "light") and abs(ink - paper) > 400
    shown.close()
