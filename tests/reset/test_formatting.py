"""New migration files look as the project's own formatter would write them."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from remigrate.reset.formatting import Choice, Formatted, chosen, formatted

UGLY = b"x = {  'a':1,\n  'b' : [1,2,3]}\n"
PRETTY = b'x = {"a": 1, "b": [1, 2, 3]}\n'
NEW = "shop/migrations/0001_squashed.py"
BLACK_HOOK = """
repos:
  - repo: https://example.org/black
    rev: 24.1.0
    hooks:
      - id: black
"""


def put(top: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    return top


def run(
    top: Path, new: dict[str, bytes] | None = None, folder: str = "", python: str = sys.executable
) -> Formatted:
    return formatted(str(top), folder, python, new or {NEW: UGLY}, os.environ)


@pytest.fixture(scope="session")
def black() -> str:
    """An interpreter with black beside it."""
    if importlib.util.find_spec("black"):
        return sys.executable
    wished = os.environ.get("REMIGRATE_BLACK", "")
    if not wished:
        pytest.skip("black is not installed, and REMIGRATE_BLACK names no interpreter with it")
    return wished


# Which formatter


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"pyproject.toml": "[project]\nname = 'x'\n"}, None),
        ({"setup.cfg": "[flake8]\nignore = E1\n# black says\n"}, None),
        ({"pyproject.toml": "[tool.ruff]\n"}, Choice("ruff", "pyproject.toml", "")),
        ({"ruff.toml": ""}, Choice("ruff", "ruff.toml", "")),
        ({".ruff.toml": "[format]\n"}, Choice("ruff", ".ruff.toml", "")),
        ({"pyproject.toml": "[tool.black]\n"}, Choice("black", "pyproject.toml", "")),
        (
            {"pyproject.toml": "[tool.black]\n[tool.ruff.lint]\n"},
            Choice("black", "pyproject.toml", ""),
        ),
        (
            {"pyproject.toml": "[tool.black]\n[tool.ruff.format]\n"},
            Choice("ruff", "pyproject.toml", ""),
        ),
        (
            {"ruff.toml": "", ".pre-commit-config.yaml": BLACK_HOOK},
            Choice("black", ".pre-commit-config.yaml", ""),
        ),
        (
            {"ruff.toml": "", ".pre-commit-config.yaml": BLACK_HOOK.replace("- id", "# - id")},
            Choice("ruff", "ruff.toml", ""),
        ),
        (
            {"pyproject.toml": "[tool.black]\n", ".pre-commit-config.yaml": "- {id: ruff-format}"},
            Choice("ruff", ".pre-commit-config.yaml", ""),
        ),
        (
            {"setup.cfg": "[options.extras_require]\ndev =\n  black>=24\n  pytest\n"},
            Choice("black", "setup.cfg", ""),
        ),
    ],
)
def test_the_formatter_is_the_one_that_the_project_names(
    tmp_path: Path, files: dict[str, str], expected: Choice | None
) -> None:
    assert chosen(str(put(tmp_path, files)), "") == expected


def test_a_project_in_a_folder_may_have_its_own_or_that_of_the_top(tmp_path: Path) -> None:
    put(tmp_path, {"pyproject.toml": "[tool.ruff]\n", "old/pyproject.toml": "[tool.black]\n"})
    assert chosen(str(tmp_path), "old/site") == Choice("black", "old/pyproject.toml", "old")
    assert chosen(str(tmp_path), "new/site") == Choice("ruff", "pyproject.toml", "")


# With it


def test_ruff_formats_new_files_by_the_settings_of_the_project(tmp_path: Path) -> None:
    put(tmp_path, {"ruff.toml": "[format]\nquote-style = 'single'\n"})
    other = {"shop/migrations/seed.json": b"{ }", "shop/empty.py": b""}
    files, note = run(tmp_path, {NEW: UGLY, **other})
    assert files == {NEW: PRETTY.replace(b'"', b"'"), **other}
    assert note == "New files were formatted with ruff format, as ruff.toml asks."
    assert not (tmp_path / "shop").exists()


def test_ruff_leaves_what_the_project_excludes(tmp_path: Path) -> None:
    put(tmp_path, {"pyproject.toml": "[tool.ruff]\nextend-exclude = ['migrations']\n"})
    files, _ = run(tmp_path, {NEW: UGLY, "shop/code.py": UGLY})
    assert files == {NEW: UGLY, "shop/code.py": PRETTY}


def test_line_endings_are_kept(tmp_path: Path) -> None:
    put(tmp_path, {"ruff.toml": ""})
    files, _ = run(tmp_path, {NEW: UGLY.replace(b"\n", b"\r\n")})
    assert files == {NEW: PRETTY.replace(b"\n", b"\r\n")}


def test_black_formats_new_files_by_the_settings_of_the_project(tmp_path: Path, black: str) -> None:
    put(tmp_path, {"pyproject.toml": "[tool.black]\nskip-string-normalization = true\n"})
    files, note = run(tmp_path, python=black)
    assert files == {NEW: PRETTY.replace(b'"', b"'")}
    assert note == "New files were formatted with black, as pyproject.toml asks."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pyproject.toml"]


@pytest.mark.parametrize(
    "setting",
    ["extend-exclude = '/migrations/'", "force-exclude = '''\n(\n /migrations/  # all\n)\n'''"],
)
def test_black_leaves_what_the_project_excludes(tmp_path: Path, black: str, setting: str) -> None:
    put(tmp_path, {"site/pyproject.toml": f"[tool.black]\n{setting}\n"})
    new = {f"site/{NEW}": UGLY, "site/shop/code.py": UGLY, "other/code.py": UGLY}
    files, note = run(tmp_path, new, "site", black)
    assert files == {**new, "site/shop/code.py": PRETTY}
    assert "other/code.py: it is outside site/" in note


def test_black_without_settings_formats_too(tmp_path: Path, black: str) -> None:
    put(tmp_path, {".pre-commit-config.yaml": BLACK_HOOK})
    files, note = run(tmp_path, python=black)
    assert files == {NEW: PRETTY}
    assert note == "New files were formatted with black, as .pre-commit-config.yaml asks."


# Without it


def test_no_formatter_named_is_no_word_about_it(tmp_path: Path) -> None:
    assert run(tmp_path) == ({NEW: UGLY}, "")


def test_a_formatter_that_is_not_installed_is_said(tmp_path: Path) -> None:
    put(tmp_path, {"pyproject.toml": "[tool.black]\n"})
    (tmp_path / "empty").mkdir()
    python = str(tmp_path / "empty/python")
    files, note = formatted(str(tmp_path), "", python, {NEW: UGLY}, {"PATH": "/nowhere"})
    assert files == {NEW: UGLY}
    assert "black, which is neither beside" in note


def test_a_program_on_path_is_taken_where_the_environment_has_none(tmp_path: Path) -> None:
    put(tmp_path, {"ruff.toml": ""})
    path = {"PATH": str(Path(sys.executable).parent)}
    assert formatted(str(tmp_path), "", None, {NEW: UGLY}, path).files == {NEW: PRETTY}


def test_a_file_that_cannot_be_parsed_stays_and_is_named(tmp_path: Path) -> None:
    put(tmp_path, {"ruff.toml": ""})
    files, note = run(tmp_path, {NEW: UGLY, "shop/broken.py": b"x = (\n"})
    assert files == {NEW: PRETTY, "shop/broken.py": b"x = (\n"}
    assert "1 were not, as shop/broken.py: " in note


def test_black_names_a_file_that_it_cannot_parse(tmp_path: Path, black: str) -> None:
    put(tmp_path, {"pyproject.toml": "[tool.black]\n"})
    files, note = run(tmp_path, {NEW: UGLY, "shop/broken.py": b"x = (\n"}, python=black)
    assert files == {NEW: PRETTY, "shop/broken.py": b"x = (\n"}
    assert "1 were not, as shop/broken.py: cannot " in note
    assert "remigrate-black" not in note


def test_settings_that_the_formatter_refuses_leave_the_files(tmp_path: Path) -> None:
    put(tmp_path, {"ruff.toml": "line-length = 'wide'\n"})
    files, note = run(tmp_path)
    assert files == {NEW: UGLY}
    assert note.startswith("New files were not formatted: ruff format, for which ruff.toml asks:")


def test_settings_that_cannot_be_read_leave_the_files(tmp_path: Path) -> None:
    put(tmp_path, {"pyproject.toml": "[tool.ruff\n"})
    files, note = run(tmp_path)
    assert files == {NEW: UGLY}
    assert note.startswith("New files were not formatted: pyproject.toml is not valid TOML")


def test_a_formatter_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {"ruff.toml": "", "bin/ruff": "#!/bin/sh\nexec sleep 60\n"})
    (tmp_path / "bin/ruff").chmod(0o755)
    monkeypatch.setattr("remigrate.reset.formatting._SECONDS", 0.3)
    files, note = run(tmp_path, python=str(tmp_path / "bin/python"))
    assert files == {NEW: UGLY}
    assert "too much time" in note


def test_the_result_is_what_the_project_itself_would_get(tmp_path: Path) -> None:
    put(tmp_path, {"pyproject.toml": "[tool.ruff]\nline-length = 40\n"})
    long = b"x = [" + b", ".join(b"%d" % n for n in range(30)) + b"]\n"
    files, _ = run(tmp_path, {NEW: long})
    put(tmp_path, {NEW: files[NEW].decode()})
    ruff = Path(sys.executable).parent / "ruff"
    done = subprocess.run([ruff, "format", "--check", "."], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stdout
    assert files[NEW] != long
