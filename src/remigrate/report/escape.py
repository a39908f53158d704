"""Makes text that came from a pull request harmless in each language that we write.

File names, migration names and whatever a migration file says are chosen by whoever opened the pull
request. Each function here is the only way such text gets into one kind of output. `visible` comes
first everywhere: a terminal, a comment and a log must never show something else than what is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ELLIPSIS = "…"
SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Printable by their category, yet nothing is seen: two names could look the same."""
PLAIN_SIGNS = frozenset("—–…→")
OPENING = "(\"'“‘"
CLOSING = ".,;:!?)\"'”’…"
SHORT_SHA = 7
"""GitHub links a word of this many hexadecimal digits when it is the start of a commit's id."""


def visible(text: str) -> str:
    """`text` on one line, with every character that cannot be seen written out.

    Line ends, terminal escapes, bidirectional controls and undecodable bytes become ``\\n``,
    ``\\x1b``, ``\\u202e``, ``\\xff``. Harmless text comes back unchanged.
    """
    if text.isprintable() and BLANK_LETTERS.isdisjoint(text):
        return text
    return "".join(map(_seen, text))


def visible_lines(text: str) -> str:
    """Like `visible`, but line ends stay."""
    return "\n".join(visible(line) for line in text.split("\n"))


def _seen(character: str) -> str:
    if character.isprintable() and character not in BLANK_LETTERS:
        return character
    if character in SHORT_ESCAPES:
        return SHORT_ESCAPES[character]
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # os.fsdecode keeps a byte that is no UTF-8 like this
        number -= 0xDC00
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def unicode_text(text: str) -> str:
    """`text` with undecodable bytes as ``\\xff``: strict JSON readers refuse half surrogates."""
    if text.isascii():
        return text
    return "".join(_seen(c) if "\ud800" <= c <= "\udfff" else c for c in text)


def cut(text: str, limit: int) -> str:
    """`text` in at most `limit` characters, with an ellipsis when something was left out."""
    return text if len(text) <= limit else text[: limit - 1] + ELLIPSIS


# Markdown


def code(text: str) -> str:
    """A code span that shows `text` and that nothing in `text` can end.

    GitHub makes no mention, link, reference or HTML of what is in a code span.
    """
    text = visible(text)
    if not text:
        return ""
    ticks = "`" * (_longest_run(text) + 1)
    if text.startswith("`") or text.endswith("`") or (text[0] == text[-1] == " " and text.strip()):
        text = f" {text} "  # CommonMark takes one space off each side again
    return f"{ticks}{text}{ticks}"


def fence(text: str, language: str = "text") -> str:
    """A fenced block that shows the lines of `text` and that none of them can end."""
    text = visible_lines(text)
    ticks = "`" * max(3, _longest_run(text) + 1)
    return f"{ticks}{language}\n{text}\n{ticks}"


def prose(text: str) -> str:
    """A sentence as Markdown: plain words stay, whatever else there is becomes a code span.

    What the sentence puts between backticks is one code span. Elsewhere a word counts as plain
    when it is made of letters, or is a number; with ``.``, ``/``, ``@``, ``#``, ``<`` it never is.
    """
    text = visible(text.replace("\n", " ")).strip()
    pieces = [text] if "``" in text else text.split("`")  # we never write two: somebody's name
    if len(pieces) % 2 == 0:  # a backtick without a partner
        pieces[-2:] = ["`".join(pieces[-2:])]
    markdown = ""
    for i, piece in enumerate(pieces):
        part = code(piece) if i % 2 else _words(piece, starts=not markdown)
        # Two code spans that touch would be read as one with other ends.
        touching = markdown.endswith("`") and part.startswith("`")
        markdown += " " + part if touching else part
    return markdown.strip()


def cell(text: str) -> str:
    """Sentences as the content of a table cell; each line of `text` is a line of the cell."""
    lines = (prose(line) for line in text.split("\n"))
    return "<br>".join(in_cell(line) for line in lines if line.strip())


def in_cell(markdown: str) -> str:
    """`markdown` of one line with its ``|`` escaped, as a table asks for even in code spans."""
    # Readers disagree about a backslash before an escaped bar: show a look-alike there.
    return markdown.replace("\\|", "\\¦").replace("|", "\\|")


def _longest_run(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return longest


def _words(text: str, *, starts: bool) -> str:
    return " ".join(_word(word, first=starts and not i) for i, word in enumerate(text.split(" ")))


def _word(word: str, *, first: bool) -> str:
    """One word between spaces; at the start of a line, ``1.`` would begin a list."""
    if first and word[:1].isdigit() and not word.isdigit():
        return code(word)
    rest = word.lstrip(OPENING)
    core = rest.rstrip(CLOSING)
    if core.count("(") > core.count(")") and rest.startswith(core + ")"):
        core += ")"  # a call, as in `make(x)`
    before, after = word[: len(word) - len(rest)], rest[len(core) :]
    return before + (core if _is_plain(core) else code(core)) + after


def _is_plain(core: str) -> bool:
    if not core or core in PLAIN_SIGNS:
        return True
    if all(part.isascii() and part.isdigit() for part in core.split(".")):
        return len(core) < SHORT_SHA
    parts = core.replace("’", "-").replace("'", "-").split("-")
    if not all(part.isascii() and part.isalpha() for part in parts):
        return False
    return len(core) < SHORT_SHA or bool(core.strip("abcdefABCDEF"))


# Workflow commands of GitHub Actions


def command_data(text: str) -> str:
    """The message of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def command_property(text: str) -> str:
    """The value of a property of a workflow command."""
    return command_data(text).replace(":", "%3A").replace(",", "%2C")


def without_legacy_command(line: str) -> str:
    """`line` without ``##[``, which the runner obeys wherever it stands in a line."""
    return line.replace("##[", "## [")


def plain_lines(text: str) -> str:
    """`text` without what a terminal or the runner would obey, wherever it stands in a line."""
    return without_legacy_command(visible_lines(text))


def shorten(text: str, limit: int, escape: Callable[[str], str]) -> str:
    """`text` through `escape`, cut so that the result has at most `limit` characters.

    An escape sequence is never cut in two.
    """
    escaped = escape(text)
    if len(escaped) <= limit:
        return escaped
    kept, size = [], len(ELLIPSIS)
    for character in text:
        piece = escape(character)
        size += len(piece)
        if size > limit:
            break
        kept.append(piece)
    return "".join(kept) + ELLIPSIS


# Pictures


def label(text: str, limit: int = 60) -> str:
    """`text` as the label of a Mermaid node: only letters, digits and ``_ . -``.

    Mermaid has had one hole after another where a label ends; these characters end none.
    """
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "_.-") else "-" for c in text)
    return (safe if len(safe) <= limit else safe[: limit - 2] + "..") or "-"


def quoted(text: str) -> str:
    """`text` as a string of the DOT language, where entities and backslashes mean something."""
    text = visible(text).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + text.replace("&", "&amp;") + '"'
