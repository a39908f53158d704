"""A project on PostgreSQL, whose proof takes a scratch server in the container.

Its migrations are the superuser there, and so may start programs as the server's user: these can do
no more than the rest of the project's code.
"""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from remigrate import demo_shop as project
from remigrate import untrusted
from remigrate.local_github.records import BOT, Token
from tests.bot.story import BOT_MAY
from tests.container import hostile
from tests.container.job import Job
from tests.container.runner import Run

pytestmark = pytest.mark.needs("container")

SQLITE = 'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}'
POSTGRESQL = SQLITE.replace("sqlite3", "postgresql", 1).replace("db.sqlite3", "shop")
ON_POSTGRESQL = {
    "settings.py": project.SETTINGS.replace(SQLITE, POSTGRESQL),
    # Without a wheel of its own for libpq: the image has that.
    "requirements.txt": "Django==5.2.4\npsycopg>=3.2,<4\n",
}
MYSQL = """\
import pymysql

pymysql.install_as_MySQLdb()
DATABASES = {"default": {"ENGINE": "django.db.backends.mysql", "NAME": "shop"}}
"""
ON_MYSQL = {
    "settings.py": project.SETTINGS.replace(SQLITE, MYSQL),
    "requirements.txt": "Django==5.2.4\nPyMySQL>=1.1,<2\n",
}
AND_TELLS = """\
import atexit, os, sys
from remigrate import action


def tell():
    others = [pid for pid in os.listdir("/proc") if pid.isdigit() and int(pid) != os.getpid()]
    print("left", os.listdir("/srv/remigrate"), others, flush=True)


atexit.register(tell)  # the last of all, as it is the first to be registered
sys.exit(action.main(os.environ))
"""


def told(job: Job, body: str, **inputs: str) -> Run:
    """An order; at the end of the log stands what the run has left in the container."""
    entry = "--entrypoint=/opt/remigrate/bin/python"
    job.runner = job.runner._replace(words=(*job.runner.words, entry), argv=("-I", "-c", AND_TELLS))
    return job.order(body, BOT_MAY, **inputs)


def test_a_reset_of_a_project_on_postgresql_is_proved_there_and_then_there_is_no_drift(
    job: Job,
) -> None:
    story = job.story
    story.hub.state.push("main", ON_POSTGRESQL, "PostgreSQL")
    story.reported()
    run = told(job, "/reset-migrations")
    assert run.outputs["decision"] == "pushed", (run.log, story.answers())
    [ours] = story.proposals()
    body = story.hub.state.issue(ours).body
    assert "postgresql 1" in body
    assert "not everything is proved" not in story.hub.state.issue(ours).title
    assert "left [] []" in run.log

    story.hub.state.merge(ours, by="ada")
    green = job.check(drift="true")
    assert green.code == 0, green.log


def test_one_on_mysql_is_proved_with_the_packages_that_we_name(job: Job) -> None:
    story = job.story
    story.hub.state.push("main", ON_MYSQL, "MariaDB")
    story.reported()
    packages = untrusted.NO_SERVER.split("`apt-packages: ")[1].split("`")[0]
    run = told(job, "/reset-migrations dry-run", **{"apt-packages": packages})
    assert run.outputs["decision"] == "rehearsed", (run.log, story.answers())
    assert "MariaDB" in story.answers()[0]
    assert "left [] []" in run.log


EVIL = """\
import base64

from django.db import migrations

PROGRAM = {program!r}


def run(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "COPY (SELECT %s) TO PROGRAM "
            "'base64 -d | /usr/local/bin/python3 - >/dev/null 2>said'", [PROGRAM]
        )
        cursor.execute("SELECT pg_read_file('said')")
        [said] = cursor.fetchone()
    raise RuntimeError(said[said.rindex("got [") :])


class Migration(migrations.Migration):
    dependencies = [("shop", "0003_discount")]
    operations = [migrations.RunPython(run)]
"""


AND_THEN = """
import pwd

fork, children = os.fork, []


def remembered():
    children.append(fork())
    return children[-1]


os.fork = remembered
main()
print("got", json.dumps(got), "as", pwd.getpwuid(os.getuid()).pw_name, file=sys.stderr)
for pid in children[5:]:  # or the server itself could start nothing more
    os.kill(pid, 9)
    os.waitpid(pid, 0)
"""


def test_a_program_that_a_hostile_project_starts_on_the_server_gets_nothing(job: Job) -> None:
    story = job.story
    program = Path(hostile.__file__).read_text() + AND_THEN
    evil = EVIL.format(program=base64.b64encode(program.encode()).decode())
    story.hub.state.push("main", ON_POSTGRESQL, "PostgreSQL")
    story.hub.state.push("topic", {"shop/migrations/0004_evil.py": evil}, "Evil", by="eve")
    job.token = token = f"{hostile.PLANTED}-token"
    story.hub.state.tokens[token] = Token(token, BOT, contents="write", pull_requests="write")
    run = told(job, f"/reset-migrations sha={story.head[:12]}")
    assert "got `[]` as remigrate-server" in story.answers()[0], (run.log, story.answers())
    assert not story.branch("remigrate/pr-1")
    assert token not in repr((run.log, run.outputs, run.summary, story.hub.state.comments))
    assert "left [] []" in run.log
