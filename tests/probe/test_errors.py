"""What went wrong is said in the project's own words, with the place."""

from __future__ import annotations

import sys

import pytest

from tests.probe.conftest import INITIAL, ITEM, Project, settings


def test_no_settings_named(project: Project) -> None:
    error = project.probe(module=None).error
    assert error["kind"] == "settings"
    assert error["variable"] == "DJANGO_SETTINGS_MODULE"
    assert error["message"].startswith("ImproperlyConfigured: Requested setting")


def test_settings_of_the_environment_are_used(project: Project) -> None:
    project.env["DJANGO_SETTINGS_MODULE"] = "site_settings"
    assert project.probe(module=None).operations == {}


def test_settings_that_are_not_there(project: Project) -> None:
    error = project.probe(module="conf.nowhere").error
    assert (error["kind"], error["variable"]) == ("settings", None)
    assert error["message"] == "ModuleNotFoundError: No module named 'conf'"


def test_settings_with_a_syntax_error(project: Project) -> None:
    error = project.write({"site_settings.py": "A = 1\nB = = 2\n"}).probe().error
    assert error["kind"] == "settings"
    assert error["message"] == "SyntaxError: invalid syntax (site_settings.py:2)"


def test_settings_that_log_where_they_cannot(project: Project) -> None:
    logging = {
        "version": 1,
        "handlers": {"file": {"class": "logging.FileHandler", "filename": "/nowhere/at/all"}},
    }
    error = project.write({"site_settings.py": settings(LOGGING=logging)}).probe().error
    assert error["kind"] == "settings"
    assert error["message"] == "ValueError: Unable to configure handler 'file'"
    assert "No such file or directory" in error["traceback"]


def test_settings_without_a_secret_key(project: Project) -> None:
    project.write(
        {
            "site_settings.py": settings(SECRET_KEY=""),
            "shop/models.py": "from django.conf import settings\nsettings.SECRET_KEY\n" + ITEM,
        }
    )
    error = project.probe().error
    assert error["kind"] == "settings"
    assert "The SECRET_KEY setting must not be empty" in error["message"]


@pytest.mark.parametrize(
    "read",
    [
        "import os\nos.environ['SHOP_KEY']\n",
        "import os\ntry:\n    os.environ['SHOP_KEY']\n"
        "except KeyError as e:\n    raise ValueError from e\n",
        # As django-environ, environs, python-decouple and many a project say it.
        "raise Exception('Set the SHOP_KEY environment variable')\n",
        "raise Exception('Environment variable \"SHOP_KEY\" not set')\n",
        "raise Exception('SHOP_KEY not found. Declare it as envvar or define a default value.')\n",
        "raise Exception('The environment variable SHOP_KEY is missing')\n",
    ],
)
@pytest.mark.parametrize(
    ("where", "kind"), [("site_settings", "settings"), ("shop/models", "import")]
)
def test_a_missing_variable_is_named(project: Project, read: str, where: str, kind: str) -> None:
    error = project.write({f"{where}.py": read}).probe().error
    assert (error["kind"], error["variable"]) == (kind, "SHOP_KEY")
    assert f"({where}.py:" in error["message"]
    assert "watched" not in error["traceback"]


def test_a_missing_variable_is_named_as_pydantic_settings_has_it(project: Project) -> None:
    project.write(
        {
            "site_settings.py": "class ValidationError(ValueError):\n"
            "    def errors(self):\n"
            "        return [{'type': 'missing', 'loc': ('key',), 'msg': 'Field required'}]\n"
            "class Settings:\n"
            "    model_config = {'env_prefix': 'shop_'}\n"
            "    def __init__(self):\n"
            "        raise ValidationError('1 validation error for Settings')\n"
            "Settings()\n"
        }
    )
    assert project.probe().error["variable"] == "SHOP_KEY"


def test_another_missing_key_is_not_a_variable(project: Project) -> None:
    error = project.write({"site_settings.py": "{}['SHOP_KEY']\n"}).probe().error
    assert error["variable"] is None
    assert error["message"] == "KeyError: 'SHOP_KEY' (site_settings.py:1)"


def test_an_app_that_is_not_installed(project: Project) -> None:
    error = project.write({"site_settings.py": settings("shop", "blog")}).probe().error
    assert (error["kind"], error["message"]) == (
        "import",
        "ModuleNotFoundError: No module named 'blog'",
    )


def test_models_that_do_not_import(project: Project) -> None:
    project.write({"shop/models.py": "from shop import x\n", "shop/x.py": "import nothing_here\n"})
    error = project.probe().error
    assert error["kind"] == "import"
    assert error["message"] == ("ModuleNotFoundError: No module named 'nothing_here' (shop/x.py:1)")
    assert error["traceback"].startswith("Traceback (most recent call last):\n")
    assert "import nothing_here" in error["traceback"]


