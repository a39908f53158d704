import pytest

from remigrate import check
from remigrate.memory import NoCache
from remigrate.model import MAX_BYTES
from remigrate.rules import unreadable as rule
from tests.rules.verbs import MemoryTree, app, clean, finds, line_in, migration

FIRST = migration()


def test_conflict_markers_that_were_left_in() -> None:
    source = FIRST.replace("    operations", "<<<<<<< ours\n    operations")
    finding = finds(rule, app(_1_initial=source))
    assert (finding.line, finding.column) == (line_in(source, "<<<<"), 1)
    assert "conflict markers" in finding.message
    assert "take the markers out" in finding.hint


def test_markers_that_git_would_make_of_both_sides_are_told_apart() -> None:
    ours, theirs = app(_1_initial=FIRST), app(_1_initial=FIRST.replace("[]", "[1]"))
    merged = app(_1_initial="<<<<<<< main\n=======\n>>>>>>> topic\n")
    trees = [MemoryTree(files) for files in (theirs, merged, ours)]
    facts, _ = check.weighed(trees[0], trees[1], trees[2], NoCache(), {})
    (finding,) = rule.check(facts)
    assert "changed by base and by head" in finding.message
    assert "Merge base into your branch" in finding.hint


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("class Migration(:\n", 1, 17),
        (b"x = 1\ny = '\xff'\n", 2, 6),
        ("x = 1\0\n", 1, 0),
    ],
)
def test_the_place_of_what_python_refuses(source: str | bytes, line: int, column: int) -> None:
    finding = finds(rule, app(_1_initial=source))
    assert (finding.line, finding.column) == (line, column)


@pytest.mark.parametrize("row", ["# nothing\n", "(\n"])
def test_a_file_that_is_too_large_is_not_called_broken(row: str) -> None:
    clean(rule, app(_1_initial=FIRST, _2_data=row * (MAX_BYTES // len(row) + 1)))


def test_a_module_without_a_migration_class() -> None:
    finding = finds(rule, app(_1_initial=FIRST, _2_helpers="def slug(): ...\n"))
    assert "BadMigrationError" in finding.message
    assert "_0002_helpers.py" in finding.hint


def test_helper_modules_with_an_underscore_are_passed_over() -> None:
    clean(rule, app(_1_initial=FIRST) | {"shop/migrations/_helpers.py": "def slug(: broken"})


def test_folders_called_migrations_that_are_not_djangos() -> None:
    clean(rule, {"alembic/migrations/__init__.py": "", "alembic/migrations/env.py": "run()"})
