"""The body of a pull request about a reset: readable, harmless, and never too long."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from remigrate.outcome import AppReset, Check, HandWritten, Refused, Reset
from remigrate.report import reset_markdown
from tests.report.reset import DIFFERS, NOTHING, PROVED, named

if TYPE_CHECKING:
    from markdown_it.token import Token

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OUR_HTML = re.compile(r"<br>|</details>|<details><summary>[A-Za-z0-9, :-]+</summary>")
OUR_INLINE = ("text", "code_inline", "html_inline", "softbreak", "strong_open", "strong_close")
PLAIN_WORD = re.compile(
    r"[(\"'“‘]*([A-Za-z]+([-'’][A-Za-z]+)*|\d{1,6}|\d{1,3}(,\d{3})+|\d+(\.\d+)+|[—–…→]|[❌⚠️✅]+)?"
    r"[.,;:!?)\"'”’…]*|\[!WARNING\]"
)
ANY = st.text() | st.text(st.sampled_from("`@#<>|\\*_~[]()!&:/.-+ \n\r\x1b\u202e\udcffab1"))


def blocks(text: str) -> list[Token]:
    return READER.parse(text)


def tables(text: str) -> list[list[list[str]]]:
    """Each table as rows of plain text."""
    found: list[list[list[str]]] = []
    tokens = blocks(text)
    for token, content in pairwise(tokens):
        if token.type == "table_open":
            found.append([])
        if token.type == "tr_open":
            found[-1].append([])
        if token.type in ("td_open", "th_open"):
            found[-1][-1].append("".join(part.content for part in content.children or []))
    return found


def test_the_page_begins_with_what_became_of_it() -> None:
    assert reset_markdown.render(PROVED).startswith(
        "### ✅ 35 migrations of 2 apps became 4\n\n"
        "Strategy `squash` on base `123456789012`, proved by 3 checks.\n\n"
    )
    assert reset_markdown.render(NOTHING) == "### ⚠️ Nothing to shorten\n\nStrategy `squash`.\n\n"


def test_a_table_shows_each_app_before_and_after() -> None:
    assert tables(reset_markdown.render(PROVED))[0] == [
        ["App", "Before", "After", "How"],
        ["shop", "23", "2", "compact+tail"],
        ["orders", "12", "2", "compact"],
    ]


def test_apps_that_would_not_get_shorter_are_named() -> None:
    text = reset_markdown.render(DIFFERS)
    assert "<summary>Nothing to shorten in 2 apps</summary>\n\n- `blog`\n- `polls`\n" in text
    assert "Nothing to shorten" not in reset_markdown.render(PROVED)


def test_many_apps_are_folded_away() -> None:
    many = tuple(AppReset(f"app{i}", 10, 1, "compact") for i in range(16))
    text = reset_markdown.render(PROVED._replace(apps=many))
    fold = "<summary>16 apps, 160 migrations before and 16 after</summary>"
    assert fold in text
    assert fold not in reset_markdown.render(PROVED._replace(apps=many[:15]))


def test_the_proof_is_a_checklist() -> None:
    [_, proof, *_] = tables(reset_markdown.render(DIFFERS))
    assert proof[1:] == [
        ["✅", "graph", "", "0.4", "Django loads the new files, no conflict and no circle"],
        ["✅", "fresh-schema", "sqlite 3.40.1", "22.1", "an empty database gets the same schema"],
        ["✅", "lagging", "sqlite 3.40.1", "125.0", "stopped at shop.0024_stock"],
        ["❌", "fresh-data", "postgresql 15.18", "3.0", "differs: 2 differences"],
        ["⚠️", "upgrade", "mysql", "", "skipped: no server is on this machine"],
        ["❌", "drift", "", "1.0", "failed: the models import shop.gone"],
    ]


def test_differences_and_what_was_put_aside_are_listed() -> None:
    text = reset_markdown.render(DIFFERS)
    assert "<details><summary>2 differences of fresh-data</summary>" in text
    assert "- `shop_order: the row of invoice 7 is missing`\n" in text
    assert "<summary>1 thing put aside</summary>" in text
    assert "`shop_order.created` is never the same\n" in text


def test_warnings_and_refusals_have_their_place() -> None:
    text = reset_markdown.render(DIFFERS)
    assert "> [!WARNING]\n> - `shop/models.py` has changes that are not committed.\n" in text
    assert [
        "payments",
        "its models import payments.migrations.0003_receipt",
    ] in tables(text)[-1]


def test_hand_written_operations_and_files_are_folded_away() -> None:
    text = reset_markdown.render(DIFFERS)
    for title, item in (
        ("1 hand-written operation carried over", "`shop.0003_seed` `RunPython(seed)`"),
        (
            "2 hand-written operations left out for doing nothing on an empty database",
            "`orders.0004_sums` `RunSQL`",
        ),
        ("3 files: 1 to add, 1 to change and 1 to delete", "delete `shop/migrations/0001"),
    ):
        folded = text.partition(f"<details><summary>{title}</summary>")[2].partition("</details>")
        assert item in folded[0]


def test_commands_for_others_can_be_copied() -> None:
    text = reset_markdown.render(PROVED)
    fences = [block.content for block in blocks(text) if block.type == "fence"]
    assert fences == [
        "remigrate reset --strategy rebase --base BRANCH\n",
        "python manage.py migrate shop 0022_price\n",
    ]
    assert "- **Deployers**: Every database must have been deployed with commit" in text


def test_a_dry_run_shows_the_diff_and_a_long_one_is_cut() -> None:
    dry = PROVED._replace(written=False, dry_run=True, diff=DIFFERS.diff)
    assert [b.content for b in blocks(reset_markdown.render(dry)) if b.info == "diff"] == [
        DIFFERS.diff
    ]
    assert "```diff" not in reset_markdown.render(DIFFERS)
    [cut] = [
        b.content
        for b in blocks(reset_markdown.render(dry._replace(diff="+line\n" * 10_000)))
        if b.info == "diff"
    ]
    assert len(cut) <= reset_markdown.LONGEST_DIFF + 3
    assert cut.endswith("+line\n…\n")


def check_harmless(text: str) -> None:
    """Outside of code there are plain words and the HTML that we write, nothing else."""
    text.encode("utf-8")
    for block in blocks(text):
        if block.type == "html_block":
            assert OUR_HTML.fullmatch(block.content.strip()), block.content
        for token in block.children or []:
            assert token.type in OUR_INLINE, token
            if token.type == "html_inline":
                assert token.content == "<br>"
            if token.type == "text":
                for word in token.content.split():
                    assert PLAIN_WORD.fullmatch(word), word


@given(ANY.filter(str.strip), ANY.filter(str.strip))
@example("</details>@octocat #123", "<!-- remigrate -->")
@example("a|b\\|c`|", "```\n</details>\n\n# owned")
@example("\n\n| x | y |", "[x](https://evil.example)")
@example("- [ ] x", "1. x")
@example("\ud800", "www.evil.example")
def test_no_name_changes_the_page(path: str, name: str) -> None:
    text = reset_markdown.render(named(path, name))
    check_harmless(text)
    assert [[len(row) for row in table] for table in tables(text)] == [
        [4, 4],
        [5, 5],
        [4, 4],
        [2, 2],
    ]
    usual = [block.type for block in blocks(reset_markdown.render(named("shop", "shop")))]
    assert [block.type for block in blocks(text)] == usual


def long(number: int) -> Reset:
    difference = "a.b " * 200
    return DIFFERS._replace(
        dry_run=True,
        apps=DIFFERS.apps * number,
        files=DIFFERS.files * number,
        proof=(
            *DIFFERS.proof,
            Check("fresh-schema", "x", "differs", "", 1.0, (difference,) * number, ("y.",) * 3),
        ),
        warnings=("W." * 700,) * number,
        refused=(Refused("shop", "x." * 700),) * number,
        carried=(HandWritten("shop", "0003", "z" * 500),) * number,
        diff="+x\n" * number,
    )


@settings(deadline=None, max_examples=50)
@given(st.integers(2_000, 70_000), st.integers(0, 100))
def test_a_page_stays_below_its_limit_and_whole(limit: int, number: int) -> None:
    text = reset_markdown.render(long(number), limit)
    assert len(text) <= limit
    check_harmless(text)
    assert text.count("<details>") == text.count("</details>")


@pytest.mark.parametrize("number", [0, 1])
def test_a_page_that_fits_leaves_nothing_out(number: int) -> None:
    assert "Left out" not in reset_markdown.render(long(number))


def test_what_finds_no_room_is_counted_and_the_proof_is_kept() -> None:
    text = reset_markdown.render(PROVED._replace(warnings=("Mind. " * 100,) * 20), 5_000)
    shown = text.count("> - Mind.")
    assert 0 < shown < 20
    assert f"\nLeft out to stay below 5,000 characters: {20 - shown} warnings" in text
    assert text.endswith("Run `remigrate reset --dry-run` to see everything.\n")
    assert "#### Proof" in text
    assert "#### What to do elsewhere" in text
