"""The report in a real browser: it sorts, filters and draws, offline, on any screen."""

import os
import shutil

import pytest

from evaluation.boards.leaderboard import board
from evaluation.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and "UNFOLD_REQUIRE_BROWSER" not in os.environ, reason="no chromium on PATH"
)


@pytest.fixture(scope="module")
def rows(records):
    def fate(r):
        if r.method == "delta":
            killed = {"status": "timeout", "metrics": {}, "reason": "Killed after 60 s."}
            return {"method_path": "delta.py:Delta"} | (killed if r.seed == 1 else {})
        # A floor calls itself a control, but it is ranked like any method.
        return {"gamma": {"method": HOSTILE}, "beta": {"family": "control"}}.get(r.method, {})

    return [r.model_copy(update=fate(r)) for r in records()]


HOSTILE = "</script><img src=x onerror=alert(1)>" + "very-long-" * 20


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def address(rows, tmp_path_factory):
    return write_report(tmp_path_factory.mktemp("page"), rows)["report.html"].as_uri()


@pytest.fixture
def opened(browser, address):
    """Open the page in a context; fail on any console message, error, dialog or request."""
    contexts, trouble = [], []

    def open_page(**options):
        context = browser.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("dialog", lambda dialog: trouble.append(dialog.message))
        page.on("request", lambda r: r.url == address or trouble.append(r.url))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not [t for t in trouble if not t.startswith("data:,")]


def _names(page):
    return page.eval_on_selector_all(
        "#board-table tbody tr", "rows => rows.map(r => r.dataset.method)"
    )


def _skills(page):
    return [float(t) for t in page.locator("#board-table tbody .value").all_text_contents()]


def test_the_first_view_is_the_board_that_python_ranked(opened, rows):
    page = opened()
    expected = board(rows).tracks["blind"].table
    methods = expected[expected["rank"].notna()]
    assert _names(page) == methods["method"].tolist()
    assert _skills(page) == pytest.approx(methods["skill"].tolist(), abs=6e-4)
    assert page.inner_text("h1").startswith("alpha leads on 8 problems")
    assert page.locator("#board-table tfoot tr").count() == 2


def test_headers_sort_by_mouse_and_keyboard(opened):
    page = opened()
    best_first = _names(page)
    header = page.locator("th", has=page.locator("[data-sort=skill]")).first
    page.click("[data-sort=skill]")
    assert header.get_attribute("aria-sort") == "descending" and _names(page) == best_first
    page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    assert _names(page) == best_first[::-1]
    page.click("[data-sort=method]")
    assert _names(page) == sorted(best_first)


def test_filters_recompute_the_board(opened, rows):
    page = opened()
    page.select_option("#problem-family", "planted")
    kept = [r for r in rows if r.problem.startswith("planted")]
    expected = board(kept).tracks["blind"].table
    methods = expected[expected["rank"].notna()]
    assert _names(page) == methods["method"].tolist()
    assert _skills(page) == pytest.approx(methods["skill"].tolist(), abs=6e-4)
    assert "3 of 8 problems" in page.inner_text("#scope")
    page.click("#reset")
    assert page.inner_text("#scope") == ""
    page.select_option("#family", label="moments")
    assert 0 < len(_names(page)) < 4
    page.click("#reset")
    page.click("#problems summary")
    page.locator("#problems input").first.uncheck()
    assert "7 of 8 problems" in page.inner_text("#scope")


def test_intervals_in_the_browser_agree_with_python(opened, rows):
    page = opened()
    page.select_option("#problem-family", "relu")
    expected = board([r for r in rows if r.problem.startswith("relu")]).tracks["blind"].table
    found = page.locator("#board-table tbody td.skill .range").all_text_contents()
    for text, low, high in zip(found, expected["skill_low"], expected["skill_high"], strict=False):
        assert [float(t) for t in text.split("–")] == pytest.approx([low, high], abs=0.02)


def test_who_beats_whom_counts_problems_and_halves_ties(opened, rows):
    page = opened()
    means = board(rows).tracks["blind"].by_problem
    table = page.locator("#wins tbody tr")
    assert table.count() == len(means)
    for i, one in enumerate(means.index):
        shown = table.nth(i).locator("td").all_text_contents()
        for text, other in zip(shown, means.index, strict=True):
            gap = means.loc[one] - means.loc[other]
            wins = 100 * ((gap > 0.01 + 1e-9) + 0.5 * (abs(gap) <= 0.01 + 1e-9)).mean()
            assert text == "·" if one == other else float(text) == pytest.approx(wins, abs=0.51)


def test_tracks_and_metrics_can_be_changed(opened, rows):
    page = opened()
    page.check("input[name=track] >> nth=1", force=True)
    assert page.locator(".verdict:visible").get_attribute("data-track") == "informed"
    page.select_option("#metric", "code_r2")
    expected = board(rows, "code_r2").tracks["informed"].table
    assert _skills(page) == pytest.approx(
        expected.loc[expected["rank"].notna(), "skill"].tolist(), abs=6e-4
    )


