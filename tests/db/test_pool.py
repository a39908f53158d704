"""What is done through a pool is for this client alone: the next one is handed the same session."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from remigrate import server_home
from tests.cli.project import refused
from tests.db.counter import Counter

pytestmark = pytest.mark.needs("pool")

_INI = """\
[databases]
* = host={HOST} port={PORT} user={USER} password={PASSWORD}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {free}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 1
"""
_SESSION = (
    *("default_transaction_read_only", "transaction_read_only", "search_path"),
    *("statement_timeout", "lock_timeout", "TimeZone", "DateStyle", "role"),
)


@pytest.fixture
def pooled(on_postgresql: Counter) -> Iterator[Counter]:
    """Its settings lead to PgBouncer, which has one session for all of its clients."""
    with _pgbouncer(on_postgresql) as port:
        on_postgresql.config.update(DIRECT=on_postgresql.config["PORT"], PORT=port)
        on_postgresql.set_up()
        yield on_postgresql


@contextlib.contextmanager
def _pgbouncer(counter: Counter) -> Iterator[str]:
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("no pgbouncer")
    account = server_home.account()
    with socket.create_server(("127.0.0.1", 0)) as free, tempfile.TemporaryDirectory() as folder:
        port = str(free.getsockname()[1])
        free.close()
        ini = Path(folder, "pgbouncer.ini")
        ini.write_text(_INI.format(**counter.config, free=port))
        if account:
            for path in (folder, ini):
                os.chown(path, account.uid, account.gid)
        process = subprocess.Popen(
            [program, "--quiet", str(ini)],
            stderr=subprocess.DEVNULL,
            preexec_fn=server_home.becoming(account, signal.SIGTERM),
        )
        try:
            _wait(Counter(counter.path), counter, port)
            yield port
        finally:
            process.kill()
            process.wait()


def _wait(through: Counter, counter: Counter, port: str) -> None:
    through.vendor, through.config = counter.vendor, {**counter.config, "PORT": port}
    deadline = time.monotonic() + 30
    while True:
        try:
            through.do("SELECT 1")
            return
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _session(counter: Counter) -> list[object]:
    """What whoever comes next finds in it; and that it is the same one, which nobody had to end."""
    return [counter.do(f"SHOW {name}")[0] for name in _SESSION] + counter.do(
        "SELECT pg_backend_pid()"
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [(("status",), 0), (("sync",), 1), (("backup", "--part", "rows"), 0)],
    ids=str,
)
def test_the_next_client_finds_nothing_of_ours(
    pooled: Counter, words: tuple[str, ...], code: int
) -> None:
    before = _session(pooled)
    ran = pooled.db(*words)
    assert ran.code == code, ran
    assert ran.err == ""
    assert _session(pooled) == before
    pooled.do("INSERT INTO goods (id) VALUES (99)")


def test_rows_are_restored(pooled: Counter) -> None:
    folder, before = pooled.backup("--part", "rows"), pooled.recorded()
    pooled.do("DELETE FROM django_migrations WHERE id > 1")
    session = _session(pooled)
    ran = pooled.db("restore", folder, "--apply")
    assert ran.code == 0, ran
    assert pooled.recorded() == before
    assert _session(pooled) == session


def test_no_dump_goes_through_it(pooled: Counter) -> None:
    """What `pg_dump` sets stays: an empty search_path is the end of whoever comes next."""
    session = _session(pooled)
    refused(pooled.db("backup"), 4, "is behind a connection pool", "--part rows --part files")
    assert pooled.kept() == []
    assert _session(pooled) == session


def test_no_dump_is_put_back_through_it(pooled: Counter) -> None:
    port = pooled.config["PORT"]
    pooled.config["PORT"] = pooled.config["DIRECT"]
    pooled.set_up()
    folder = pooled.backup()
    pooled.config["PORT"] = port
    pooled.set_up()
    kept, before = pooled.kept(), pooled.content()
    ran = pooled.db("restore", folder, "--part", "dump", "--apply")
    refused(ran, 4, "is behind a connection pool", "--settings")
    assert pooled.kept() == kept
    assert pooled.content() == before
