"""The site in a real browser: offline, on any screen, by keyboard, with and without JavaScript."""

import os
import shutil

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and "UNFOLD_REQUIRE_BROWSER" not in os.environ, reason="no chromium on PATH"
)

BOARD = "boards/leaderboard-v2/index.html"
PAGES = (
    "index.html",
    BOARD,
    "methods/index.html",
    "methods/recover.html",
    "problems/index.html",
    "problems/relu-20in5-p0.05-v1.html",
    "metrics/index.html",
    "metrics/f1@0.9.html",
    "submit.html",
    "changes.html",
)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def opened(browser, site):
    """Open a page in a context; fail on any message, error, dialog, or request of another file."""
    contexts, trouble = [], []

    def open_page(path, **options):
        context = browser.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("dialog", lambda dialog: trouble.append(dialog.message))
        page.on("request", lambda r: r.is_navigation_request() or trouble.append(r.url))
        page.goto((site / path.partition("#")[0]).as_uri() + "".join(path.partition("#")[1:]))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not [t for t in trouble if not t.startswith("data:,")]


def _methods(page):
    names = page.locator("table[data-sort=blind] tbody tr:visible th .name")
    return [name.strip() for name in names.all_text_contents()]


@pytest.mark.parametrize("path", PAGES)
def test_no_page_is_wider_than_a_phone_or_needs_javascript(opened, path):
    for scheme in ("light", "dark"):
        page = opened(
            path,
            viewport={"width": 360, "height": 700},
            java_script_enabled=False,
            color_scheme=scheme,
        )
        assert page.locator("h1").bounding_box()["width"] <= 360
        assert page.locator("body").bounding_box()["width"] <= 360
        assert page.locator("main").inner_text().strip()
    page = opened(path, viewport={"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_dark_mode_is_dark_and_readable(opened):
    def luminance(page, what):
        colour = page.evaluate(f"getComputedStyle(document.body).{what}")
        parts = [int(c) / 255 for c in colour[4:-1].split(",")]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    for scheme in ("light", "dark"):
        page = opened("index.html", color_scheme=scheme)
        ink, paper = luminance(page, "color"), luminance(page, "backgroundColor")
        assert (ink > paper) == (scheme == "dark")
        assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) >= 7  # WCAG AAA


def test_a_filter_is_a_link(opened):
    page = opened(BOARD)
    everyone = _methods(page)
    page.locator("input.filter").first.fill("recover")
    assert _methods(page)[0] == "recover" and len(_methods(page)) < len(everyone)
    again = opened(BOARD + "#" + page.url.partition("#")[2])
    assert _methods(again) == _methods(page)
    page.locator("input.filter").first.fill("")
    assert _methods(page) == everyone and "#" not in page.url


def test_columns_sort_by_keyboard_and_the_order_is_a_link(opened):
    page = opened(BOARD)
    best_first = _methods(page)
    page.locator("table[data-sort=blind] thead button", has_text="skill").focus()
    page.keyboard.press("Enter")
    assert _methods(page) == best_first
    page.keyboard.press("Enter")
    assert _methods(page) == best_first[::-1]
    again = opened(BOARD + "#" + page.url.partition("#")[2])
    assert _methods(again) == best_first[::-1]
    head = again.locator("table[data-sort=blind] thead th", has_text="skill")
    assert head.get_attribute("aria-sort") == "ascending"


def test_the_keyboard_reaches_the_content_and_walks_the_site(opened):
    page = opened("index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.url.endswith("#content")
    page.locator("a", has_text="leaderboard-v2").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/boards/leaderboard-v2/index.html")
    page.locator("table a", has_text="recover").first.click()
    page.wait_for_url("**/methods/recover.html")
    page.locator("nav a", has_text="Problems").click()
    page.wait_for_url("**/problems/index.html")


def test_the_interactive_board_opens_from_the_site(opened):
    page = opened(BOARD)
    page.locator("a", has_text="Explore").click()
    page.wait_for_url("**/report.html")
    assert page.locator("#board-table tbody tr").count() == 4
