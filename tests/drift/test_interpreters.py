"""Which Python runs the project's code, and what is said of it."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from remigrate import interpreters


def environment(place: Path, django: bool = True) -> Path:
    """A virtual environment; with `django`, a folder of that name where Django would be."""
    venv.EnvBuilder(with_pip=False, symlinks=True).create(place)
    if django:
        (packages,) = place.glob("lib/python3*/site-packages")
        (packages / "django").mkdir()
        (packages / "django/__init__.py").touch()
    return place / "bin/python"


def found(
    home: Path, top: Path | None = None, wish: str | None = None, own: bool = False, **env: str
) -> interpreters.Search:
    return interpreters.find(wish, (str(home), str(top or home)), {**os.environ, **env}, own)


def test_an_environment_beside_manage_py_comes_before_one_at_the_top(tmp_path: Path) -> None:
    site = tmp_path / "site"
    at_top = environment(tmp_path / ".venv")
    search = found(site, tmp_path)
    assert search.found is not None
    assert (search.found.argv, search.found.why) == ((str(at_top),), ".venv at the top")
    beside = environment(site / ".venv")
    search = found(site, tmp_path)
    assert search.found is not None
    assert (search.found.argv, search.found.why) == ((str(beside),), ".venv beside manage.py")


def test_the_active_environment_comes_first(tmp_path: Path) -> None:
    environment(tmp_path / ".venv")
    active = environment(tmp_path / "elsewhere")
    search = found(tmp_path, VIRTUAL_ENV=str(tmp_path / "elsewhere"))
    assert search.found is not None
    assert search.found.argv == (str(active),)


def test_an_environment_without_django_is_passed_over_and_that_is_told(tmp_path: Path) -> None:
    environment(tmp_path / ".venv", django=False)
    right = environment(tmp_path / "venv")
    search = found(tmp_path)
    assert search.found is not None
    assert search.found.argv == (str(right),)
    assert search.tried == (".venv beside manage.py: no Django in it",)


def test_an_environment_that_sees_the_packages_of_the_system_is_asked(tmp_path: Path) -> None:
    place = tmp_path / ".venv"
    python = environment(place, django=False)
    (packages,) = place.glob("lib/python3*/site-packages")
    assert found(tmp_path).found is None
    other = tmp_path / "shared"
    (other / "django").mkdir(parents=True)
    (other / "django/__init__.py").touch()
    (packages / "shared.pth").write_text(f"{other}\n")
    search = found(tmp_path)
    assert search.found is not None
    assert search.found.argv == (str(python),)


def test_a_broken_environment_is_told(tmp_path: Path) -> None:
    python = environment(tmp_path / ".venv")
    python.unlink()
    assert found(tmp_path).tried[0] == f".venv beside manage.py: there is no {python}"


def test_what_was_asked_for_is_taken_as_it_is(tmp_path: Path) -> None:
    environment(tmp_path / "kept")
    spaced = tmp_path / "with spaces" / "python"
    spaced.parent.mkdir()
    spaced.touch()
    for wish, argv, is_prefix in (
        (sys.executable, (sys.executable,), False),
        (str(spaced), (str(spaced),), False),
        ("docker compose exec -T web python", ("docker", "compose", "exec", "-T", "web", "python"),
         True),
        ("'my python' -X utf8", ("my python", "-X", "utf8"), True),
        ("kept/bin/python", (str(tmp_path / "kept/bin/python"),), False),
        ("no-such-python", ("no-such-python",), False),
    ):  # fmt: skip
        search = found(tmp_path, wish=wish)
        assert search.found == interpreters.Interpreter(argv, "as asked for", is_prefix)


def test_a_name_is_looked_for_on_the_path(tmp_path: Path) -> None:
    tool = tmp_path / "bin/python-of-mine"
    tool.parent.mkdir()
    tool.touch(0o700)
    search = found(tmp_path, wish="python-of-mine", PATH=str(tool.parent))
    assert search.found is not None
    assert search.found.argv == (str(tool),)


@pytest.mark.parametrize(
    ("lock", "tool"),
    [("uv.lock", "uv"), ("poetry.lock", "poetry"), ("pdm.lock", "pdm"), ("Pipfile.lock", "pipenv")],
)
def test_a_tool_is_asked_for_its_environment_when_its_lock_is_there(
    tmp_path: Path, lock: str, tool: str
) -> None:
    python = environment(tmp_path / "kept elsewhere")
    program = tmp_path / "bin" / tool
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho a remark\necho '{python}'\n")
    program.chmod(0o700)
    path = f"{program.parent}:{os.environ['PATH']}"
    assert found(tmp_path, PATH=path).found is None
    (tmp_path / lock).touch()
    search = found(tmp_path, PATH=path)
    assert search.found is not None
    assert search.found.argv == (str(python),)
    assert f"{tool} keeps for {lock}" in search.found.why
    program.write_text("#!/bin/sh\nexit 1\n")
    assert any(f"{lock}: {tool}" in said for said in found(tmp_path, PATH=path).tried)
    assert f"{lock}: {tool} is not installed" in found(tmp_path, PATH="/nowhere").tried


def test_the_own_interpreter_is_the_last_resort_and_only_when_wanted(tmp_path: Path) -> None:
    assert found(tmp_path).found is None
    search = found(tmp_path, own=True)
    assert search.found is not None
    assert search.found.argv == (sys.executable,)
    assert search.found.is_own
    assert "no other has Django" in search.found.why


def test_the_environment_that_pre_commit_made_for_the_hook_is_not_the_projects(
    tmp_path: Path,
) -> None:
    assert found(tmp_path, VIRTUAL_ENV=sys.prefix).found is not None
    assert found(tmp_path, VIRTUAL_ENV=sys.prefix, PRE_COMMIT="1").found is None


def test_the_environment_that_was_active_before_pre_commit_is_found(tmp_path: Path) -> None:
    python = environment(tmp_path / "elsewhere")
    path = os.pathsep.join([f"{sys.prefix}/bin", str(python.parent), "/usr/bin"])
    search = found(tmp_path, VIRTUAL_ENV=sys.prefix, PRE_COMMIT="1", PATH=path)
    assert search.found is not None
    assert (search.found.argv, search.found.why) == (
        (str(python),),
        "the active virtual environment",
    )


def test_paths_that_may_appear_are_those_that_are_looked_for(tmp_path: Path) -> None:
    places = interpreters.places((str(tmp_path),))
    assert str(tmp_path / ".venv/bin/python") in places
    assert str(tmp_path / "poetry.lock") in places


def test_the_interpreter_is_really_the_environments(tmp_path: Path) -> None:
    python = environment(tmp_path / ".venv")
    said = subprocess.check_output([python, "-c", "import django; print(django.__file__)"])
    assert str(tmp_path) in said.decode()
