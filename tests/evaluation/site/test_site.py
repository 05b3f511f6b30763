"""The site without a browser: whole, linked, small, and what the records say."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from evaluation.boards.leaderboard import board
from evaluation.publishing.files import file_name, pack, read_published
from evaluation.site import pictures, write_site
from evaluation.site.names import slug
from evaluation.site.standings import changes, standings
from unfold import list_methods

MOST_BYTES_HOME = 200_000


class _Page(HTMLParser):
    """Collects links, what is loaded, and text outside of scripts and styles."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: list[str] = []
        self.heads = 0
        self.text, self._silent = "", 0
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "a":
            self.links.append(found["href"])
        elif "src" in found or (tag == "link" and found.get("href") != "data:,"):
            self.loaded.append(tag)
        if "id" in found:
            self.ids.append(found["id"])
        self.heads += tag == "h1"
        self._silent += tag in ("script", "style")

    def handle_endtag(self, tag):
        self._silent -= tag in ("script", "style")

    def handle_data(self, data):
        if not self._silent:
            self.text += data


def _own(site: Path) -> list[Path]:
    return [p for p in sorted(site.rglob("*.html")) if p.name != "report.html"]


def test_every_link_leads_to_a_file_and_no_page_loads_anything(site: Path) -> None:
    for path in _own(site):
        page = _Page(path)
        assert not page.loaded, path
        assert page.heads == 1 and len(set(page.ids)) == len(page.ids), path
        for link in page.links:
            where, _, anchor = link.partition("#")
            target = (path.parent / where).resolve() if where else path
            assert target.is_file(), (path, link)
            if anchor:
                assert anchor in _Page(target).ids, (path, link)
        assert "://" not in path.read_text().replace("http://www.w3.org", ""), path


def test_home_is_small_and_there_is_a_page_for_everything(site: Path, published: Path) -> None:
    assert (site / "index.html").stat().st_size < MOST_BYTES_HOME
    found = read_published(published)
    methods = {r.method for rs in found.values() for r in rs if not r.method.startswith("control")}
    problems = {r.problem for rs in found.values() for r in rs}
    for name in methods | set(list_methods()):
        assert (site / "methods" / f"{slug(name)}.html").is_file()
    for name in problems:
        assert (site / "problems" / f"{slug(name)}.html").is_file()


def test_numbers_are_readable_without_javascript(site: Path, published: Path) -> None:
    table = board(read_published(published)["leaderboard-v2"]).tracks["blind"].table
    text = _Page(site / "boards" / "leaderboard-v2" / "index.html").text
    for row in table[table["rank"].notna()].to_dict("records"):
        assert f"{row['skill']:.3f}" in text and row["method"] in text
    lead = table.iloc[0]
    assert f"Mean skill {lead['skill']:.2f}" in _Page(site / "methods" / "recover.html").text


def test_a_method_s_page_says_where_it_wins_and_fails(site: Path, published: Path) -> None:
    means = board(read_published(published)["leaderboard-v2"]).tracks["blind"].by_problem
    text = _Page(site / "methods" / "pca.html").text
    best, worst = means.loc["pca"].idxmax(), means.loc["pca"].idxmin()
    wins, fails = text.index("Where it wins"), text.index("Where it fails")
    assert wins < text.index(best) < fails < text.index(worst, fails)


def test_nothing_foreign_becomes_markup(site: Path) -> None:
    for path in _own(site):
        assert "<img" not in path.read_text(), path


def test_the_same_records_give_the_same_pages(site: Path, published: Path, tmp_path: Path) -> None:
    write_site(published, tmp_path, draw=False)
    for path in _own(site):
        assert path.read_bytes() == (tmp_path / path.relative_to(site)).read_bytes()


def test_slugs_differ_where_names_do() -> None:
    names = ["a/v1", "a-v1", "a v1", "a/../v1", "é", "e", "x" * 99, "x" * 98, "", "..", "a[b=1]"]
    slugs = [slug(name) for name in names]
    assert len(set(map(str.lower, slugs))) >= len(names) - 1  # a/v1 and a-v1 share one
    assert all(re.fullmatch(r"[A-Za-z0-9._@-]*", s) and ".." not in s for s in slugs)


def test_the_changelog_names_who_led_when(records) -> None:
    days = {
        "alpha": "2026-01-03",
        "beta": "2026-01-01",
        "gamma": "2026-01-02",
        "delta": "2026-01-02",
    }
    made = [
        r.model_copy(update={"started_at": f"{days.get(r.method, '2026-01-01')}T00:00:00Z"})
        for r in records(tracks=("blind",))
    ]
    found = changes(standings({"elsewhere-v1": made}))
    assert [c.date for c in found] == ["2026-01-03", "2026-01-02", "2026-01-01"]
    assert [c.leader for c in found][::2] == ["alpha", "beta"]
    assert found[1].added == ("delta", "gamma")
    skill = board(made).tracks["blind"].by_problem.mean(axis=1)
    assert found[0].skill == pytest.approx(skill["alpha"])
    assert found[0].before == found[1].leader and found[0].skill_before == found[1].skill


def test_directions_in_a_plane_are_drawn_as_they_are() -> None:
    angles = np.linspace(0, 2 * np.pi, 6)[:5]
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    samples = np.repeat(directions, 20, axis=0) * np.tile(np.linspace(0.1, 1, 20), 5)[:, None]
    drawn = pictures.geometry(directions, samples, "<b>")
    tips = re.findall(r'tip-dot" cx="([-.\d]+)" cy="([-.\d]+)"', drawn)
    points = np.array(tips, dtype=float) / pictures.RADIUS
    assert np.linalg.norm(points, axis=1) == pytest.approx(np.ones(5), abs=1e-2)
    assert points @ points.T == pytest.approx(directions @ directions.T, abs=2e-2)
    assert "<b>" not in drawn


def test_the_histogram_of_cosines_counts_pairs() -> None:
    drawn = pictures.gram(np.eye(6), "six orthogonal directions")
    heights = np.array(re.findall(r'height="([-.\d]+)"/>', drawn), dtype=float)
    assert (heights > 0).sum() == 1 and heights.max() == 170


def test_where_nothing_can_be_ranked_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No published records"):
        write_site(tmp_path, tmp_path / "out")


def test_a_method_that_failed_everywhere_has_a_page_and_no_numbers(records, tmp_path: Path) -> None:
    def fate(r):
        failed = {"status": "error", "metrics": {}, "reason": "RuntimeError: boom"}
        return r.model_copy(update=failed) if r.method == "beta" else r

    folder = tmp_path / "boards" / "leaderboard-v2"
    folder.mkdir(parents=True)
    made = [fate(r) for r in records()]
    for name in {file_name(r.method) for r in made}:
        own = [r for r in made if file_name(r.method) == name]
        (folder / name).write_bytes(pack(own))
    pages = write_site(tmp_path / "boards", tmp_path / "site", draw=False)
    text = "\n".join(page.read_text("utf-8") for page in pages if page.suffix == ".html")
    assert "RuntimeError: boom" in text
    assert "nan" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL).lower().split()
