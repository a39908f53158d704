"""How Sphinx makes the site of the pages that GitHub shows: `make docs`.

The source folder is the top of the repository, so that links between pages are the same in both
places. What they link to and is no page (a schema, a folder of tests) is on GitHub.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pygments.lexers.special import TextLexer

from remigrate import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

CONTENTS = {
    "Use it": ("README", "docs/rules", "docs/monorepos"),
    "Reset": ("docs/reset", "docs/real-resets"),
    "Databases": ("docs/stories", "docs/sync", "docs/backup", "docs/recreate"),
    "The bot": ("docs/bot", "docs/bot-says"),
    "About": ("CHANGELOG", "SECURITY", "CONTRIBUTING"),
}
"""The table of contents. A page that is in none of its parts fails the build."""
TITLES = {"README": "Remigrate at a glance"}
TOP = Path(__file__).resolve().parent.parent
GITHUB = "https://github.com/remigrate/remigrate"

project = author = "Remigrate"
release = __version__
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/*.md"]
exclude_patterns = [".*", "benchmarks", "build", "src", "tests"]  # not even looked through
myst_heading_anchors = 4

html_theme = "furo"
html_title = "Remigrate"
html_extra_path = ["site"]
html_copy_source = html_show_copyright = False
html_theme_options = {
    "source_repository": GITHUB,
    "source_branch": "main",
    "source_directory": "",
    "top_of_page_buttons": ["view"],
}
linkcheck_ignore = [re.escape(GITHUB) + "/(blob|tree)/main/"]  # a test looks at the files
linkcheck_timeout = 30
linkcheck_anchors_ignore_for_url = [r"https://github\.com/"]  # made by a script in the browser
linkcheck_exclude_documents = ["docs/bot-says"]  # of a GitHub that is not there

_LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)([^)\s]*)\)")


def _prepared(app: Sphinx, page: str, source: list[str]) -> None:
    """The text of a page with links to what is on GitHub alone, and the contents on the first."""
    folder = (TOP / page).parent

    def target(link: re.Match[str]) -> str:
        place = (folder / link[1]).resolve()
        if place.suffix in (".md", ".svg") or not place.exists():  # Sphinx tells of the latter
            return link[0]
        kind = "tree" if place.is_dir() else "blob"
        return f"]({GITHUB}/{kind}/main/{place.relative_to(TOP)}{link[2]})"

    source[0] = _LINK.sub(target, source[0])
    if page == root_doc:
        source[0] += "".join(map(_part, CONTENTS))


def _part(caption: str) -> str:
    rows = [
        f"{TITLES[page]} </{page}>" if page in TITLES else f"/{page}" for page in CONTENTS[caption]
    ]
    return "\n".join(["", "```{toctree}", ":hidden:", f":caption: {caption}", "", *rows, "```", ""])


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.add_lexer("mermaid", TextLexer)  # the source of a picture, for who wants to see it
    app.connect("source-read", _prepared)
