"""Environments built in the real container, from what a project says it needs."""

from __future__ import annotations

import subprocess

import pytest

from tests.container.locks import PROJECTS, PYPROJECT
from tests.container.runner import Origin, Run, Runner
from tests.container.test_action import own

pytestmark = pytest.mark.needs("container")

MANAGE = """\
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
"""
TELLS = """\
import os, shutil, sys
import django
found = shutil.which("tree"), os.environ.get("SHOP_MODE")
raise RuntimeError(f"Django {django.__version__}, Python {sys.version_info[:2]}, {found}")
"""


def told(runner: Runner, origin: Origin, files: dict[str, str], **inputs: str) -> Run:
    """A run of a project whose settings tell where they run."""
    project = {"manage.py": MANAGE, "shop/settings.py": TELLS}
    pull = origin.pull_request({**project, **files})
    runner.checkout(pull.merge)
    given = {name.replace("_", "-"): value for name, value in inputs.items()}
    return runner.run(own(pull), sha=pull.merge, inputs={"drift": "true", **given})


@pytest.mark.parametrize("source", PROJECTS)
def test_the_environment_is_what_the_project_says(
    runner: Runner, origin: Origin, source: str
) -> None:
    run = told(runner, origin, PROJECTS[source])
    assert "Django 5.2.4" in run.log
    assert f"built with uv from {source}" in run.log


def test_a_lock_of_uv_comes_before_all_others(runner: Runner, origin: Origin) -> None:
    folder = runner.folder / "locked"
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PYPROJECT.replace("==5.2.4", "==5.2.5"))
    mount = (f"--volume={folder}:/locked", "--workdir=/locked", "--entrypoint=uv")
    words = ["docker", "run", "--rm", "--network=host", "--env=UV_SYSTEM_CERTS=1", *mount]
    subprocess.run([*words, runner.image, "lock", "--quiet"], check=True, timeout=120)
    files = {path.name: path.read_text() for path in folder.iterdir()}
    run = told(runner, origin, PROJECTS["poetry.lock"] | files)
    assert "Django 5.2.5" in run.log
    assert "built with uv from uv.lock" in run.log


def test_the_inputs_say_how_instead(runner: Runner, origin: Origin) -> None:
    run = told(
        runner,
        origin,
        PROJECTS["pyproject.toml"],
        install="pip install --quiet Django==5.2.5 && touch installed",
        apt_packages="tree",
        env="SHOP_MODE=test=1",
    )
    assert "Django 5.2.5" in run.log
    assert "built with uv from the input install" in run.log
    assert "('/usr/bin/tree', 'test=1')" in run.log


@pytest.mark.parametrize(("drift", "code"), [("true", 4), ("auto", 0)])
def test_a_failed_build_shows_the_tools_words_and_the_ways_out(
    runner: Runner, origin: Origin, drift: str, code: int
) -> None:
    files = {"requirements.txt": "there-is-no-such-package-remigrate==1\n"}
    run = told(runner, origin, files, drift=drift)
    assert run.code == code, run.log
    assert "there-is-no-such-package-remigrate" in run.log
    assert "Inputs that may help: install" in run.log
    place = run.summary if drift == "auto" else run.log
    assert "could not be built from requirements.txt" in place.replace("`", "")


@pytest.mark.parametrize(
    ("inputs", "code", "words"),
    [
        ({"python-version": "3.99"}, 4, "No interpreter found"),
        ({"apt-packages": "there-is-no-such-package"}, 4, "could not be installed"),
        ({"apt-packages": "--allow-downgrades"}, 2, "not the name of a Debian package"),
        ({"env": "PATH=/tmp"}, 2, "may not set PATH"),
        ({"drift": "maybe"}, 2, "the input drift is maybe"),
    ],
    ids=str,
)
def test_an_input_that_cannot_be_followed(
    runner: Runner, origin: Origin, inputs: dict[str, str], code: int, words: str
) -> None:
    run = told(runner, origin, PROJECTS["pyproject.toml"], **inputs)
    assert run.code == code, run.log
    assert words in run.log
