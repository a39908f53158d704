"""What the inputs and the project's files say about its environment, before anything is built."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from remigrate import bounded, building, sandbox
from remigrate.errors import UsageFailure


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("SHOP_MODE=test\n\n  DEBUG=1  \n", {"SHOP_MODE": "test", "DEBUG": "1"}),
        ("DATABASE_URL=postgres://a:b@c/d?e=f", {"DATABASE_URL": "postgres://a:b@c/d?e=f"}),
        ("EMPTY=", {"EMPTY": ""}),
        ("DJANGO_SETTINGS_MODULE=shop.ci", {"DJANGO_SETTINGS_MODULE": "shop.ci"}),
    ],
)
def test_variables_are_lines_of_name_and_value(text: str, found: dict[str, str]) -> None:
    assert building.variables(text) == found


@pytest.mark.parametrize(
    "text",
    [
        *("NAME", "=x", "A B=c", "1A=b", "PATH=/tmp", "HOME=/root", "LD_PRELOAD=/x.so"),
        *("GITHUB_TOKEN=x", "INPUT_TOKEN=x", "ACTIONS_RUNTIME_TOKEN=x", "RUNNER_TEMP=/"),
        "GIT_CONFIG_GLOBAL=/x",
    ],
)
def test_variables_that_the_sandbox_keeps_to_itself_are_refused(text: str) -> None:
    with pytest.raises(UsageFailure):
        building.variables(f"GOOD=1\n{text}\n")


def test_debian_packages_are_names_and_nothing_else() -> None:
    names = ("libpq-dev", "g++", "libxml2.9", "gettext")
    assert building.packages("libpq-dev, g++\nlibxml2.9 gettext") == names


@pytest.mark.parametrize(
    "text",
    ["-o", "--yes", "curl-", "curl=1", "curl/sid", "./a.deb", "a;b", "A", "x", "$(id)", "é1"],
)
def test_options_and_files_are_no_debian_packages(text: str) -> None:
    with pytest.raises(UsageFailure):
        building.packages(f"gettext {text}")


@pytest.mark.parametrize("text", ["--help", "-p", "/usr/bin/python3", "3.12 ; id", "$(id)"])
def test_a_python_version_is_no_option_and_no_path(text: str) -> None:
    with pytest.raises(UsageFailure):
        building.wish(text, "")


def recipe(tmp_path: Path, files: dict[str, str], folder: str = ".") -> building.Recipe | None:
    box = sandbox.Sandbox(str(tmp_path), {}, {})
    for path, text in files.items():
        place = Path(box.top) / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return building._recipe(box, folder, building.Wish())


def test_without_a_word_of_the_project_there_is_nothing_to_build(tmp_path: Path) -> None:
    assert recipe(tmp_path, {"README": "hello", "pyproject.toml": "[tool.ruff]\n"}) is None


def test_locks_come_first_in_a_fixed_order(tmp_path: Path) -> None:
    names = [
        *("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"),
        *("requirements.txt", "requirements/base.txt", "pyproject.toml", "setup.py"),
    ]
    files = dict.fromkeys(names, "") | {"pyproject.toml": "[project]\n"}
    for at, name in enumerate(names):
        rest = {path: text for path, text in files.items() if names.index(path) >= at}
        found = recipe(tmp_path / name.replace("/", "-"), rest)
        assert found is not None
        assert found.source == name


def test_what_is_beside_manage_py_comes_before_what_is_at_the_top(tmp_path: Path) -> None:
    files = {"uv.lock": "", "backend/shop/requirements.txt": ""}
    found = recipe(tmp_path, files, "backend/shop")
    assert found is not None
    assert found.source == "backend/shop/requirements.txt"
    assert found.folder.endswith("/tree/backend/shop")
    found = recipe(tmp_path / "2", {"uv.lock": "", "backend/shop/manage.py": ""}, "backend/shop")
    assert found is not None
    assert (found.source, found.folder) == ("uv.lock", str(tmp_path / "2/tree"))


@pytest.mark.parametrize(
    "text",
    [
        "tool = 3\n",
        "[tool]\npoetry = []\n",
        "not toml",
        "[tool.poetry]\ngroup = 'x'\n",
        "project = 1",
    ],
)
def test_a_pyproject_of_any_shape_is_read(tmp_path: Path, text: str) -> None:
    found = recipe(tmp_path, {"poetry.lock": "", "pyproject.toml": text})
    assert found is not None
    assert not any("--with=" in word for word in found.commands[0] if "plugin" not in word)


def test_poetry_is_asked_for_the_groups_that_it_would_install(tmp_path: Path) -> None:
    groups = "[tool.poetry.group.dev]\n[tool.poetry.group.docs]\noptional = true\n"
    groups += "[dependency-groups]\ntest = []\n"
    found = recipe(tmp_path, {"poetry.lock": "", "pyproject.toml": groups})
    assert found is not None
    assert "--with=dev,test" in found.commands[0]


def test_a_link_that_leads_out_of_the_copy_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/requirements.txt").symlink_to(tmp_path / "outside.txt")
    assert recipe(tmp_path, {}) is None
    os.unlink(tmp_path / "tree/requirements.txt")
    os.mkfifo(tmp_path / "tree/requirements.txt")
    assert recipe(tmp_path, {}) is None


def test_what_a_tool_says_is_harmless_in_a_log() -> None:
    hostile = b"first\r::set-output name=a::b\n##[error]x\n  ::add-mask::y\n\x1b[2J\xff\n" * 9
    shown = building.said(bounded.Output(1, b"", hostile))
    assert len(shown.splitlines()) == 15
    for line in shown.splitlines():
        assert line.startswith("  | ")
        assert "##[" not in line
        assert "\x1b" not in line
