"""Every operation stands on the line of the model or of the field that it is about."""

from __future__ import annotations

import pytest

from tests.probe.conftest import ITEM, Project, settings

BASE = """\
from django.db import models


class Priced(models.Model):
    price: "models.IntegerField[int, int]" = models.IntegerField(default=0)

    class Meta:
        abstract = True
"""


def lines(project: Project, **request: object) -> list[tuple[str, str | None, int | None]]:
    """Words, path and line of every operation."""
    return [
        (each["text"], each["path"], each["line"])
        for change in project.probe(**request).data["changes"]  # type: ignore[arg-type]
        for each in change["operations"]
    ]


def test_a_field_is_found_in_its_class(project: Project) -> None:
    project.write({"shop/models.py": ITEM + "    price = models.IntegerField(default=0)\n"})
    assert lines(project) == [("Add field price to item", "shop/models.py", 6)]


def test_a_field_below_a_condition_is_found(project: Project) -> None:
    text = ITEM + "    if True:\n        price = models.IntegerField(default=0)\n"
    project.write({"shop/models.py": text})
    assert lines(project) == [("Add field price to item", "shop/models.py", 7)]


def test_a_field_of_an_abstract_base_is_found_in_its_file(project: Project) -> None:
    text = ITEM.replace("(models.Model)", "(Priced)")
    project.write({"shop/models.py": "from shop.base import Priced\n" + text, "shop/base.py": BASE})
    assert lines(project) == [("Add field price to item", "shop/base.py", 5)]


def test_a_field_of_an_installed_mixin_stands_on_the_model(project: Project) -> None:
    project.write(
        {
            "site_settings.py": "import sys\nsys.path.append('vendor/site-packages')\n"
            + settings(),
            "vendor/site-packages/mixins.py": BASE,
            "shop/models.py": "from mixins import Priced\n"
            + ITEM.replace("(models.Model)", "(Priced)"),
        }
    )
    assert lines(project) == [("Add field price to item", "shop/models.py", 5)]


def test_new_models_and_removed_fields_stand_on_the_class(project: Project) -> None:
    text = "from django.db import models\nkeep = lambda kind: kind\n\n@keep\n"
    text += "class Item(models.Model):\n    pass\n"
    project.write({"shop/models.py": text})
    assert lines(project) == [("Remove field name from item", "shop/models.py", 5)]


def test_a_model_that_is_gone_stands_on_the_models_module(project: Project) -> None:
    project.write({"shop/models.py": "from django.db import models\n"})
    assert lines(project) == [("Delete model Item", "shop/models.py", 1)]


def test_without_a_models_module_it_stands_on_the_package(project: Project) -> None:
    (project.folder / "shop" / "models.py").unlink()
    assert lines(project) == [("Delete model Item", "shop/__init__.py", 1)]


def test_a_class_that_no_statement_makes_has_no_line(project: Project) -> None:
    made = "\ntype('Made', (models.Model,), {'__module__': __name__})\n"
    project.write({"shop/models.py": ITEM + made})
    assert lines(project) == [("Create model Made", None, None)]


def test_the_text_of_the_view_counts(project: Project) -> None:
    text = "#\n" * 10 + ITEM + "    price = models.IntegerField(default=0)\n"
    assert lines(project, files={"shop/models.py": text}) == [
        ("Add field price to item", "shop/models.py", 16)
    ]


@pytest.mark.parametrize(
    ("more", "operation", "model", "field"),
    [
        (
            "    class Meta:\n        verbose_name = 'x'\n",
            "Change Meta options on item",
            "Item",
            None,
        ),
        (
            "    owner_id = models.IntegerField(default=0)\n",
            "Add field owner_id to item",
            "Item",
            "owner_id",
        ),
    ],
)
def test_names_are_as_the_models_have_them(
    project: Project, more: str, operation: str, model: str, field: str | None
) -> None:
    (change,) = project.write({"shop/models.py": ITEM + more}).probe().data["changes"]
    (found,) = change["operations"]
    assert (found["text"], found["model"], found["field"]) == (operation, model, field)


def test_a_deleted_model_is_named_as_its_migrations_have_it(project: Project) -> None:
    project.write({"shop/models.py": ""})
    (change,) = project.probe().data["changes"]
    assert change["operations"][0]["model"] == "Item"
