from remigrate.rules import unguarded_squash as rule
from tests.rules.verbs import app, clean, finds, migration

FIRST = migration()
BASE = app(_1_initial=FIRST, _2_stock=migration("0001_initial"))
SQUASH = migration(replaces=["0001_initial", "0002_stock"])


def test_a_squash_that_comes_with_the_deletion() -> None:
    finding = finds(rule, app(_1_squashed=SQUASH), BASE)
    assert finding.severity == "warning"
    assert finding.migrations == ("shop.0001_squashed", "shop.0001_initial", "shop.0002_stock")
    assert "in silence" in finding.message


def test_a_squash_that_keeps_the_files() -> None:
    clean(rule, BASE | app(_1_squashed=SQUASH), BASE)


def test_the_deletion_in_a_later_release() -> None:
    clean(rule, app(_1_squashed=SQUASH), BASE | app(_1_squashed=SQUASH))


def test_a_guard_in_the_migration_after_it() -> None:
    guard = migration(
        "0001_squashed", body="[migrations.RunPython(stop_if_lagging, elidable=True)]"
    )
    clean(rule, app(_1_squashed=SQUASH, _3_guard=guard), BASE)


def test_something_else_in_the_migration_after_it() -> None:
    after = migration("0001_squashed", body="[migrations.RunPython(fill)]")
    finds(rule, app(_1_squashed=SQUASH, _3_fill=after), BASE)
