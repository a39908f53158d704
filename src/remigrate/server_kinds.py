"""PostgreSQL and MySQL as programs: where they are, and the words that make them a scratch server.

Fast instead of lasting: nothing is kept for a crash of the machine.
"""

from __future__ import annotations

import glob
import os
import re
import signal
from typing import TYPE_CHECKING, Literal, NamedTuple

from remigrate.server_home import NoServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from remigrate.server_home import Home

Vendor = Literal["postgresql", "mysql"]
USER = "remigrate"
"""The owner of everything on a scratch server."""
PLACES: Mapping[Vendor, Sequence[str]] = {
    "postgresql": (
        "/usr/lib/postgresql/*/bin",
        "/usr/pgsql-*/bin",
        "/usr/lib64/postgresql-*/bin",
        "/usr/libexec/postgresql*",
        "/usr/local/pgsql/bin",
        "/opt/homebrew/opt/postgresql*/bin",
        "/usr/local/opt/postgresql*/bin",
        "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
        "/Applications/Postgres.app/Contents/Versions/*/bin",
    ),
    "mysql": (
        "/usr/sbin",
        "/usr/bin",
        "/usr/libexec",
        "/usr/local/sbin",
        "/usr/local/mysql/bin",
        "/opt/homebrew/opt/mariadb*/bin",
        "/opt/homebrew/opt/mysql*/bin",
        "/usr/local/opt/mariadb*/bin",
        "/usr/local/opt/mysql*/bin",
        "/home/linuxbrew/.linuxbrew/opt/mariadb*/bin",
        "/home/linuxbrew/.linuxbrew/opt/mysql*/bin",
    ),
}
"""Where installations keep servers that are not on PATH; the newest version of a place first."""


class Programs(NamedTuple):
    server: str
    maker: str
    """Makes the data directory."""


def found(kind: Kind, environ: Mapping[str, str], places: Sequence[str]) -> Programs:
    path = [part for part in environ.get("PATH", "").split(os.pathsep) if os.path.isabs(part)]
    for place in (*path, *_newest_first(places)):
        for server, maker in kind.programs:
            found = _executable(place, server)
            # Debian has the server in sbin, and what makes its data directory in bin.
            beside = (place, os.path.join(os.path.dirname(place), "bin"))
            makers = (_executable(where, maker) for where in beside) if found else ()
            for made_by in filter(None, makers):
                return Programs(found, made_by)
    names = " or ".join(server for server, _ in kind.programs)
    raise NoServer(f"this machine has no {kind.title} server ({names})")


def _executable(place: str, name: str) -> str:
    path = os.path.join(place, name)
    return path if os.path.isfile(path) and os.access(path, os.X_OK) else ""


def _newest_first(places: Sequence[str]) -> Iterator[str]:
    for pattern in places:
        yield from sorted(glob.glob(pattern), key=_numbers, reverse=True)


def _numbers(path: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path)]


class Kind(NamedTuple):
    title: str
    engine: str
    database: str
    """Every server of the kind has it."""
    programs: tuple[tuple[str, str], ...]
    """Pairs of server and maker, in one place."""
    secret: str
    """What is in the file with the password."""
    make: Callable[[Programs, Home], list[str]]
    serve: Callable[[Programs, Home, int], list[str]]
    ready: bytes
    end: signal.Signals
    """Ends the server at once, without a thought for its data, and lets it free its memory."""


def _make_postgresql(programs: Programs, home: Home) -> list[str]:
    words = ["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=scram-sha-256"]
    # A small first log file: writing one of 16 MiB is a third of the time that initdb takes.
    size = "--wal-segsize=1"
    return [programs.maker, "-D", home.data, "-U", USER, f"--pwfile={home.secret}", size, *words]


_POSTGRESQL = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "1d",
    "shared_buffers": "64MB",
    "dynamic_shared_memory_type": "mmap",  # in the data directory, and removed with it
    "max_connections": "40",
    "max_worker_processes": "2",
    "max_parallel_workers": "0",
    "max_locks_per_transaction": "512",  # a long history in one transaction touches many tables
    "jit": "off",
    "logging_collector": "off",
    "log_destination": "stderr",
    "lc_messages": "C",
    "timezone": "UTC",
}


def _serve_postgresql(programs: Programs, home: Home, port: int) -> list[str]:
    settings = {**_POSTGRESQL, "port": str(port)}
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return [programs.server, "-D", home.data, *words]


def _make_mysql(programs: Programs, home: Home) -> list[str]:
    if os.path.basename(programs.maker) == os.path.basename(programs.server):
        return [
            programs.maker,
            "--no-defaults",
            "--initialize-insecure",
            f"--datadir={home.data}",
            *_SMALL,
        ]
    words = ["--auth-root-authentication-method=normal", "--skip-name-resolve", "--skip-test-db"]
    return [programs.maker, "--no-defaults", f"--datadir={home.data}", *_SMALL, *words]


# A log of 96 MiB is written before the first start, unless it is told otherwise from the beginning.
_SMALL = ("--loose-innodb-log-file-size=16M",)
_MYSQL = (
    "--bind-address=127.0.0.1",
    "--socket=",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--skip-external-locking",
    "--loose-mysqlx=OFF",
    "--event-scheduler=OFF",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=64M",
    *_SMALL,
    "--performance-schema=OFF",
    "--character-set-server=utf8mb4",
    "--log-bin-trust-function-creators=ON",
    "--max-connections=40",
    "--default-time-zone=+00:00",
)
_MYSQL_ACCOUNTS = """\
ALTER USER IF EXISTS 'root'@'localhost' IDENTIFIED BY '{password}';
DROP USER IF EXISTS 'root'@'127.0.0.1', 'root'@'::1', ''@'localhost', ''@'127.0.0.1';
CREATE USER '{user}'@'127.0.0.1' IDENTIFIED BY '{password}';
GRANT ALL PRIVILEGES ON *.* TO '{user}'@'127.0.0.1' WITH GRANT OPTION;
"""
"""Runs before the first connection is let in."""


def _serve_mysql(programs: Programs, home: Home, port: int) -> list[str]:
    places = [
        f"--datadir={home.data}",
        f"--tmpdir={home.temporary}",
        f"--pid-file={os.path.join(home.temporary, 'pid')}",
        f"--init-file={home.secret}",
        f"--port={port}",
    ]
    return [programs.server, "--no-defaults", *places, *_MYSQL]


KINDS: dict[Vendor, Kind] = {
    "postgresql": Kind(
        title="PostgreSQL",
        engine="django.db.backends.postgresql",
        database="postgres",
        programs=(("postgres", "initdb"),),
        secret="{password}\n",  # noqa: S106 # its place
        make=_make_postgresql,
        serve=_serve_postgresql,
        ready=b"database system is ready to accept connections",
        end=signal.SIGQUIT,
    ),
    "mysql": Kind(
        title="MySQL or MariaDB",
        engine="django.db.backends.mysql",
        database="mysql",
        programs=(
            ("mariadbd", "mariadb-install-db"),
            ("mysqld", "mysql_install_db"),
            ("mysqld", "mysqld"),
        ),
        secret=_MYSQL_ACCOUNTS,
        make=_make_mysql,
        serve=_serve_mysql,
        ready=b"ready for connections",
        end=signal.SIGKILL,
    ),
}
