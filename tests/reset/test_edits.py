"""Edits of headers change what they must, and not one byte more."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

import django
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remigrate import reader
from remigrate.model import Header
from remigrate.reset.edits import repointed, with_dependencies, without_replaces
from remigrate.reset.page import Uneditable
from remigrate.values import LISTS

OLD, NEW = ("shop", "0001_old"), ("shop", "0009_new")
HEAD = "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"


def migration(body: str, above: str = "") -> bytes:
    """A migration whose class has this body."""
    text = above + HEAD + "\n" + "\n".join(f"    {row}" if row else "" for row in body.split("\n"))
    return f"{text}\n\n    operations = []\n".encode()


def diff(before: bytes, after: bytes) -> list[str]:
    """The lines that differ, with ``-`` and ``+`` in front, white space kept."""
    lines = difflib.ndiff(before.decode().split("\n"), after.decode().split("\n"))
    return [line[0] + line[2:] for line in lines if line[0] in "+-"]


def references(source: bytes, name: str = "dependencies") -> list[tuple[str, str]]:
    header = reader.read(source)
    assert isinstance(header, Header)
    return [(r.label, r.name) for r in getattr(header, name)]


# Re-pointing


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        (
            'dependencies = [\n    ("shop", "0001_old"),\n    ("blog", "0001_old"),\n]',
            ['-        ("shop", "0001_old"),', '+        ("shop", "0009_new"),'],
        ),
        (
            "dependencies = (('shop', u'0001_old'),)  # é",
            [
                "-    dependencies = (('shop', u'0001_old'),)  # é",
                "+    dependencies = (('shop', u'0009_new'),)  # é",
            ],
        ),
        (
            "dependencies = [('é', 'ü'), ('shop', '0001_old')]",
            [
                "-    dependencies = [('é', 'ü'), ('shop', '0001_old')]",
                "+    dependencies = [('é', 'ü'), ('shop', '0009_new')]",
            ],
        ),
        (
            'dependencies = [("shop", r"""0001_old""")]',
            [
                '-    dependencies = [("shop", r"""0001_old""")]',
                '+    dependencies = [("shop", r"""0009_new""")]',
            ],
        ),
        (
            'dependencies = [("shop", "0001" \'_old\')]',
            [
                '-    dependencies = [("shop", "0001" \'_old\')]',
                '+    dependencies = [("shop", "0009_new")]',
            ],
        ),
        (
            "dependencies = [('shop', '\\x30001_old')]",
            [
                "-    dependencies = [('shop', '\\x30001_old')]",
                "+    dependencies = [('shop', '0009_new')]",
            ],
        ),
        (
            'dependencies = [["shop", "0001_old"]] + MORE',
            [
                '-    dependencies = [["shop", "0001_old"]] + MORE',
                '+    dependencies = [["shop", "0009_new"]] + MORE',
            ],
        ),
        (
            'dependencies = []\ndependencies.append(("shop", "0001_old"))',
            [
                '-    dependencies.append(("shop", "0001_old"))',
                '+    dependencies.append(("shop", "0009_new"))',
            ],
        ),
        (
            'run_before = [("shop", "0001_old")]',
            [
                '-    run_before = [("shop", "0001_old")]',
                '+    run_before = [("shop", "0009_new")]',
            ],
        ),
        (
            'dependencies = [\n    migrations.swappable_dependency("shop.User"),\n'
            '\t("shop",\t"0001_old"),\n]',
            ['-    \t("shop",\t"0001_old"),', '+    \t("shop",\t"0009_new"),'],
        ),
    ],
)
def test_only_the_literal_of_the_reference_changes(body: str, changes: list[str]) -> None:
    source = migration(body, 'MORE = [("blog", "0002_x")]\n')
    assert diff(source, repointed(source, {OLD: NEW})) == changes


@pytest.mark.parametrize(
    ("above", "body", "changes"),
    [
        (
            'PREVIOUS = "0001_old"\n',
            'dependencies = [("shop", PREVIOUS)]',
            ['-PREVIOUS = "0001_old"', '+PREVIOUS = "0009_new"'],
        ),
        (
            'BASE = ("shop", "0001_old")\n',
            "dependencies = [BASE]",
            ['-BASE = ("shop", "0001_old")', '+BASE = ("shop", "0009_new")'],
        ),
        (
            'BASE = ["blog", "0002_x"], ("shop", "0001_old")\n',
            "dependencies = [*BASE]",
            [
                '-BASE = ["blog", "0002_x"], ("shop", "0001_old")',
                '+BASE = ["blog", "0002_x"], ("shop", "0009_new")',
            ],
        ),
        (
            'BASE = []\nBASE += [("shop", "0001_old")]\n',
            "dependencies = BASE",
            ['-BASE += [("shop", "0001_old")]', '+BASE += [("shop", "0009_new")]'],
        ),
        (
            'ONE = "0001_old"\nTWO = [("shop", ONE)]\n',
            'dependencies = [("blog", "0002_x"), *TWO]\nrun_before = TWO',
            ['-ONE = "0001_old"', '+ONE = "0009_new"'],
        ),
    ],
)
def test_a_name_is_followed_to_where_it_gets_its_text(
    above: str, body: str, changes: list[str]
) -> None:
    source = migration(body, above)
    assert diff(source, repointed(source, {OLD: NEW})) == changes


def test_a_reference_set_after_the_class_is_changed_there() -> None:
    source = migration("") + b'\nMigration.dependencies = [("shop", "0001_old")]\n'
    changed = source.replace(b"0001_old", b"0009_new")
    assert repointed(source, {OLD: NEW}) == changed


def test_the_label_is_changed_too_where_it_differs() -> None:
    source = migration('dependencies = [("shop", "0001_old"), ("shop", "0002_x")]')
    edited = repointed(source, {OLD: ("store", "0009_new")})
    assert references(edited) == [("store", "0009_new"), ("shop", "0002_x")]


def test_names_that_swap_places_do_not_meet() -> None:
    source = migration('dependencies = [("shop", "a"), ("shop", "b")]')
    edited = repointed(source, {("shop", "a"): ("shop", "b"), ("shop", "b"): ("shop", "c")})
    assert references(edited) == [("shop", "b"), ("shop", "c")]


def test_replaces_stays_unless_it_is_asked_for() -> None:
    body = 'replaces = [("shop", "0001_old")]\n\ndependencies = [("shop", "0001_old")]'
    source = migration(body)
    edited = repointed(source, {OLD: NEW})
    assert references(edited, "replaces") == [OLD]
    assert references(repointed(source, {OLD: NEW}, LISTS), "replaces") == [NEW]


def test_text_outside_the_header_stays() -> None:
    code = 'def f(apps, editor):\n    print(("shop", "0001_old"))\n\n\n'
    source = migration('"""("shop", "0001_old")"""\n\ndependencies = [("shop", "0001_old")]', code)
    assert diff(source, repointed(source, {OLD: NEW})) == [
        '-    dependencies = [("shop", "0001_old")]',
        '+    dependencies = [("shop", "0009_new")]',
    ]


@pytest.mark.parametrize(
    "convert",
    [
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: ("# -*- coding: latin-1 -*-\n" + text).encode("latin-1"),
        lambda text: ("#!python\n# coding: cp1252\n" + text).encode("cp1252"),
        lambda text: text.replace("\n\n", "\n\f\n").encode(),
        lambda text: text.rstrip().encode(),
    ],
    ids=["crlf", "cr", "bom", "latin-1", "cp1252", "form feed", "no last line end"],
)
def test_every_other_byte_stays_in_any_encoding(convert: Callable[[str], bytes]) -> None:
    text = migration('x = "é"; dependencies = [("é", "ä"), ("shop", "0001_old")]  # ü').decode()
    source = convert(text)
    assert repointed(source, {OLD: NEW}) == source.replace(b"0001_old", b"0009_new")


def test_a_new_name_that_the_encoding_lacks_is_no_edit() -> None:
    source = b"# coding: ascii\n" + migration('dependencies = [("shop", "0001_old")]')
    with pytest.raises(Uneditable, match="ascii has no such character"):
        repointed(source, {OLD: ("shop", "0009_é")})


def test_a_file_without_the_reference_stays_as_it_is() -> None:
    source = migration('dependencies = [("blog", "0001_old")]')
    assert repointed(source, {OLD: NEW}) is source


# Entries that go


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[\n    {old},  # gone\n    {x},\n]", "[\n    {x},\n]"),
        ("[\n    # above\n    {x},\n    {old}\n]", "[\n    # above\n    {x},\n]"),
        ("[\n    {old},\n]", "[]"),
        ("[\n    # none\n    {old},\n]", "[\n    # none\n]"),
        ("[{old}]", "[]"),
        ("[{old},]", "[]"),
        ("[{old}, {x}]", "[{x}]"),
        ("[{x}, {old}]", "[{x}]"),
        ("[{x}, {old},]", "[{x},]"),
        ("[{x}, {old}, {y}]", "[{x}, {y}]"),
        ("[{x}, {old},\n    {y}]", "[{x},\n    {y}]"),
        ("[{old},\n    {x}]", "[{x}]"),
        ("({old}, {x})", "({x},)"),
        ("({x}, {old})", "({x},)"),
        ("({x}, {old},)", "({x},)"),
        ("({old},)", "()"),
        ("(\n    {old},\n    {x}\n)", "(\n    {x},\n)"),
        ("(\n    {x},\n    {old}\n)", "(\n    {x},\n)"),
        ("[{x}] + [{old}]", "[{x}] + []"),
        ('[\n    (\n        "shop",\n        "0001_old",\n    ),\n    {x},\n]', "[\n    {x},\n]"),
    ],
)
def test_an_entry_goes_with_its_comma_and_its_line(before: str, after: str) -> None:
    texts = {"old": '("shop", "0001_old")', "x": '("blog", "0002_x")', "y": '("blog", "0003_y")'}
    source = migration("dependencies = " + before.format(**texts))
    wanted = migration("dependencies = " + after.format(**texts))
    assert repointed(source, {OLD: None}).decode() == wanted.decode()


def test_an_entry_that_would_stand_twice_goes() -> None:
    body = 'dependencies = [\n    ("shop", "0001_old"),\n    ("shop", "0009_new"),\n]'
    source = migration(body)
    assert diff(source, repointed(source, {OLD: NEW})) == ['-        ("shop", "0001_old"),']


def test_of_two_entries_that_become_one_the_first_stays() -> None:
    source = migration('dependencies = [("shop", "0001_old"), ("shop", "0002_x")]')
    edited = repointed(source, {OLD: NEW, ("shop", "0002_x"): NEW})
    assert b'dependencies = [("shop", "0009_new")]' in edited


def test_a_duplicate_outside_of_a_list_may_stay() -> None:
    body = 'dependencies = [("shop", "0009_new")]\ndependencies.append(("shop", "0001_old"))'
    source = migration(body)
    assert references(repointed(source, {OLD: NEW})) == [NEW, NEW]
    with pytest.raises(Uneditable, match="does not stand in a list"):
        repointed(source, {OLD: None})


# What cannot be edited


@pytest.mark.parametrize(
    ("above", "body", "why"),
    [
        (
            'NAME = "0001_old"\nprint(NAME)\n',
            'dependencies = [("shop", NAME)]',
            "line 2: NAME is used elsewhere",
        ),
        (
            'BASE = [("shop", "0001_old")]\nKNOWN = BASE\nassert KNOWN\n',
            "dependencies = [*BASE]",
            "line 3: KNOWN is used elsewhere",
        ),
        (
            'NAME = "0001_old"\n',
            'dependencies = [("shop", NAME), ("blog", NAME)]',
            "line 1: one text stands for several",
        ),
        (
            'PAIRS = [("shop", "0001_old")]\n',
            "dependencies = PAIRS\nreplaces = PAIRS",
            "line 1: one text stands for several",
        ),
        ("", 'dependencies = [("shop", "0001" + "_old")]', "put together from pieces"),
        ('N = "1"\n', 'dependencies = [("shop", f"000{N}_old")]', "put together from pieces"),
        (
            "",
            'dependencies = [("shop", "0001"  # and\n    "_old")]',
            "put together from pieces",
        ),
        (
            "",
            'dependencies = [("shop", "0001_old")]\nif x:\n    dependencies += y',
            "depends on a condition",
        ),
        ("", 'dependencies = sorted([("shop", "0001_old")])', "sorted\\(\\) is called"),
        ("x = (\n", "dependencies = []", "line 1: Python"),
    ],
)
def test_what_is_not_certain_is_left_alone_with_the_reason(above: str, body: str, why: str) -> None:
    with pytest.raises(Uneditable, match=why):
        repointed(migration(body, above), {OLD: NEW})


def test_what_cannot_be_read_is_no_matter_where_nothing_points_to_it() -> None:
    source = migration('dependencies = sorted([("blog", "0001_x")])')
    assert repointed(source, {OLD: NEW}) is source


# Other parents


@pytest.mark.parametrize(
    ("before", "entries", "after"),
    [
        ('[("shop", "a")]', ["b"], '[("shop", "b")]'),
        ('[("shop", "a"), ("blog", "x")]', [], '[("blog", "x")]'),
        (
            '[\n    ("shop", "a"),\n    ("shop", "b"),  # two\n    ("blog", "x"),\n]',
            ["c"],
            '[\n    ("shop", "c"),\n    ("blog", "x"),\n]',
        ),
        (
            "[\n    ('shop', 'a'),\n]",
            ["a", "b"],
            "[\n    ('shop', 'a'),\n    ('shop', 'b'),\n]",
        ),
        ("[\n    ('blog', 'a')\n]", ["b"], "[\n    ('blog', 'a'),\n    ('shop', 'b'),\n]"),
        ('[("blog", "a")]', ["b"], '[("blog", "a"), ("shop", "b")]'),
        ('(("blog", "a"),)', ["b"], '(("blog", "a"), ("shop", "b"),)'),
        ("[]", ["b"], '[\n    ("shop", "b"),\n]'),
        ("[\n]", ["b"], '[\n    ("shop", "b"),\n]'),
        ("[\n    # none\n]", ["b"], '[\n    ("shop", "b"),\n    # none\n]'),
        ("()", ["b"], '(\n    ("shop", "b"),\n)'),
        ('[("shop", "__first__"), ("shop", "a")]', ["b"], '[("shop", "__first__"), ("shop", "b")]'),
    ],
)
def test_the_dependencies_on_one_app_are_replaced(
    before: str, entries: list[str], after: str
) -> None:
    source = migration(f"dependencies = {before}")
    edited = with_dependencies(source, "shop", [("shop", name) for name in entries])
    assert edited.decode() == migration(f"dependencies = {after}").decode()


def test_dependencies_are_added_to_a_class_that_has_none() -> None:
    source = migration('"""Why."""\n\ninitial = True')
    edited = with_dependencies(source, "shop", [("shop", "a")])
    body = '"""Why."""\n\ndependencies = [\n    ("shop", "a"),\n]\n\ninitial = True'
    assert edited.decode() == migration(body).decode()


def test_inherited_dependencies_are_not_covered_up() -> None:
    above = 'class Base:\n    dependencies = [("blog", "x")]\n\n\n'
    source = migration("initial = True", above).replace(b"(migrations.M", b"(Base, migrations.M")
    assert references(source) == [("blog", "x")]
    with pytest.raises(Uneditable, match="would not give the dependencies"):
        with_dependencies(source, "shop", [("shop", "a")])


def test_line_ends_are_kept_in_what_is_added() -> None:
    source = migration("dependencies = []").replace(b"\n", b"\r\n")
    edited = with_dependencies(source, "shop", [("shop", "a")])
    assert edited.count(b"\n") == edited.count(b"\r\n")


def test_dependencies_that_cannot_be_read_are_not_replaced() -> None:
    with pytest.raises(Uneditable, match="sorted"):
        with_dependencies(migration("dependencies = sorted(x)"), "shop", [])


# Without replaces


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            'replaces = [("shop", "a")]\n\ndependencies = []',
            "dependencies = []",
        ),
        (
            'initial = True\n\nreplaces = [  # all\n    ("shop", "a"),\n]  # these\n\n'
            "dependencies = []",
            "initial = True\n\ndependencies = []",
        ),
        ('replaces = [("shop", "a")]\nreplaces += X\ninitial = True', "initial = True"),
        ("initial = True", "initial = True"),
    ],
)
def test_the_statement_goes_with_its_lines(before: str, after: str) -> None:
    above = 'X = [("shop", "b")]\n'
    edited = without_replaces(migration(before, above))
    assert edited.decode() == migration(after, above).decode()


def test_at_the_end_of_the_class_the_space_before_it_goes() -> None:
    source = migration("dependencies = []")
    assert without_replaces(source + b'\n    replaces = [("shop", "a")]\n') == source


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (migration('initial = True; replaces = [("shop", "a")]'), "another statement"),
        (migration('replaces = [("shop", "a")]; initial = True'), "another statement"),
        (migration("") + b'\nMigration.replaces = [("shop", "a")]\n', "the replaces that were"),
        (b'class Migration:\n    replaces = [("shop", "a")]\n', "nothing else stands"),
    ],
)
def test_replaces_that_is_entangled_is_left_alone(source: bytes, why: str) -> None:
    with pytest.raises(Uneditable, match=why):
        without_replaces(source)


# Real migrations, and any


def _real_migrations() -> list[Path]:
    contrib = Path(django.__file__).parent / "contrib"
    found = [p for p in sorted(contrib.glob("*/migrations/*.py")) if p.stem != "__init__"]
    assert len(found) > 20
    return found


@pytest.mark.parametrize("path", _real_migrations(), ids=lambda p: f"{p.parts[-3]}.{p.stem}")
def test_every_dependency_of_a_real_migration_moves_alone_and_back(path: Path) -> None:
    source = path.read_bytes()
    for ref in set(references(source)) - {("__setting__", "AUTH_USER_MODEL")}:
        if ref[1] == "__first__":
            continue
        new = (ref[0], "9999_moved")
        edited = repointed(source, {ref: new})
        assert diff(source, edited) == diff(
            source, source.replace(ref[1].encode(), b"9999_moved", 1)
        )
        assert repointed(edited, {new: ref}) == source
    edited = with_dependencies(source, "other", [("other", "0001_x")])
    assert with_dependencies(edited, "other", []).split() == source.split()


NAMES = st.sampled_from(["a", "b", "c", "d"])
PAIRS = st.lists(st.tuples(NAMES, NAMES), max_size=5, unique=True)
STYLES = st.sampled_from(
    [
        lambda rows: "[" + ", ".join(rows) + "]",
        lambda rows: "[" + "".join(f"\n    {row},  # {row}" for row in rows) + "\n]",
        lambda rows: "[" + ",\n".join(rows) + "]",
        lambda rows: "(" + "".join(f"{row}, " for row in rows) + ")",
        lambda rows: "(" + "".join(f"\n    {row} # x\n    ," for row in rows) + "\n)",
        lambda rows: "[" + ", ".join(rows[:2]) + "] + [" + ",\n    ".join(rows[2:]) + "]",
        lambda rows: "[" + ", ".join(f"({row})" for row in rows) + "]",
    ]
)


@given(
    PAIRS,
    STYLES,
    st.dictionaries(st.tuples(NAMES, NAMES), st.none() | st.tuples(NAMES, NAMES), max_size=4),
    PAIRS,
)
def test_any_edit_gives_what_was_meant_or_nothing(
    pairs: list[tuple[str, str]],
    style: Callable[[list[str]], str],
    moves: dict[tuple[str, str], tuple[str, str] | None],
    parents: list[tuple[str, str]],
) -> None:
    source = migration("dependencies = " + style([repr(pair) for pair in pairs]))
    try:
        moved = repointed(source, moves)
    except Uneditable:
        assert b"((" in source
    else:
        meant = {moves.get(pair, pair) for pair in pairs} - {None}
        assert set(references(moved)) == meant
        assert len(references(moved)) == len(meant)
    try:
        edited = with_dependencies(source, "a", [("a", name) for _, name in parents])
    except Uneditable:
        assert b"((" in source
    else:
        kept = {pair for pair in pairs if pair[0] != "a"}
        assert set(references(edited)) == kept | {("a", name) for _, name in parents}
