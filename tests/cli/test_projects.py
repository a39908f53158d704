"""`remigrate projects`: what a workflow of a monorepo spreads over its jobs."""

from __future__ import annotations

import json

import pytest

from remigrate import projects
from remigrate.errors import UsageFailure
from tests.cli.project import Project, remigrate


@pytest.fixture
def monorepo(shop: Project) -> Project:
    """One project at the top and two below it, one of which has no migrations."""
    shop.app("services/billing/invoices")
    shop.write("services/billing/manage.py")
    shop.write("services/empty/manage.py")
    shop.commit()
    return shop


def test_people_read_a_line_for_each(monorepo: Project) -> None:
    ran = remigrate("projects", cwd=monorepo.path)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == ".  1 app, 2 migrations\nservices/billing  1 app, 1 migration\n"


def test_a_matrix_is_one_line_that_a_workflow_can_read(monorepo: Project) -> None:
    ran = remigrate("projects", "--format", "matrix", cwd=monorepo.path)
    assert ran.out.count("\n") == 1
    assert json.loads(ran.out) == {
        "include": [
            {"path": ".", "manage": "manage.py"},
            {"path": "services/billing", "manage": "services/billing/manage.py"},
        ]
    }


def test_json_has_the_apps(monorepo: Project) -> None:
    ran = remigrate("projects", "--format", "json", cwd=monorepo.path)
    found = json.loads(ran.out)
    assert found["version"] == 1
    assert [each["apps"] for each in found["projects"]] == [["shop"], ["invoices"]]


def test_a_commit_can_be_listed(monorepo: Project) -> None:
    ran = remigrate("projects", "--head", "HEAD^", cwd=monorepo.path)
    assert ran.out == ".  1 app, 2 migrations\n"


def test_apps_without_a_project_are_listed_as_such(shop: Project) -> None:
    shop.git("rm", "--quiet", "manage.py")
    ran = remigrate("projects", cwd=shop.path)
    assert ran.out == ".  1 app, 2 migrations (no manage.py)\n"


def test_nothing_to_list_is_said(shop: Project) -> None:
    shop.git("rm", "--quiet", "-r", "shop")
    ran = remigrate("projects", cwd=shop.path)
    assert (ran.code, ran.out) == (0, "no project with migrations\n")
    ran = remigrate("projects", "--format", "matrix", cwd=shop.path)
    assert json.loads(ran.out) == {"include": []}


def test_more_projects_than_github_takes_jobs_are_refused() -> None:
    found = [projects.Found(f"p{at}", "", ("shop",), 1) for at in range(257)]
    with pytest.raises(UsageFailure, match="257 projects, and GitHub takes 256"):
        projects.rendered(found, "matrix")
    assert projects.rendered(found[:256], "matrix")