def test_a_long_traceback_keeps_its_end(project: Project) -> None:
    deep = "def f(n):\n    g(n)\ndef g(n):\n    f(n - 1) if n else 1 / 0\nf(99)\n"
    error = project.write({"shop/models.py": deep}).probe().error
    lines = error["traceback"].splitlines()
    assert len(lines) == 30
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_a_long_message_is_cut(project: Project) -> None:
    error = project.write({"shop/models.py": "raise ValueError('x' * 9999)\n"}).probe().error
    assert len(error["message"]) < 700


def test_model_checks_have_path_and_line(project: Project) -> None:
    project.write(
        {
            "shop/models.py": ITEM
            + "    next = models.ForeignKey('self', models.SET_NULL)\n"
            + "\n\nclass Other(models.Model):\n    class Meta:\n        ordering = ['nothing']\n"
        }
    )
    error = project.probe().error
    assert error["kind"] == "checks"
    field, model = sorted(error["checks"], key=lambda check: check["line"])
    assert (field["id"], field["object"]) == ("fields.E320", "shop.Item.next")
    assert (field["path"], field["line"]) == ("shop/models.py", 6)
    assert field["message"] == "Field specifies on_delete=SET_NULL, but cannot be null."
    assert (model["id"], model["object"]) == ("models.E015", "shop.Other")
    assert (model["path"], model["line"]) == ("shop/models.py", 9)
    assert "fields.E320" in error["message"]
    assert "fields.E320" in project.manage("makemigrations", "--check", "--dry-run").stderr


def test_silenced_checks_and_warnings_are_no_errors(project: Project) -> None:
    project.write(
        {
            "site_settings.py": settings(SILENCED_SYSTEM_CHECKS=["models.E015"]),
            "shop/models.py": ITEM + "\n    class Meta:\n        ordering = ['nothing']\n",
        }
    )
    assert len(project.probe().data["changes"]) == 1


GRAPHS = {
    "NodeNotFoundError": {"0002_a": "dependencies = [('shop', '0001_gone')]"},
    "CircularDependencyError": {
        "0002_a": "dependencies = [('shop', '0003_b')]",
        "0003_b": "dependencies = [('shop', '0002_a')]",
    },
    "BadMigrationError": {},
}


@pytest.mark.parametrize("error_type", GRAPHS)
def test_what_django_says_about_the_graph_is_said(project: Project, error_type: str) -> None:
    start = "from django.db import migrations\nclass Migration(migrations.Migration):\n    "
    for name, text in GRAPHS[error_type].items():
        project.write({f"shop/migrations/{name}.py": start + text + "\n"})
    if error_type == "BadMigrationError":
        project.write({"shop/migrations/0002_a.py": "Migration_ = 1\n"})
    error = project.probe().error
    assert (error["kind"], error["variable"]) == ("graph", None)
    assert error["message"].startswith(f"{error_type}: ")
    said = project.manage("makemigrations", "--check", "--dry-run").stderr
    assert f"{error_type}: " in said
    if error_type != "CircularDependencyError":  # whose members come in any order
        assert error["message"].partition(": ")[2] in said


def test_migrations_that_make_no_state_are_a_matter_of_the_graph(project: Project) -> None:
    text = INITIAL.replace("initial = True", "").replace(
        "dependencies = []", "dependencies = [('shop', '0001_initial')]"
    )
    remove = "migrations.RemoveField('gone', 'name')"
    text = text[: text.index("operations")] + f"operations = [{remove}]\n"
    error = project.write({"shop/migrations/0002_a.py": text}).probe().error
    assert error["kind"] == "graph"
    assert error["message"].startswith("KeyError: ('shop', 'gone')")


def test_a_migration_that_does_not_import(project: Project) -> None:
    error = project.write({"shop/migrations/0002_a.py": "import nothing_here\n"}).probe().error
    assert error["kind"] == "import"
    assert error["message"] == (
        "ModuleNotFoundError: No module named 'nothing_here' (shop/migrations/0002_a.py:1)"
    )


@pytest.mark.parametrize("shadow", [None, "django/readme.txt", "django/__init__.py"])
def test_an_interpreter_without_django(project: Project, shadow: str | None) -> None:
    if shadow:
        project.write({shadow: ""})
    base = f"{sys.base_prefix}/bin/python3"
    project.env["PYTHONNOUSERSITE"] = "1"
    answer = project.probe(python=base)
    if "No module named 'django'" not in answer.stderr and answer.envelope["django"]:
        pytest.skip("the base interpreter has Django")
    assert answer.error["kind"] == "no-django"
    assert answer.envelope["django"] is None
