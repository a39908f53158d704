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


GUARD = "migrations.RunPython(stop_if_lagging, migrations.RunPython.noop, elidable=True)"


def test_a_guard_in_a_landed_migration_after_it() -> None:
    late = migration("0002_stock", body="[migrations.RunSQL('')]")
    guarded = migration("0001_squashed", body=f"[{GUARD}, migrations.RunSQL('')]")
    clean(rule, app(_1_squashed=SQUASH, _3_late=guarded), BASE | app(_3_late=late))


def test_a_guard_that_comes_too_late() -> None:
    late = migration("0001_squashed", body=f"[migrations.RunSQL(''), {GUARD}]")
    finds(rule, app(_1_squashed=SQUASH, _3_late=late), BASE)


def test_a_guard_in_only_one_of_two_migrations_after_it() -> None:
    guarded = migration("0001_squashed", body=f"[{GUARD}]")
    other = migration("0001_squashed", body="[migrations.RunSQL('')]")
    finds(rule, app(_1_squashed=SQUASH, _3_guard=guarded, _4_other=other), BASE)
    clean(rule, app(_1_squashed=SQUASH, _3_guard=guarded, _4_other=guarded), BASE)


def test_nothing_in_the_migration_after_it() -> None:
    finds(rule, app(_1_squashed=SQUASH, _3_empty=migration("0001_squashed")), BASE)


def test_a_broken_migration_after_it() -> None:
    broken = migration("0001_squashed").replace("operations = []", "operations = [")
    finds(rule, app(_1_squashed=SQUASH, _3_broken=broken), BASE)


def test_a_guard_in_another_app_alone() -> None:
    blog = app("blog", _1_initial=migration("shop.0001_squashed", app="blog", body=f"[{GUARD}]"))
    finds(rule, app(_1_squashed=SQUASH) | blog, BASE)


def test_a_squash_of_migrations_that_never_landed() -> None:
    clean(rule, app(_1_squashed=SQUASH), app(_9_other=FIRST))
    assert rule.SEVERITY == "warning"
