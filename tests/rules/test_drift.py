from remigrate import check, rules
from remigrate.facts import Change, Drift, Moved, Question, Stray, Strays
from remigrate.memory import NoCache
from remigrate.model import Finding
from tests.rules.verbs import MemoryTree, app, migration

PRICE = Moved("Add field price to product", "shop/models.py", 7)
CHANGE = Change(
    "shop", True, "0002_product_price", (PRICE,), "shop/migrations/0002_product_price.py", "code\n"
)
NONE = Strays()


def found(drift: Drift | None, strays: Strays = NONE) -> list[Finding]:
    tree = MemoryTree(app(_1_initial=migration()))
    facts, _ = check.weighed(tree, tree, None, NoCache(), {})
    return list(rules.drift.check(facts._replace(drift=drift, strays=strays)))


def test_nothing_is_said_of_drift_that_was_not_looked_for_or_is_not_there() -> None:
    assert found(None) == []
    assert found(Drift()) == []


def test_a_model_ahead_of_its_migrations_is_shown_with_the_migration_that_is_missing() -> None:
    name = Moved("Alter field name on product", "shop/models.py", 5)
    (one,) = found(Drift((CHANGE._replace(operations=(PRICE, name)),)))
    assert (one.code, one.rule, one.severity) == ("RM301", "drift", "error")
    assert (one.path, one.line) == ("shop/models.py", 7)
    assert "Add field price to product; Alter field name on product" in one.message
    assert one.migrations == ("shop.0002_product_price",)
    assert [(place.line, place.message) for place in one.related] == [(5, name.text)]
    assert one.hint.startswith("`python manage.py makemigrations shop` writes shop/migrations/0002")
    assert one.source == "code\n"


def test_many_operations_are_counted() -> None:
    moved = tuple(PRICE._replace(text=f"Add field f{at}") for at in range(8))
    (one,) = found(Drift((CHANGE._replace(operations=moved),)))
    assert "Add field f4 and 3 more" in one.message
    assert "f5" not in one.message


def test_an_installed_app_is_a_notice_and_nobody_is_told_to_write_into_it() -> None:
    change = CHANGE._replace(first_party=False, operations=(PRICE._replace(path=""),), path="")
    (one,) = found(Drift((change,), manage="site/manage.py"))
    assert one.severity == "notice"
    assert (one.path, one.line) == ("site/manage.py", 1)
    assert "not in this repository" in one.message
    assert "Do not run `python site/manage.py makemigrations shop`" in one.hint


def test_a_question_of_django_is_passed_on() -> None:
    asked = Question("shop", "Was product.cost renamed to product.price?")
    (one,) = found(Drift((CHANGE,), (asked, Question("other", "No."))))
    assert one.hint == (
        "`python manage.py makemigrations shop`, in a terminal: Django asks. "
        "Was product.cost renamed to product.price?"
    )


def test_a_migration_that_cannot_be_written_down_says_why() -> None:
    change = CHANGE._replace(source="", why_no_source="a default is a lambda")
    (one,) = found(Drift((change,)))
    assert one.hint == "`python manage.py makemigrations shop` (a default is a lambda)"


def test_a_migration_that_is_only_on_disk_has_to_be_added() -> None:
    stray = Stray("shop/migrations/0002 x.py", "shop", "0002 x")
    (one,) = found(Drift((CHANGE,)), Strays(untracked=(stray,)))
    assert one.hint.endswith("`git add 'shop/migrations/0002 x.py'`")
    ignored = stray._replace(pattern=".gitignore:1:*.py")
    (one,) = found(Drift((CHANGE,)), Strays(ignored=(ignored,)))
    assert one.hint.endswith("`git add -f 'shop/migrations/0002 x.py'`")
    (one,) = found(Drift((CHANGE,)), Strays(untracked=(stray._replace(label="orders"),)))
    assert "git add" not in one.hint
