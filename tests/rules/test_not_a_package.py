from remigrate.rules import not_a_package as rule
from tests.rules.verbs import app, clean, finds, migration


def test_migrations_without_an_init_file() -> None:
    finding = finds(rule, {"shop/migrations/0001_initial.py": migration()})
    assert finding.severity == "warning"
    assert finding.migrations == ("shop.0001_initial",)
    assert (
        "`touch shop/migrations/__init__.py && git add shop/migrations/__init__.py`" in finding.hint
    )


def test_a_package() -> None:
    clean(rule, app(_1_initial=migration()))


def test_a_folder_of_something_else() -> None:
    clean(rule, {"alembic/migrations/env.py": "run()", "sql/migrations/0001_x.py": "print()"})
