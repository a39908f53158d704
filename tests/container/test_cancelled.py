"""A job that somebody cancels: GitHub's runner sends SIGINT, SIGTERM some seconds later, and kills
what is there after ten."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.container.job import Job
from tests.container.runner import Run
from tests.container.test_servers import ON_POSTGRESQL, told

pytestmark = pytest.mark.needs("container")

SLEEPS = """\
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("shop", "0003_discount")]
    operations = [migrations.RunSQL("SELECT pg_sleep(600)")]
"""


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def wait_until(seen: Callable[[], bool], running: Future[Run], seconds: float) -> None:
    """While it runs, and no longer than that."""
    deadline = time.monotonic() + seconds
    is_over = False
    while not seen():
        assert time.monotonic() < deadline
        assert not is_over, running.result().log
        is_over = running.done()
        time.sleep(0.3)


def test_a_job_that_is_cancelled_in_mid_reset_says_so_and_leaves_nothing(job: Job) -> None:
    story = job.story
    story.hub.state.push("main", ON_POSTGRESQL, "PostgreSQL")
    story.hub.state.push("topic", {"shop/migrations/0004_sleeps.py": SLEEPS}, "Zzz", by="ada")
    name = f"remigrate-test-{os.urandom(4).hex()}"
    job.runner = job.runner._replace(words=(f"--name={name}",))
    with ThreadPoolExecutor() as threads:
        running = threads.submit(told, job, f"/reset-migrations sha={story.head[:12]}")
        # PostgreSQL's process says what it does.
        wait_until(lambda: "SELECT" in docker("top", name, "-eo", "pid,args"), running, 120)
        assert story.reactions() == ["eyes"]
        docker("kill", "--signal=SIGINT", name)
        time.sleep(0.5)
        docker("kill", "--signal=SIGTERM", name)
        wait_until(lambda: story.reactions() == ["-1"], running, 9)
        run = running.result()
    assert run.code == 130, run.log
    assert "the job was cancelled" in run.log
    assert "left [] []" in run.log
    [said] = story.answers()
    assert said.startswith("👎 The job was cancelled. Nothing was pushed.")
    assert story.reactions() == ["-1"]
    assert not story.branch("remigrate/pr-1")
    assert "migrating the old history" in run.summary
