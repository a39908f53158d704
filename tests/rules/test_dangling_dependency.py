from remigrate.rules import dangling_dependency as rule
from tests.rules.verbs import app, check_change, clean, finds, line_in, migration

FIRST = migration()


def test_a_dependency_on_a_migration_that_is_not_there() -> None:
    second = migration("0001_intial")
    finding = finds(rule, app(_1_initial=FIRST, _2_price=second))
    assert finding.line == line_in(second, "0001_intial")
    assert "NodeNotFoundError" in finding.message
    assert '`("shop", "0001_initial")`' in finding.hint


def test_the_hint_names_the_migration_with_the_same_number() -> None:
    finding = finds(rule, app(_1_initial=FIRST, _2_price=migration("0001_qqqq")))
    assert '`("shop", "0001_initial")`' in finding.hint


def test_run_before_a_migration_that_is_not_there() -> None:
    head = app(_1_initial=FIRST) | app(
        "blog", _1_initial=migration(app="blog", run_before=["shop.0009_x"])
    )
    assert "wants to run before shop.0009_x" in finds(rule, head).message


def test_an_app_that_is_not_in_the_tree_is_somebody_elses() -> None:
    clean(rule, app(_1_initial=migration("auth.0012_alter_user_first_name_max_length")))


def test_a_replaced_name_is_provided_by_its_squash() -> None:
    squash = migration(replaces=["0001_initial", "0002_price"])
    clean(rule, app(_1_squashed=squash, _3_tax=migration("0002_price")))


def test_an_app_inside_the_tests_is_not_what_others_mean() -> None:
    tests = {
        f"tests/{path}": text
        for path, text in app("auth", _1_initial=migration(app="auth")).items()
    }
    clean(rule, app(_1_initial=migration("auth.0012_alter_user_first_name_max_length")) | tests)


def test_every_reference_is_a_finding_of_its_own() -> None:
    head = app(_1_initial=FIRST, _2_a=migration("0001_x"), _3_b=migration("0002_a", "0002_y"))
    assert len(check_change(rule, head)) == 2


def test_a_squash_that_is_applied_in_part_leaves_its_dependents_dangling() -> None:
    second = migration("0001_initial")
    base = app(_1_initial=FIRST, _2_price=second) | app(
        "blog", _1_initial=migration("shop.0002_price")
    )
    squash = migration(replaces=["0001_initial", "0002_price", "0003_tax"])
    head = app(_1_squashed=squash) | app("blog", _1_initial=migration("shop.0002_price"))
    finding = finds(rule, head, base)
    assert "on a database at base" in finding.message
    assert finding.path == "blog/migrations/0001_initial.py"
