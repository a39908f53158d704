"""A hostile project in the real container, as root, with secrets planted where a job has them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.container import hostile
from tests.container.job import VARIABLES
from tests.container.runner import COMMANDS, TOKEN, Origin, PullRequest, Run, Runner
from tests.container.test_action import own

pytestmark = pytest.mark.needs("container")

SECRET = f"{hostile.PLANTED}-0123456789"
HOSTILE = Path(hostile.__file__).read_text()
MANAGE = """\
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
"""
SETTINGS = "SECRET_KEY = 'x'\nINSTALLED_APPS = ['shop']\nDEFAULT_AUTO_FIELD = 'x'\n"
PROJECT = {"manage.py": MANAGE, "shop/settings.py": SETTINGS, "hostile.py": HOSTILE}
DRIFTING = {
    "shop/settings.py": SETTINGS.replace("'x'\n", "'django.db.models.AutoField'\n"),
    "shop/models.py": "from django.db import models\n\n\nclass Shop(models.Model):\n"
    "    name = models.CharField(max_length=9)\n\n\nclass Price(models.Model):\n    pass\n",
}


class Job(NamedTuple):
    """A job with secrets everywhere."""

    runner: Runner
    origin: Origin
    engine: Path
    """A socket where the engine's would be."""

    def run(self, files: Mapping[str, str | None], **inputs: str) -> Run:
        """Run the action on a pull request; nothing outside may change but what it reports."""
        pull = self.origin.pull_request({**PROJECT, **files})
        self.prepare(pull)
        before = snapshot(self.runner.folder)
        run = self.runner.run(
            own(pull) | {"planted": SECRET},
            sha=pull.merge,
            inputs=inputs,
            more=dict.fromkeys(VARIABLES, SECRET),
            volumes={"/var/run/docker.sock": self.engine},
        )
        assert snapshot(self.runner.folder) == before
        return run

    def prepare(self, pull: PullRequest) -> None:
        """Check out, as a checkout that left its credentials behind."""
        self.runner.checkout(pull.merge)
        with (self.runner.workspace / ".git/config").open("a") as file:
            file.write(f'[http "https://github.com/"]\n\textraheader = AUTHORIZATION: {SECRET}\n')
        mounts = self.runner.mounts()
        (mounts["/github/home"] / ".netrc").write_text(SECRET)
        (mounts["/github/workflow"] / "event.json").write_text(SECRET)
        (mounts["/github/runner_temp"] / "git-credentials-1.config").write_text(SECRET)

    def outside(self, program: str) -> str:
        """Run a program of the workspace as root, like any other step in a container."""
        words = ["docker", "run", "--rm", "--workdir=/github/workspace", "--network=none"]
        words += [f"--env={name}={SECRET}" for name in VARIABLES]
        words += [f"--volume={at}:{inside}" for inside, at in self.runner.mounts().items()]
        words += [f"--volume={self.engine}:/var/run/docker.sock", "--pids-limit=3000"]
        words += ["--entrypoint=python3", self.runner.image, "-c", program]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120)
        return done.stderr


@pytest.fixture
def job(runner: Runner, origin: Origin, tmp_path: Path) -> Iterator[Job]:
    engine = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(engine))
        server.listen(50)
        engine.chmod(0o666)
        yield Job(runner, origin, engine)


def everything(job: Job, run: Run) -> str:
    """All that a run lets others see: log, summary, outputs, command files, artifacts."""
    commands = job.runner.mounts()["/github/file_commands"]
    texts = [run.log, run.summary, json.dumps(run.outputs)]
    texts += [(commands / name).read_text() for name in COMMANDS]
    for path in (job.runner.workspace / ".git/remigrate").rglob("*"):
        texts.append(path.read_text() if path.is_file() else "")
    return "\n".join(texts)


REPORTED = ("_runner_file_commands/", "event.json", ".git/remigrate")


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Mode, owner and content of every file, but for what every run writes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if not any(part in str(path) for part in REPORTED):
            about = path.lstat()
            data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found[str(path)] = (about.st_mode, about.st_uid, data)
    return found


def is_harmless(job: Job, run: Run) -> None:
    seen = everything(job, run)
    assert hostile.PLANTED not in seen
    assert TOKEN not in seen
    commands = job.runner.mounts()["/github/file_commands"]
    for name in ("add_path_1", "save_state_1", "set_env_1"):
        assert (commands / name).read_text() == ""
    assert "hostile" not in run.outputs.get("decision", "")
    for line in run.log.splitlines():
        assert "##[" not in line
        assert not line.strip().startswith(("::set-output", "::add-mask", "::warning::hostile"))
    assert "\x1b" not in run.log


def test_a_hostile_build_gets_nothing(job: Job) -> None:
    start = time.monotonic()
    program = "python3 -c 'import hostile, sys; sys.exit(hostile.main())'"
    run = job.run({}, install=program, drift="true")
    assert run.code == 4, run.log
    assert "got []" in run.log
    is_harmless(job, run)
    assert time.monotonic() - start < 120
    assert os.stat(job.engine).st_mode & 0o777 == 0o666


def test_hostile_settings_get_nothing(job: Job) -> None:
    settings = "import hostile\nhostile.main()\nraise RuntimeError(f'got {hostile.got}')\n"
    start = time.monotonic()
    run = job.run({"shop/settings.py": settings}, drift="true")
    assert run.code == 4, run.log
    assert "got []" in run.log
    is_harmless(job, run)
    assert time.monotonic() - start < 120


def test_settings_that_sleep_are_stopped_in_time(job: Job) -> None:
    limit = "[tool.remigrate]\ntime-limit = 3\n"
    start = time.monotonic()
    run = job.run(
        {"shop/settings.py": "import time\ntime.sleep(600)\n", "pyproject.toml": limit},
        drift="true",
    )
    assert run.code == 4, run.log
    assert "did not come to an end in 3 seconds" in run.log
    assert time.monotonic() - start < 60


def test_the_same_program_without_a_sandbox_gets_everything(job: Job) -> None:
    """What the two tests above would say if nothing stood between."""
    pull = job.origin.pull_request(PROJECT)
    job.prepare(pull)
    done = job.outside("import hostile; hostile.main()")
    [line] = [line for line in done.splitlines() if line.startswith("got ")]
    got = json.loads(line.removeprefix("got "))
    wanted = ["own variables", "list /github", "the engine's socket", "root", "signals", "env"]
    wanted += ["memory", "processes"]
    wanted += [f"read {path}" for path in hostile.READ]
    wanted += [f"write {path}" for path in hostile.WRITTEN]
    wanted += [f"create in {path}" for path in hostile.CREATED]
    assert set(wanted) <= set(got)


def test_an_environment_is_built_and_drift_is_found(job: Job) -> None:
    run = job.run(DRIFTING | {"requirements.txt": "Django>=5.2,<5.3\n"}, drift="true")
    assert run.code == 1, run.log
    assert any("RM301" in line for line in run.annotations)


def test_a_project_that_says_nothing_is_asked_by_our_own_django(job: Job) -> None:
    run = job.run(DRIFTING)
    assert run.code == 1, run.log
    assert any("RM301" in line for line in run.annotations)
