from remigrate.rules import landed_removed as rule
from tests.rules.verbs import app, check_change, clean, finds, migration

FIRST = migration()
SECOND = migration("0001_initial")
BASE = app(_1_initial=FIRST, _2_stock=SECOND)


def test_a_landed_migration_that_is_gone() -> None:
    finding = finds(rule, app(_1_initial=FIRST), BASE)
    assert finding.severity == "error"
    assert finding.migrations == ("shop.0002_stock",)
    assert "`git checkout BASE -- shop/migrations/0002_stock.py`" in finding.hint


def test_all_that_an_app_has_lost_is_one_finding() -> None:
    assert len(finds(rule, app(), BASE).migrations) == 2


def test_a_landed_migration_with_another_number() -> None:
    finding = finds(rule, app(_1_initial=FIRST, _3_stock=SECOND), BASE)
    assert finding.path == "shop/migrations/0003_stock.py"
    assert "`git mv shop/migrations/0003_stock.py shop/migrations/0002_stock.py`" in finding.hint


def test_a_renamed_one_that_was_edited_too_is_known_by_its_words() -> None:
    edited = migration("0001_initial", body="[1]")
    finding = finds(rule, app(_1_initial=FIRST, _3_stock=edited), BASE)
    assert finding.migrations == ("shop.0002_stock", "shop.0003_stock")


def test_a_renamed_and_a_removed_one_are_two_findings() -> None:
    base = BASE | app(_3_tax=migration("0002_stock"))
    assert len(check_change(rule, app(_1_initial=FIRST, _4_stock=SECOND), base)) == 2


def test_a_squash_covers_what_it_replaces() -> None:
    clean(rule, app(_1_squashed=migration(replaces=["0001_initial", "0002_stock"])), BASE)


def test_a_squash_of_a_squash_covers_it_as_well() -> None:
    inner = app(_1_inner=migration(replaces=["0001_initial", "0002_stock"]))
    clean(rule, app(_1_outer=migration(replaces=["0001_inner"])), BASE | inner)


def test_the_end_of_a_squash_when_replaces_goes_too() -> None:
    squash = migration(replaces=["0001_initial", "0002_stock"])
    clean(rule, app(_1_squashed=FIRST), BASE | app(_1_squashed=squash))


def test_an_app_that_moved_to_another_folder() -> None:
    moved = {f"apps/{path}": source for path, source in BASE.items()}
    clean(rule, moved, BASE)


def test_an_app_that_is_gone_altogether_is_a_warning() -> None:
    finding = finds(rule, app("blog", _1_initial=FIRST), BASE | app("blog", _1_initial=FIRST))
    assert finding.severity == "warning"
    assert finding.app == "shop"
