"""What a hostile pull request writes into names must be seen, and must do nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from remigrate.report import escape

if TYPE_CHECKING:
    from markdown_it.token import Token

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
MARKUP = "`@#<>|\\*_~[]()!&:/.-+=$\"'{}^%,; \n\r\t\x1b\u202e\u200b\udcff"
ANY = st.text() | st.text(st.sampled_from(MARKUP + "ab1é"))
PLAIN_WORD = re.compile(
    r"[(\"'“‘]*([A-Za-z]+([-'’][A-Za-z]+)*|\d{1,6}|\d+(\.\d+)+|[—–…→])?[.,;:!?)\"'”’…]*"
)
ATTACKS = [
    "@octocat",
    "@org/team",
    "#123",
    "org/repo#1",
    "GH-123",
    "<!-- hidden -->",
    "</details>",
    "<img src=x onerror=y>",
    "[here](https://evil.example)",
    "![here](https://evil.example)",
    "https://evil.example",
    "www.evil.example",
    "me@evil.example",
    "deadbeef",
    "1234567",
    "**bold**",
    "__bold__",
    "~~gone~~",
    "&lt;b&gt;",
    "$$x$$",
    ":tada:",
    "# title",
    "> quote",
    "- item",
    "1. item",
    "[ ] task",
    "[^1]",
    "a | b",
    "\\",
    "`",
    "``` `",
    "x\n```\n<b>",
    "x\n\n</details>",
    "x\n---",
]


def inline(markdown: str) -> list[Token]:
    """What a paragraph of `markdown` consists of; it must be one paragraph."""
    blocks = MARKDOWN.parse(markdown)
    assert [block.type for block in blocks] == ["paragraph_open", "inline", "paragraph_close"]
    return blocks[1].children or []


def said(tokens: list[Token]) -> str:
    return "".join(token.content for token in tokens)


# What is seen


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("0001_initial", "0001_initial"),
        ("prénom_名前", "prénom_名前"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("0001\u202eyp.kcatta", "0001\\u202eyp.kcatta"),
        ("0001\u200b", "0001\\u200b"),
        ("0001\u3164", "0001\\u3164"),
        ("caf\udce9", "caf\\xe9"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("a\u2028b", "a\\u2028b"),
    ],
)
def test_a_character_that_cannot_be_seen_is_written_out(text: str, seen: str) -> None:
    assert escape.visible(text) == seen


@given(ANY)
def test_whatever_the_name_only_printable_characters_are_shown(text: str) -> None:
    shown = escape.visible(text)
    assert shown.isprintable()
    assert escape.visible(shown) == shown


@given(ANY)
def test_lines_stay_lines_and_nothing_else_does(text: str) -> None:
    lines = escape.visible_lines(text).split("\n")
    assert lines == [escape.visible(line) for line in text.split("\n")]


@given(ANY)
@example("\udcff\ud800")
def test_text_for_strict_readers_is_valid_and_otherwise_the_same(text: str) -> None:
    result = escape.unicode_text(text)
    result.encode("utf-8")
    if not re.search("[\ud800-\udfff]", text):
        assert result == text


def test_a_long_text_is_cut_and_shows_it() -> None:
    assert escape.cut("0005_discount", 13) == "0005_discount"
    assert escape.cut("0005_discount", 5) == "0005…"


# Markdown


@given(ANY.filter(bool))
@example("``")
@example(" `a` ")
@example("  ")
@example("\\")
def test_a_code_span_shows_its_text_and_ends_where_it_should(text: str) -> None:
    tokens = inline(f"before {escape.code(text)} after")
    assert [token.type for token in tokens] == ["text", "code_inline", "text"]
    assert tokens[1].content == escape.visible(text)


def test_an_empty_text_makes_no_code_span() -> None:
    assert escape.code("") == ""


@given(ANY)
@example("```\n</details>\n~~~")
def test_a_fenced_block_shows_its_lines_and_ends_where_it_should(text: str) -> None:
    blocks = MARKDOWN.parse(escape.fence(text) + "\n\nafter")
    assert [block.type for block in blocks][:2] == ["fence", "paragraph_open"]
    assert blocks[0].content == escape.visible_lines(text) + "\n"


def check_prose(text: str) -> None:
    markdown = escape.prose(text)
    if not markdown:
        return
    tokens = inline(markdown)
    assert {token.type for token in tokens} <= {"text", "code_inline"}
    for token in tokens:
        if token.type == "text":
            for word in token.content.split(" "):
                assert PLAIN_WORD.fullmatch(word), word
                assert not re.fullmatch(r"\W*([0-9a-fA-F]{7,})\W*", word), word
    # Our own marks are the only thing that is not shown, and only when they can be marks.
    marks = str.maketrans("", "", " " if "``" in text else "` ")
    shown = escape.visible(text.replace("\n", " "))
    assert said(tokens).translate(marks) == shown.translate(marks)


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("around", ["{}", "shop has {} and another leaf.", "`{}`", "`a`{}`b`"])
def test_an_attack_in_a_sentence_ends_up_in_a_code_span(attack: str, around: str) -> None:
    check_prose(around.format(attack))


@given(ANY)
def test_whatever_a_sentence_holds_only_plain_words_are_outside_code_spans(text: str) -> None:
    check_prose(text)


@pytest.mark.parametrize(
    ("sentence", "markdown"),
    [
        ("Two leaves, as “main” moved: don't panic…", "Two leaves, as “main” moved: don't panic…"),
        ("shop.0005_a, shop.0005_b (new).", "`shop.0005_a`, `shop.0005_b` (new)."),
        ("Run `git rebase main`, then push.", "Run `git rebase main`, then push."),
        ("3 of 12 apps on Django 6.1", "3 of 12 apps on Django 6.1"),
        ("computed by make(x)", "computed by `make(x)`"),
        ("a lonely ` stays", "a lonely `` ` `` stays"),
        ("`a`b.c", "`a` `b.c`"),
        ("two `` stay", "two ``` `` ``` stay"),
    ],
)
def test_a_sentence_of_ours_reads_well(sentence: str, markdown: str) -> None:
    assert escape.prose(sentence) == markdown


@given(ANY, ANY)
@example("a|b\n<br>", "\\|")
@example("`|`", "`\\`|")
def test_whatever_a_cell_holds_the_row_keeps_its_cells(one: str, other: str) -> None:
    row = f"| {escape.cell(one)} | {escape.cell(other)} | end |"
    blocks = MARKDOWN.parse(f"| a | b | c |\n|---|---|---|\n{row}\n\nafter")
    assert [block.type for block in blocks].count("td_open") == 3
    cells = [block for block in blocks if block.type == "inline"][3:6]
    assert cells[2].content == "end"
    for cell in cells:
        kinds = {token.type for token in cell.children or [] if token.content != "<br>"}
        assert kinds <= {"text", "code_inline"}


def test_a_bar_after_a_backslash_is_replaced_as_readers_disagree_about_it() -> None:
    assert escape.cell("`a|b`") == "`a\\|b`"
    assert escape.cell("`a\\|b`") == "`a\\¦b`"


def test_lines_of_a_hint_are_lines_of_the_cell() -> None:
    assert escape.cell("Type this:\n\n`git add -A`\n") == "Type this:<br>`git add -A`"


# Workflow commands


def unescaped(text: str) -> str:
    """What the runner makes of the data of a command."""
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ",")):
        text = text.replace(code, character)
    return text.replace("%25", "%")


@given(ANY)
@example("%0A::error::x")
@example("100%25")
def test_a_message_reaches_the_runner_as_it_was_and_on_one_line(text: str) -> None:
    escaped = escape.command_data(text)
    assert "\n" not in escaped
    assert "\r" not in escaped
    assert escaped.replace("%25", "").count("%") == text.count("\r") + text.count("\n")
    assert unescaped(escape.command_data("%3A" + text)) == "%3A" + text


@given(ANY)
@example("a.py,line=1::x")
def test_a_property_cannot_end_itself(text: str) -> None:
    escaped = escape.command_property(text)
    assert not set(escaped) & set("\r\n:,")
    assert unescaped(escaped) == text


@given(ANY)
def test_no_line_holds_a_legacy_command(text: str) -> None:
    assert "##[" not in escape.without_legacy_command("###[" + text + "##[error]")


@given(ANY, st.integers(1, 40))
@example("\n\n\n\n", 7)
def test_a_long_message_is_cut_between_two_escapes(text: str, limit: int) -> None:
    shortened = escape.shorten(text, limit, escape.command_property)
    assert len(shortened) <= limit
    assert not re.search("%(?!25|0D|0A|3A|2C)", shortened)
    if len(escape.command_property(text)) <= limit:
        assert unescaped(shortened) == text
    else:
        assert text.startswith(unescaped(shortened.removesuffix("…")))


# Pictures


@given(ANY)
@example("")
@example('"]; click n0 "javascript:x"')
@example("x" * 80)
def test_a_label_holds_nothing_that_means_something_to_mermaid(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,60}", escape.label(text))


def test_a_name_that_django_would_load_is_its_own_label() -> None:
    assert escape.label("0005_auto_20261121_0830") == "0005_auto_20261121_0830"


@given(ANY)
@example('\\"')
@example("x\\")
def test_a_string_for_graphviz_ends_where_it_should(text: str) -> None:
    assert re.fullmatch(r'"([^"\\\n&]|\\["\\]|&amp;)*"', escape.quoted(text))
