"""Scratch servers: real ones, and what is left of them when the run ends in whatever way."""

from __future__ import annotations

import importlib
import json
import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest

from remigrate import errors, server_home, servers

VENDORS: tuple[servers.Vendor, ...] = ("postgresql", "mysql")
OWNER = """
import json, os, sys, time
from remigrate import servers
vendor, folder, how = sys.argv[1:]
with servers.start(vendor, folder, os.environ) as server:
    print(json.dumps(server.config), flush=True)
    if how == "raise":
        raise ValueError
    if how == "wait":
        time.sleep(120)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not below pytest's own folder: the user that runs a server for root does not get in there."""
    made = Path(tempfile.mkdtemp(prefix="remigrate-test-"))
    made.chmod(0o711)
    yield made
    for left in made.iterdir():
        left.rmdir()
    made.rmdir()


@pytest.fixture(params=VENDORS)
def vendor(request: pytest.FixtureRequest) -> servers.Vendor:
    found: servers.Vendor = request.param
    return found


@pytest.fixture(scope="session")
def missing(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Why this machine lacks a kind of server."""
    reasons = {}
    for vendor in VENDORS:
        try:
            with servers.start(vendor, str(tmp_path_factory.mktemp("servers")), os.environ):
                pass
        except servers.NoServer as error:
            reasons[str(vendor)] = error.reason
    return reasons


@pytest.fixture
def machine(vendor: servers.Vendor, missing: dict[str, str]) -> servers.Vendor:
    """A kind of server that this machine has."""
    if vendor in missing:
        pytest.skip(missing[vendor])
    return vendor


needs_servers = pytest.mark.needs("servers")


def connect(config: servers.Config, **changed: str) -> Any:
    known = {**config, **changed}
    place = {"host": str(known["HOST"]), "port": int(str(known["PORT"])), "connect_timeout": 10}
    account = {"user": str(known["USER"]), "password": str(known["PASSWORD"])}
    is_postgresql = servers.vendor(str(known["ENGINE"])) == "postgresql"
    driver = importlib.import_module("psycopg" if is_postgresql else "pymysql")
    name = {"dbname" if is_postgresql else "database": str(known["NAME"])}
    return driver.connect(**place, **account, **name)


def version(config: servers.Config) -> str:
    with closing(connect(config)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SELECT version()")
        return str(cursor.fetchone()[0])


def running(folder: Path) -> dict[int, int]:
    """Processes that work in the folder, and their users."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{name}/cwd").startswith(f"{folder}/"):
                found[int(name)] = os.stat(f"/proc/{name}").st_uid
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def soon(true: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def owner(vendor: str, folder: Path, how: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", OWNER, vendor, str(folder), how]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def ready(process: subprocess.Popen[str]) -> servers.Config:
    assert process.stdout
    config: servers.Config = json.loads(process.stdout.readline())
    return config


# Started


@needs_servers
def test_a_server_is_ready_and_says_which_it_is(machine: servers.Vendor, folder: Path) -> None:
    with servers.start(machine, str(folder), os.environ) as server:
        assert server.vendor == machine
        assert server.version.partition("-")[0] in version(server.config)
        assert os.access(server.why, os.X_OK)


@needs_servers
def test_two_servers_at_once_do_not_meet(machine: servers.Vendor, folder: Path) -> None:
    def start() -> AbstractContextManager[servers.Server]:
        return servers.start(machine, str(folder), os.environ)

    with start() as one:
        with start() as other, pytest.raises(Exception, match=r"(?i)denied|authentication failed"):
            connect({**one.config, "PORT": other.config["PORT"]})
        assert version(one.config)


@needs_servers
@pytest.mark.parametrize("user", ["remigrate", "root", "postgres", "nobody"])
def test_nobody_gets_in_without_the_password(
    machine: servers.Vendor, folder: Path, user: str
) -> None:
    with servers.start(machine, str(folder), os.environ) as server:
        for password in ("", "wrong"):
            with pytest.raises(Exception, match=r"(?i)denied|authentication failed|no password"):
                connect(server.config, USER=user, PASSWORD=password)


@needs_servers
def test_it_listens_on_loopback_alone(machine: servers.Vendor, folder: Path) -> None:
    with servers.start(machine, str(folder), os.environ) as server:
        port = int(str(server.config["PORT"]))
        socket.create_connection(("127.0.0.1", port)).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port)).close()
        assert not [path for path in folder.rglob("*") if path.is_socket()]


