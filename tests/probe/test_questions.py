"""What Django would have asked is recorded; nobody is asked."""

from __future__ import annotations

import pytest

from tests.probe.conftest import ITEM, Project, django_version, settings

DEFAULT = ITEM + "    price = models.IntegerField()\n"
NULL = ITEM.replace("=10", "=10, null=True")
ASKED = {
    "rename-field": (ITEM.replace("name =", "title ="), "title"),
    "rename-model": (ITEM.replace("Item", "Thing"), None),
    "not-null-addition": (DEFAULT, "price"),
    "auto-now-add": (ITEM + "    price = models.DateTimeField(auto_now_add=True)\n", "price"),
    "unique-callable-default": (
        "import uuid\n" + ITEM + "    price = models.UUIDField(default=uuid.uuid4, unique=True)\n",
        "price",
    ),
}


@pytest.mark.parametrize("kind", ASKED)
def test_a_question_is_recorded_with_its_app_model_and_field(project: Project, kind: str) -> None:
    models, field = ASKED[kind]
    if kind == "unique-callable-default" and django_version() < (4, 1):
        pytest.skip("this Django does not ask about it")
    answer = project.write({"shop/models.py": models}).probe()
    # A renamed field is also, when it is not, a new one that needs a default.
    question = answer.data["questions"][0]
    model = "Thing" if kind == "rename-model" else "Item"
    assert (question["app"], question["model"], question["field"]) == ("shop", model, field)
    assert question["kind"] == kind
    assert (field or "Thing") in question["text"]


def test_null_to_not_null_is_recorded_and_written_without_a_default(project: Project) -> None:
    initial = (project.folder / "shop/migrations/0001_initial.py").read_text()
    project.write({"shop/migrations/0001_initial.py": initial.replace("=10", "=10, null=True")})
    answer = project.probe()
    (question,) = answer.data["questions"]
    assert question["kind"] == "not-null-alteration"
    assert (question["model"], question["field"]) == ("Item", "name")
    (change,) = answer.data["changes"]
    assert "default" not in change["source"]


@pytest.mark.parametrize("kind", ["not-null-addition", "auto-now-add"])
def test_a_default_that_nobody_gave_is_not_written(project: Project, kind: str) -> None:
    (change,) = project.write({"shop/models.py": ASKED[kind][0]}).probe().data["changes"]
    assert change["source"] is None
    assert change["unwritable"] == "Item.price needs a default for existing rows".replace(
        "Item", "item"
    )


def test_equal_names_in_two_apps_are_told_apart(project: Project) -> None:
    files = {
        path.replace("shop", "blog", 1): (project.folder / path).read_text()
        for path in ("shop/models.py", "shop/__init__.py", "shop/migrations/__init__.py")
    }
    initial = (project.folder / "shop/migrations/0001_initial.py").read_text()
    project.write({**files, "blog/migrations/0001_initial.py": initial})
    project.write({"site_settings.py": settings("shop", "blog"), "blog/models.py": DEFAULT})
    (question,) = project.probe().data["questions"]
    assert question["app"] == "blog"


def test_questions_about_apps_that_get_no_migration_are_left_out(project: Project) -> None:
    migrations = {"shop": None}
    project.write(
        {"site_settings.py": settings(MIGRATION_MODULES=migrations), "shop/models.py": DEFAULT}
    )
    assert project.probe().data["questions"] == []
