"""The site of the documentation: it builds, each of its links leads somewhere, and it is found by
what people see on their screen."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from remigrate import arguments


class Page(HTMLParser):
    """The links and anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.anchors.add(named.get("id") or "")
        self.links += filter(None, (named.get("href"), named.get("src")))


def built(source: Path, place: Path) -> subprocess.CompletedProcess[str]:
    """As `make docs` does it."""
    words = ("--quiet", "--nitpicky", "--fail-on-warning", "--keep-going", "--conf-dir=docs")
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *words, source, place],
        cwd=source, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("site")
    done = built(root, place)
    assert (done.returncode, done.stderr) == (0, "")
    return place


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html")}


def test_every_page_is_there(root: Path, site: Path) -> None:
    for page in (*root.glob("*.md"), *root.glob("docs/*.md")):
        assert (site / page.relative_to(root)).with_suffix(".html").is_file(), page


def test_every_link_within_the_site_leads_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    followed = 0
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file(), (path, link)
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].anchors, (path, link)
            followed += 1
    assert followed > 500


def test_what_is_no_page_is_linked_to_where_it_is(root: Path, pages: dict[Path, Page]) -> None:
    found = {link for page in pages.values() for link in page.links}
    ours = [re.match(r"https://github\.com/remigrate/remigrate/(blob|tree)/main/([^#?]*)", link)
            for link in found]  # fmt: skip
    named = {match[2] for match in ours if match}
    assert {"tests/graph", "src/remigrate/schemas/check-v1.json", "LICENSE"} <= named
    assert all((root / name).exists() for name in named)


@pytest.mark.parametrize("word", ["inconsistentmigrationhistori", "wagtail", "sandbox"])
def test_words_are_found(site: Path, word: str) -> None:
    assert word in (site / "searchindex.js").read_text()


def test_the_top_leads_to_the_first_page(site: Path) -> None:
    assert 'url=docs/index.html"' in (site / "index.html").read_text()


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("docs/one.md", "# One\n\n[nowhere](two.md)\n", "two.md"),
        ("docs/one.md", "# One\n\n[no heading](index.md#not-there)\n", "not-there"),
        ("docs/one.md", "# One\n", "isn't included in any toctree"),
    ],
    ids=["a link", "an anchor", "a page that nobody finds"],
)
def test_a_page_with_something_wrong_fails_the_build(
    root: Path, tmp_path: Path, name: str, text: str, says: str
) -> None:
    (tmp_path / "docs/site").mkdir(parents=True)
    conf = (root / "docs/conf.py").read_text()
    (tmp_path / "docs/conf.py").write_text(re.sub(r'    "\w[\w ]+": \(.*\),\n', "", conf))
    (tmp_path / "docs/index.md").write_text("# First\n")
    assert built(tmp_path, tmp_path / "build/good").returncode == 0
    (tmp_path / name).write_text(text)
    done = built(tmp_path, tmp_path / "build/bad")
    assert done.returncode == 1
    assert says in done.stderr


def test_what_the_first_page_says_to_type_is_a_command(root: Path) -> None:
    text = (root / "docs/index.md").read_text()
    typed = [shlex.split(words) for words in re.findall(r"`remigrate ([^`]+)`", text)]
    assert len(typed) > 8
    for words in typed:
        arguments.parser().parse_args(words)