@needs_servers
def test_the_password_is_in_no_file_and_on_no_command_line(
    machine: servers.Vendor, folder: Path
) -> None:
    with servers.start(machine, str(folder), os.environ) as server:
        password = str(server.config["PASSWORD"]).encode()
        pids = running(folder)
        assert pids
        files = [path for path in folder.rglob("*") if path.is_file()]
        files += [Path(f"/proc/{pid}/{name}") for pid in pids for name in ("cmdline", "environ")]
        assert len(files) > 100
        assert not [path for path in files if password in path.read_bytes()]


@needs_servers
def test_a_port_that_is_taken_meanwhile_is_left_alone(
    machine: servers.Vendor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = servers._free_port
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = [free(), taken.getsockname()[1]]
        monkeypatch.setattr(servers, "_free_port", ports.pop)
        with servers.start(machine, str(folder), os.environ) as server:
            assert server.config["PORT"] != str(taken.getsockname()[1])
            assert version(server.config)


# As whom


@needs_servers
@pytest.mark.needs("root")
def test_root_starts_it_as_somebody_else(machine: servers.Vendor, folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("this is not root")
    with servers.start(machine, str(folder), os.environ):
        [home] = folder.iterdir()
        users = set(running(folder).values())
        assert len(users) == 1
        assert 0 not in users
        assert home.stat().st_uid == 0
        assert stat.S_IMODE(home.stat().st_mode) == 0o710
        assert stat.S_IMODE((home / "data").stat().st_mode) == 0o700


@needs_servers
@pytest.mark.needs("root")
def test_root_uses_the_temporary_folder_where_others_cannot_enter(
    machine: servers.Vendor, folder: Path, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("this is not root")
    environ = {**os.environ, "TMPDIR": str(folder)}
    closed = tmp_path / "closed"
    with servers.start(machine, str(closed), environ) as server:
        assert version(server.config)
        assert len(list(folder.iterdir())) == 1
    folder.chmod(0o700)
    with (
        pytest.raises(servers.NoServer, match="can enter neither"),
        servers.start(machine, str(closed), environ),
    ):
        pass


@needs_servers
@pytest.mark.needs("root")
def test_an_ordinary_user_starts_it_too(machine: servers.Vendor, folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become an ordinary user")
    user = pwd.getpwnam("nobody")
    own = folder / "own"
    own.mkdir(0o700)
    os.chown(own, user.pw_uid, user.pw_gid)
    child = os.fork()
    if not child:
        done = 1
        try:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            with servers.start(machine, str(own), {"PATH": os.defpath}) as server:
                [home] = own.iterdir()
                closed = stat.S_IMODE(home.stat().st_mode) == 0o700
                done = 0 if version(server.config) and closed else 2
        finally:
            os._exit(done)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert list(own.iterdir()) == []


# The end of it


@needs_servers
@pytest.mark.parametrize("how", ["return", "raise", "interrupt"])
def test_nothing_is_left_when_the_run_ends(machine: servers.Vendor, folder: Path, how: str) -> None:
    process = owner(machine, folder, "wait" if how == "interrupt" else how)
    assert ready(process)
    if how == "interrupt":
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert (process.returncode == 0) == (how == "return")
    assert running(folder) == {}
    assert list(folder.iterdir()) == []


@needs_servers
def test_a_killed_run_leaves_no_process_and_the_next_one_cleans_up(
    machine: servers.Vendor, folder: Path
) -> None:
    process = owner(machine, folder, "wait")
    ready(process)
    assert running(folder)
    process.kill()
    process.communicate()
    assert soon(lambda: running(folder) == {})
    [left] = folder.iterdir()
    with servers.start(machine, str(folder), os.environ):
        assert left not in folder.iterdir()


@needs_servers
@pytest.mark.parametrize("delay", [0.1, 0.25, 0.4, 0.6])
def test_a_run_killed_while_its_server_starts_leaves_no_process(
    machine: servers.Vendor, folder: Path, delay: float
) -> None:
    process = owner(machine, folder, "wait")
    time.sleep(delay)
    process.kill()
    process.communicate()
    assert soon(lambda: running(folder) == {})
    with servers.start(machine, str(folder), os.environ):
        assert len(list(folder.iterdir())) == 1


@needs_servers
def test_a_server_that_is_in_use_is_not_taken_for_one_left_behind(
    machine: servers.Vendor, folder: Path
) -> None:
    process = owner(machine, folder, "wait")
    config = ready(process)
    [used] = folder.iterdir()
    # Its number may be unknown here, as when it runs in another container.
    renamed = used.with_name(f"remigrate-server-{2**22 + 1}-0")
    renamed.symlink_to(used)
    with servers.start(machine, str(folder), os.environ):
        assert used.exists()
    server_home._remove_stale(str(folder), "remigrate-server-")
    assert version(config)
    renamed.unlink()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert list(folder.iterdir()) == []


@needs_servers
def test_a_killed_postgresql_leaves_no_children(folder: Path) -> None:
    try:
        with servers.start("postgresql", str(folder), os.environ):
            pids = running(folder)
            [first] = (pid for pid in pids if _parent(pid) not in pids)
            assert len(pids) > 2
            os.kill(first, signal.SIGKILL)
            assert soon(lambda: set(running(folder)) <= {first})
    except servers.NoServer as error:
        pytest.skip(error.reason)


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


# No server


def test_a_machine_without_servers_says_so(vendor: servers.Vendor, folder: Path) -> None:
    with (
        pytest.raises(servers.NoServer, match="this machine has no ") as caught,
        servers.start(vendor, str(folder), {"PATH": ""}, {"postgresql": (), "mysql": ()}),
    ):
        pass
    assert str(caught.value) == caught.value.reason


def test_programs_that_fail_are_quoted(folder: Path) -> None:
    programs = folder / "bin"
    programs.mkdir()
    for name, text in {
        "postgres": "echo 'postgres (PostgreSQL) 99.1'",
        "initdb": "echo 'no room for it' >&2; exit 3",
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    programs.chmod(0o755)
    try:
        with (
            pytest.raises(servers.NoServer, match=r"initdb failed\n  \| no room for it"),
            servers.start("postgresql", str(folder), {"PATH": str(programs)}),
        ):
            pass
        (programs / "initdb").write_text("#!/bin/sh\n")
        with (
            pytest.raises(servers.NoServer, match=r"did not start\n  \| postgres .PostgreSQL. 99"),
            servers.start("postgresql", str(folder), {"PATH": str(programs)}),
        ):
            pass
    finally:
        for program in programs.iterdir():
            program.unlink()


def test_a_folder_that_cannot_be_used_is_named(vendor: servers.Vendor, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    try:
        with (
            pytest.raises(servers.NoServer, match="file/x cannot be used: Not a dir"),
            servers.start(vendor, str(file / "x"), os.environ),
        ):
            pass
    except servers.NoServer as error:
        pytest.skip(error.reason)


# Names


@pytest.mark.parametrize(
    ("engine", "kind"),
    [
        ("django.db.backends.sqlite3", "sqlite"),
        ("django.contrib.gis.db.backends.spatialite", "sqlite"),
        ("django_prometheus.db.backends.sqlite3", "sqlite"),
        ("django.db.backends.postgresql", "postgresql"),
        ("django.db.backends.postgresql_psycopg2", "postgresql"),
        ("django.contrib.gis.db.backends.postgis", "postgresql"),
        ("django_prometheus.db.backends.postgis", "postgresql"),
        ("django_tenants.postgresql_backend", "postgresql"),
        ("psqlextra.backend", "postgresql"),
        ("timescale.db.backends.postgresql", "postgresql"),
        ("django.db.backends.mysql", "mysql"),
        ("mysql.connector.django", "mysql"),
        ("django_prometheus.db.backends.mysql", "mysql"),
        ("django.db.backends.oracle", ""),
        ("mssql", ""),
        ("django_cockroachdb", ""),
        ("django.db.backends.dummy", ""),
        ("", ""),
    ],
)
def test_the_kind_of_an_engine(engine: str, kind: str) -> None:
    assert servers.vendor(engine) == kind


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgres://ada:p%40ss%2Fw%23@db.example.org:5433/shop%20x?sslmode=require",
            ("postgresql", "shop x", "ada", "p@ss/w#", "db.example.org", "5433"),
        ),
        ("postgresql://localhost", ("postgresql", "postgres", "", "", "localhost", "")),
        (
            "postgis://ada@[::1]:5432/geo",
            ("gis.db.backends.postgis", "geo", "ada", "", "::1", "5432"),
        ),
        ("postgres://ada@%2Frun%2Fpg/shop", ("postgresql", "shop", "ada", "", "/run/pg", "")),
        (
            "postgres:///shop?host=/run/pg&user=ada",
            ("postgresql", "shop", "ada", "", "/run/pg", ""),
        ),
        ("mysql://ada:x@127.0.0.1:3306/shop", ("mysql", "shop", "ada", "x", "127.0.0.1", "3306")),
        ("MariaDB://ada:a:b@h/shop", ("mysql", "shop", "ada", "a:b", "h", "")),
    ],
)
def test_a_url_names_a_database(url: str, expected: tuple[str, ...]) -> None:
    config = servers.from_url(url)
    assert str(config["ENGINE"]).endswith(expected[0])
    names = ("NAME", "USER", "PASSWORD", "HOST", "PORT")
    assert tuple(config[name] for name in names) == expected[1:]


def test_options_of_a_url_reach_the_driver_as_it_wants_them() -> None:
    asked = "connect_timeout=5&charset=utf8mb4"
    assert servers.from_url(f"mysql://h/shop?{asked}")["OPTIONS"] == {
        "connect_timeout": 5,
        "charset": "utf8mb4",
    }
    assert servers.from_url(f"postgres://h/shop?{asked}")["OPTIONS"] == {
        "connect_timeout": "5",
        "charset": "utf8mb4",
    }


def test_a_url_names_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert servers.from_url("sqlite:///db%20x.sqlite3")["NAME"] == str(tmp_path / "db x.sqlite3")
    assert servers.from_url("sqlite:////srv/db.sqlite3")["NAME"] == "/srv/db.sqlite3"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "secret",
        "secret@host/shop",
        "oracle://ada:secret@host/shop",
        "postgres:ada:secret@host/shop",
        "postgres://ada:secret@host:port/shop",
        "postgres://ada:sec#secret@host/shop",
        "postgres://ada:sec/secret@host/shop",
        "postgres://ada:secret@one,two/shop",
        "postgres://ada:secret@[::1/shop",
        "postgres://ada:secret@host/shop/secret",
        "postgres://ada:secret@host/shop?secret",
        "postgres://ada:secret@host:123456/shop",
        "sqlite://",
        "sqlite://secret",
        "sqlite:///",
        "sqlite://:memory:",
        "sqlite:///db?mode=secret",
    ],
)
def test_a_url_that_names_nothing_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(errors.UsageFailure, match="the URL of the ") as caught:
        servers.from_url(url)
    assert "secret" not in f"{caught.value} {caught.value.hint}"
    assert caught.value.hint


def test_scratch_databases_are_beside_the_one_that_was_named() -> None:
    config = servers.from_url("postgres://ada@host/shop")
    scratch = servers.beside(config, "old")
    assert scratch["THROUGH"] == "shop"
    assert str(scratch["NAME"]).startswith("remigrate_")
    assert scratch == servers.beside(config, "old") != servers.beside(config, "new")
    file = servers.beside({"ENGINE": "django.db.backends.sqlite3", "NAME": "/srv/db"}, "old")
    assert str(file["NAME"]).startswith("/srv/remigrate_")