def test_all_plots_are_drawn(opened):
    page = opened()
    for name in ("curve", "time", "memory", "sparsity", "difference"):
        assert page.locator(f"#{name}-plot svg").count() == 1, name
    assert page.locator("#curve-plot path.line").count() == 4
    assert page.locator("#time-plot .dot").count() == 4
    assert page.locator("#heat tbody td").count() == 4 * 8
    assert page.locator("#heat .failed").count() == 8
    for axis in ("load", "noise", "d"):
        page.select_option("#axis", axis)
        assert page.locator("#curve-plot path.line").count() == 4
    assert "NaN" not in page.inner_html("main") and "undefined" not in page.inner_html("main")


def test_legend_chips_pick_methods_by_keyboard(opened):
    page = opened()
    chip = page.locator("#legend .chip").first
    chip.focus()
    assert chip.get_attribute("aria-pressed") == "true"
    page.keyboard.press("Space")
    assert page.locator("#legend .chip").first.get_attribute("aria-pressed") == "false"
    assert page.locator("#curve-plot path.line.faint").count() == 1
    assert page.locator("#curve-plot path.band").count() == 0  # three bands would be a fog
    page.locator("#legend .chip").nth(1).click()
    assert page.locator("#curve-plot path.band").count() == 2


def test_a_view_has_an_address_of_its_own(opened, address):
    page = opened()
    page.select_option("#problem-family", "planted")
    page.select_option("#metric", "f1@0.99")
    page.click("[data-sort=method]")
    seen, where = (_names(page), _skills(page)), page.url
    assert where.startswith(address + "#") and "planted" in where
    again = opened()
    again.evaluate(f"location.hash = {where.split('#')[1]!r}")
    again.reload()
    assert (_names(again), _skills(again)) == seen
    assert again.input_value("#metric") == "f1@0.99"
    again.click("#reset")
    assert "planted" not in again.url


def test_the_sentence_is_about_what_is_shown(opened):
    page = opened()
    whole = page.inner_text("h1")
    page.select_option("#problem-family", "planted")
    assert "3 problems shown" in page.inner_text("h1") and whole not in page.inner_text("h1")
    page.click("#reset")
    assert page.inner_text("h1") == whole


def test_heads_and_dots_explain_themselves(opened):
    page = opened()
    for name, word in (("skill", "random dictionary"), ("f1@0.99", "cosine 0.99")):
        page.hover(f'[data-sort="{name}"]')
        assert word in page.inner_text("#tip")
    page.locator("#time-plot .dot").first.hover()
    assert "median fit time" in page.inner_text("#tip")


def test_labels_of_a_plot_do_not_lie_on_one_another(opened):
    page = opened(viewport={"width": 1280, "height": 800})
    boxes = [n.bounding_box() for n in page.locator("#memory-plot .front-label").all()]
    for i, one in enumerate(boxes):
        for other in boxes[:i]:
            apart = abs(one["y"] - other["y"]) >= 11
            beside = one["x"] > other["x"] + other["width"] or other["x"] > one["x"] + one["width"]
            assert apart or beside


def test_ones_own_method_is_marked_and_phones_are_told_of_more_columns(opened):
    page = opened(viewport={"width": 390, "height": 800})
    assert page.locator("#board-table .own").count() == 1
    assert page.locator("#legend .chip", has_text="delta").locator(".dot.c0").count() == 1
    assert page.locator(".swipe").is_visible()


def test_failures_open_and_show_why(opened):
    page = opened()
    first = page.locator("details.failure").first
    first.locator("summary").click()
    assert "Killed after 60 s." in first.inner_text() and "unfold run" in first.inner_text()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_scrolls_sideways_and_text_stays_readable(opened, width, scheme):
    page = opened(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ink, paper = (
        page.evaluate(f"getComputedStyle(document.body).{p}") for p in ("color", "backgroundColor")
    )
    brightness = [sum(map(int, c[4:-1].split(","))) for c in (ink, paper)]
    assert (brightness[0] < brightness[1]) == (scheme == "light")
    assert abs(brightness[0] - brightness[1]) > 400


def test_every_control_is_named_and_reached_by_keyboard(opened):
    page = opened()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, select, input, summary, [tabindex="0"]')]
        .filter(n => !(n.textContent.trim() || n.labels?.length || n.getAttribute('aria-label')
                       || n.getAttribute('aria-labelledby'))).map(n => n.outerHTML)"""
    )
    assert nameless == []
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the board"


def test_without_scripts_the_board_can_still_be_read(opened):
    page = opened(java_script_enabled=False)
    assert "alpha" in page.inner_text("noscript table >> nth=0")
