"""The image built from this tree, and a job that runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from remigrate.local_github.server import LocalGitHub
from tests.bot.story import Story
from tests.container.job import Job
from tests.container.runner import REPOSITORY, Origin, Runner, Server, git, migration
from tests.octokit.description import published

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def docker() -> str:
    """Path of a Docker client whose engine answers."""
    client = shutil.which("docker")
    if client is None:
        pytest.skip("there is no Docker client on PATH")
    asked = subprocess.run([client, "info"], capture_output=True, text=True, timeout=60)
    if asked.returncode:
        pytest.skip(f"no Docker engine answers: {asked.stderr.strip().splitlines()[-1]}")
    return client


@pytest.fixture(scope="session")
def image(docker: str, root: Path) -> str:
    """The image, built from this tree. REMIGRATE_PYTHON_IMAGE replaces the image it stands on."""
    tag = "remigrate-under-test"
    words = [docker, "build", "--network=host", "--force-rm", f"--tag={tag}"]
    if base := os.environ.get("REMIGRATE_PYTHON_IMAGE"):
        words.append(f"--build-arg=PYTHON_IMAGE={base}")
    done = subprocess.run(
        [*words, str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-8000:]
    return tag


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Origin]:
    """`main` of a shop: its second migration landed after the pull requests were cut."""
    folder = tmp_path / "srv" / f"{REPOSITORY}.git"
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main")
    # GitHub hands out any commit that is reachable from some ref.
    git(folder, "config", "uploadpack.allowAnySHA1InWant", "true")
    server = Server(tmp_path / "srv")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    made = Origin(folder, server)
    fill(made)
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def fill(origin: Origin) -> None:
    empty = git(origin.folder, "hash-object", "-t", "tree", "-w", "/dev/null")
    start = git(origin.folder, "commit-tree", empty, "-m", "Start")
    first = {
        "manage.py": "",
        "shop/__init__.py": "",
        "shop/migrations/__init__.py": "",
        "shop/migrations/0001_initial.py": migration("Shop"),
    }
    second = {"shop/migrations/0002_prices.py": migration("Price", "0001_initial")}
    commit = origin.commit(start, first, [start])
    commit = origin.commit(commit, second, [commit])
    git(origin.folder, "update-ref", "refs/heads/main", commit)


@pytest.fixture
def runner(tmp_path: Path, image: str, origin: Origin) -> Runner:
    """A job that has not checked anything out yet."""
    return Runner(tmp_path / "job", image, origin)


@pytest.fixture
def job(tmp_path: Path, runner: Runner) -> Iterator[Job]:
    """Jobs about Ada's pull request, which collides with main."""
    description = published()
    check = None if description is None else description.check
    with LocalGitHub("octo/shop", folder=tmp_path / "github", check=check) as hub:
        yield Job(Story.begun(hub, tmp_path), runner)
