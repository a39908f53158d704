"""A small world with secrets in it, and a sandbox that stands in the middle."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import pytest

from remigrate import closing, git, sandbox

PYTHON = shutil.which("python3", path="/usr/local/bin:/usr/bin")
"""One that any user can run; the tests' own may live in root's home."""
SECRET = "ghs_the_secret_of_the_job"
FILES = {"manage.py": "print('hello')\n", "shop/models.py": "# a model\n", "run.sh": "#!/bin/sh\n"}


class World(NamedTuple):
    """What a runner leaves lying around a job, in a folder of its own."""

    folder: Path
    repository: git.Repository

    @property
    def workspace(self) -> Path:
        return self.folder / "github/workspace"

    @property
    def base(self) -> Path:
        return self.folder / "base"

    @property
    def loose(self) -> Path:
        """A folder that everybody may write to, like /tmp."""
        return self.folder / "loose"

    @property
    def socket(self) -> Path:
        return self.folder / "run/docker.sock"

    @property
    def commit(self) -> str:
        return git.head_commit(self.repository) or ""

    def ground(self) -> closing.Ground:
        hidden = [
            self.workspace,
            self.workspace / ".git/config",
            self.folder / "github/event.json",
            self.folder / "github/commands/env",
            self.socket,
        ]
        examined = (str(self.folder),)
        return closing.Ground(
            tuple(map(str, hidden)), examined, needed=("/usr", "/etc"), python=PYTHON or ""
        )


def run_git(folder: Path, *words: str, stdin: bytes | None = None) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words], check=True, capture_output=True, input=stdin
    )
    return done.stdout.decode().strip()


@pytest.fixture
def root_user() -> None:
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("the sandbox is made by root, on Linux")
    if PYTHON is None:
        pytest.skip("there is no Python that every user can run")


@pytest.fixture
def world(root_user: None) -> Iterator[World]:
    """Not below pytest's own folder: no other user gets in there."""
    folder = Path(tempfile.mkdtemp(prefix="remigrate-world-", dir="/srv"))
    folder.chmod(0o755)
    workspace = folder / "github/workspace"
    workspace.mkdir(parents=True)
    run_git(workspace, "init", "--quiet")
    for path, text in FILES.items():
        (workspace / path).parent.mkdir(exist_ok=True)
        (workspace / path).write_text(text)
    (workspace / "run.sh").chmod(0o755)
    (workspace / "link").symlink_to("shop/models.py")
    run_git(workspace, "add", "--all")
    run_git(workspace, "commit", "--quiet", "--message=start")
    run_git(workspace, "config", "http.extraheader", f"AUTHORIZATION: {SECRET}")
    (folder / "github/event.json").write_text(SECRET)
    (folder / "github/commands").mkdir()
    (folder / "github/commands/env").write_text("")
    (folder / "github/commands/env").chmod(0o666)
    (folder / "run").mkdir()
    (folder / "loose").mkdir()
    (folder / "loose").chmod(0o1777)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "run/docker.sock"))
        server.listen(20)
        (folder / "run/docker.sock").chmod(0o666)
        yield World(folder, git.open_repository(str(workspace), dict(os.environ)))
    shutil.rmtree(folder)


Opened = Callable[..., AbstractContextManager[sandbox.Sandbox]]


@pytest.fixture
def opened(world: World) -> Opened:
    """Opens a sandbox with the files of the world's commit."""

    def enter(
        commit: str = "", ground: closing.Ground | None = None, **given: str
    ) -> AbstractContextManager[sandbox.Sandbox]:
        return sandbox.opened(
            world.repository,
            commit or world.commit,
            ground or world.ground(),
            {"INPUT_TOKEN": SECRET, "LANG": "C.UTF-8"},
            given,
            str(world.base),
        )

    return enter
