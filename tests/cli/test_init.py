"""``remigrate init``: files that work, added to what is there; and nothing without a yes."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest

from remigrate.init import HOOKS, with_hooks
from tests.cli.project import BIN, Project, Ran, refused, run

RUFF = """\
# ours
repos:
- repo: https://github.com/astral-sh/ruff-pre-commit
  rev: v0.6.0
  hooks:
  - id: ruff  # quick

# below
ci:
  autofix_prs: false
"""
INDENTED = """\
default_language_version: {python: python3}
repos:  # all of them
  - repo: local
    hooks:
      - id: lint
        name: lint
        entry: lint
        language: system"""


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    return Project.start(tmp_path / "shop")


def init(project: Project, *words: str) -> Ran:
    return project.remigrate("init", "--color", "never", *words)


def written(project: Project) -> list[str]:
    return project.git("status", "--porcelain", "--untracked-files=all").splitlines()


def test_it_shows_what_it_would_write_and_writes_nothing(shop: Project) -> None:
    shop.write("pyproject.toml", '[project]\nname = "shop"\n')
    shop.commit()
    ran = init(shop)
    assert ran.code == 0
    assert "+++ b/.github/workflows/remigrate.yml" in ran.out
    assert "+++ b/.pre-commit-config.yaml" in ran.out
    assert '+[tool.remigrate]\n+base = "main"' in ran.out
    assert ran.out.endswith(
        "\n3 files to write\nnothing was written: remigrate init --yes writes it\n"
    )
    assert ran.err == ""
    assert written(shop) == []


def test_what_it_writes_works_and_is_written_once(shop: Project, root: Path) -> None:
    shop.write("pyproject.toml", '[project]\nname = "shop"\n')
    shop.commit()
    assert init(shop, "--yes").code == 0
    assert len(written(shop)) == 3
    workflow = (shop.path / ".github/workflows/remigrate.yml").read_text()
    assert workflow == (root / "examples/two-jobs.yml").read_text()
    assert run(BIN / "pre-commit", "validate-config", cwd=shop.path).code == 0
    shop.commit()
    again = init(shop, "--yes")
    assert again.out.endswith("\nnothing to write\n")
    assert again.out.count(" already.\n") == 3
    assert written(shop) == []
    assert shop.check().code == 0


@pytest.mark.parametrize("name", ["two-jobs.yml", "monorepo.yml"])
def test_the_workflows_are_those_of_the_examples(root: Path, name: str) -> None:
    text = (root / "examples" / name).read_text()
    assert (root / "src/remigrate/workflows" / name).read_text() == text, "copy the example"


def test_the_workflow_is_for_the_branch_that_is_there(shop: Project) -> None:
    shop.git("branch", "--move", "master")
    init(shop, "--yes")
    workflow = (shop.path / ".github/workflows/remigrate.yml").read_text()
    assert "branches: [master]" in workflow
    assert "[main]" not in workflow


def test_several_projects_get_the_workflow_with_a_matrix(shop: Project, root: Path) -> None:
    shop.app("services/billing/invoices")
    shop.write("services/billing/manage.py")
    shop.commit()
    init(shop, "--yes")
    workflow = (shop.path / ".github/workflows/remigrate.yml").read_text()
    assert workflow == (root / "examples/monorepo.yml").read_text()


@pytest.mark.parametrize("before", ["", "\n", RUFF, INDENTED, RUFF.replace("\n", "\r\n")])
def test_hooks_are_added_and_all_else_stays(shop: Project, before: str) -> None:
    path = shop.path / ".pre-commit-config.yaml"
    path.write_bytes(before.encode())
    init(shop, "--yes")
    after = path.read_bytes().decode()
    assert run(BIN / "pre-commit", "validate-config", cwd=shop.path).code == 0
    assert [hook for hook in HOOKS if f"- id: {hook}\n" in after] == list(HOOKS)
    kept = iter(after.splitlines())
    assert all(line in kept for line in before.splitlines() if line), "in its order"


@pytest.mark.parametrize("text", ["repos: []\n", "ci:\n  skip: []\n", "repos:\nci: {}\n", "[1]\n"])
def test_a_list_of_another_form_is_left_to_its_owner(shop: Project, text: str) -> None:
    shop.write(".pre-commit-config.yaml", text)
    assert with_hooks(text) is None
    ran = init(shop, "--yes")
    assert "is not written as a list of repos below `repos:`" in ran.out
    assert (shop.path / ".pre-commit-config.yaml").read_text() == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.remigrate]\nbase = 'x'\n", "has [tool.remigrate] already."),
        ("tool = {remigrate = {}}\n", "cannot be added to"),
        ("[broken\n", "cannot be added to"),
    ],
)
def test_a_configuration_that_cannot_be_added_to_stays(shop: Project, text: str, said: str) -> None:
    (shop.path / "top").mkdir()
    shop.write("pyproject.toml", text)
    ran = shop.remigrate("init", "--yes", "--config", shop.write("other.toml"))
    assert said in ran.out
    assert (shop.path / "pyproject.toml").read_text() == text


def test_a_pyproject_beside_a_setup_py_is_left_to_its_owner(shop: Project) -> None:
    shop.write("setup.py")
    ran = init(shop, "--yes")
    assert 'with:\n[tool.remigrate]\nbase = "main"\n' in ran.out
    assert not (shop.path / "pyproject.toml").exists()


def test_a_workflow_of_that_name_is_not_replaced(shop: Project) -> None:
    shop.write(".github/workflows/remigrate.yml", "name: Other\n")
    assert "is something else" in init(shop, "--yes").out
    assert (shop.path / ".github/workflows/remigrate.yml").read_text() == "name: Other\n"


def test_one_file_that_cannot_be_written_keeps_all_from_it(shop: Project) -> None:
    shop.write(".github", "a file where the folder would be")
    shop.commit()
    ran = init(shop, "--yes")
    assert ran.code == 3
    assert "cannot be written" in ran.err
    assert written(shop) == []


def test_without_migrations_there_is_nothing_to_look_after(tmp_path: Path) -> None:
    empty = Project(tmp_path)
    empty.git("init", "--quiet")
    refused(empty.remigrate("init"), 2, "no migrations and no manage.py found in .", "Name the top")


@pytest.mark.parametrize(("answer", "files"), [("y", 3), ("n", 0), ("", 0)])
def test_at_a_terminal_it_asks(shop: Project, answer: str, files: int) -> None:
    ours, theirs = pty.openpty()
    child = os.fork()
    if not child:
        os.chdir(shop.path)
        for descriptor in (0, 1, 2):
            os.dup2(theirs, descriptor)
        os.execv(sys.executable, [sys.executable, "-m", "remigrate", "init"])
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    said = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        said += part
    os.close(ours)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert b"Write 3 files? [y/N]" in said
    assert len(written(shop)) == files
