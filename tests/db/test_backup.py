"""``remigrate db backup`` of real databases."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import signal
import stat
import subprocess
import sys
import tarfile
import time
from pathlib import Path

from tests.cli.project import BIN, refused, remigrate, run
from tests.db.counter import Counter


def test_a_backup_holds_rows_migrations_and_a_dump(counter: Counter) -> None:
    before = counter.content()
    folder = counter.backup()
    manifest = json.loads((folder / "manifest.json").read_text())
    for file in manifest["files"]:
        content = (folder / file["path"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["size"], file["sha256"])
    (database,) = manifest["databases"]
    rows = json.loads((folder / database["rows"]).read_text())
    assert [row[:3] for row in rows] == [list(row[:3]) for row in before["django_migrations"]]
    assert all(row[3].startswith("2026-03-29 01:59:59.000001") for row in rows)
    assert (folder / database["dump"]).stat().st_size > 1000
    with tarfile.open(folder / "migrations.tar") as tar:
        assert sorted(tar.getnames()) == sorted(
            os.path.relpath(path, counter.path) for path in counter.path.glob("*/migrations/*.py")
        )
    assert manifest["commit"] == counter.git("rev-parse", "HEAD").strip()
    assert counter.content() == before
    assert "s3cret" not in (folder / "manifest.json").read_text()


def test_only_its_owner_can_read_it_and_git_does_not_see_it(on_sqlite: Counter) -> None:
    folder = on_sqlite.backup()
    for inner, _, names in os.walk(folder.parent):
        assert stat.S_IMODE(os.stat(inner).st_mode) == 0o700
        for name in names:
            assert stat.S_IMODE(os.stat(os.path.join(inner, name)).st_mode) == 0o600
    assert on_sqlite.git("status", "--porcelain", "--untracked-files=all") == ""


def test_parts_and_aliases_are_chosen(on_sqlite: Counter) -> None:
    on_sqlite.set_up('DATABASES["away"] = DATABASES["default"] | {"NAME": "away.sqlite3"}\n')
    folder = on_sqlite.backup("--alias", "default", "--part", "rows")
    assert sorted(os.listdir(folder)) == ["default", "manifest.json"]
    assert os.listdir(folder / "default") == ["rows.json"]
    assert "away" not in (folder / "manifest.json").read_text()


def test_migration_files_alone_want_no_project(on_sqlite: Counter) -> None:
    on_sqlite.set_up("raise SystemExit\n")
    folder = on_sqlite.backup("--part", "files")
    assert sorted(os.listdir(folder)) == ["manifest.json", "migrations.tar"]


def test_two_backups_of_one_second_are_two(on_sqlite: Counter) -> None:
    started = time.time()
    folders = {on_sqlite.backup("--part", "files") for _ in range(3)}
    assert len(folders) == 3
    assert time.time() - started < 20


def test_text_tells_what_is_in_it_and_how_to_go_back(on_sqlite: Counter) -> None:
    ran = on_sqlite.db("backup")
    name = on_sqlite.kept()[0]
    assert ran.out.startswith(f".remigrate/backups/{name}  ")
    assert "default  " in ran.out
    assert "rows of django_migrations, dump of " in ran.out
    words = f"remigrate db restore .remigrate/backups/{name} --python {sys.executable}"
    assert ran.out.endswith(f"To go back to it: {words}\n")


def test_the_way_back_is_told_for_where_it_was_asked(on_sqlite: Counter) -> None:
    folder = on_sqlite.path
    ran = remigrate("db", "backup", folder.name, "--python", sys.executable, cwd=folder.parent)
    words = shlex.split(ran.out.splitlines()[-1].partition("remigrate ")[2])
    back = remigrate(*words, cwd=folder.parent)
    assert (back.code, back.err) == (0, ""), back


def test_times_look_the_same_whatever_the_server_is_set_to(on_postgresql: Counter) -> None:
    words = "-c DateStyle=SQL,DMY -c TimeZone=Asia/Kathmandu"
    on_postgresql.set_up(
        f'DATABASES["default"]["OPTIONS"] = {{"options": {words!r}}}\nUSE_TZ = False\n'
        'TIME_ZONE = "America/Lima"\n'
    )
    folder = on_postgresql.backup("--part", "rows")
    rows = json.loads((folder / "default/rows.json").read_text())
    assert {row[3] for row in rows} == {"2026-03-29 01:59:59.000001+00"}


# What keeps it from being made


def test_one_database_that_is_down_leaves_no_backup_of_the_others(on_sqlite: Counter) -> None:
    on_sqlite.set_up(
        'DATABASES["away"] = {"ENGINE": "django.db.backends.postgresql", "NAME": "shop",'
        ' "USER": "ada", "PASSWORD": "s3cret", "HOST": "127.0.0.1", "PORT": "9"}\n'
    )
    ran = on_sqlite.db("backup")
    refused(ran, 4, "the database away (shop on 127.0.0.1:9) cannot be read: ", "--alias")
    assert "s3cret" not in ran.err
    assert on_sqlite.kept() == []
    assert on_sqlite.backup("--alias", "default").exists()


def test_a_database_that_is_not_there_is_not_made(on_sqlite: Counter) -> None:
    (on_sqlite.path / "db.sqlite3").unlink()
    refused(on_sqlite.db("backup"), 4, "is not there yet", "--part files")
    assert not (on_sqlite.path / "db.sqlite3").exists()
    assert on_sqlite.kept() == []


def test_wrong_credentials_are_told(on_postgresql: Counter) -> None:
    wrong = {**on_postgresql.config, "PASSWORD": "s3cret"}
    on_postgresql.set_up(f'DATABASES["default"] = {wrong!r}\n')
    ran = on_postgresql.db("backup")
    refused(ran, 4, "password authentication failed", "--alias")
    assert "s3cret" not in ran.err
    assert on_postgresql.kept() == []


def instead(counter: Counter, name: str, script: str) -> list[str]:
    """Words that have `script` run in the place of a vendor's tool."""
    folder = counter.path.parent / "bin"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    return ["--tools", f"env PATH={folder}:{os.environ['PATH']}"]


def test_a_tool_that_is_missing_is_told_with_the_way_out(on_postgresql: Counter) -> None:
    ran = on_postgresql.db("backup", "--tools", "env PATH=/nowhere")
    refused(ran, 4, "there is no pg_dump behind env PATH=/nowhere", "--part rows --part files")
    refused(on_postgresql.db("backup", "--tools", "gone"), 4, "gone cannot be started", "--tools")
    refused(on_postgresql.db("backup", "--tools", "a 'b"), 2, "--tools cannot be read", "as in")
    assert on_postgresql.kept() == []


def test_a_tool_that_is_older_than_its_server_is_not_tried(on_postgresql: Counter) -> None:
    old = instead(on_postgresql, "pg_dump", 'echo "pg_dump (PostgreSQL) 9.6.24"')
    ran = on_postgresql.db("backup", *old)
    refused(ran, 4, "pg_dump is older than the server: pg_dump (PostgreSQL) 9.6.24", "--tools")


def test_a_tool_that_fails_half_way_leaves_nothing(on_server: Counter) -> None:
    name = {"postgresql": "pg_dump", "mysql": "mariadb-dump"}[on_server.vendor]
    whole = f"PATH=${{PATH#*:}} {name}"
    script = f'{whole} "$@" | head -c 1500; test "$1" = --version'
    ran = on_server.db("backup", *instead(on_server, name, script))
    assert ran.code == 4
    assert f"{name} on default failed (exit status 1)" in ran.err
    if on_server.vendor == "mysql":  # a tool that says nothing of it
        ran = on_server.db("backup", *instead(on_server, name, f'{whole} "$@" | head -c 1500'))
        refused(ran, 4, "mariadb-dump on default ended before the dump's end", "proxy")
    assert on_server.kept() == []


def test_no_password_is_on_a_command_line(on_server: Counter) -> None:
    name = {"postgresql": "pg_dump", "mysql": "mariadb-dump"}[on_server.vendor]
    log = on_server.path.parent / "log"
    prefix = instead(on_server, name, f'echo "$@" >> {log}; PATH=${{PATH#*:}} exec {name} "$@"')
    leading = on_server.path.parent / "leading"
    leading.write_text(f'#!/bin/sh\necho "$@" >> {log}; env >> {log}; exec "$@"\n')
    leading.chmod(0o755)
    folder = on_server.backup("--tools", f"{leading} {prefix[1]}")
    assert "dump." in (folder / "manifest.json").read_text()
    on_server.remigrate(
        *("db", "backup", "--python", sys.executable),
        env={"PATH": prefix[1].partition("=")[2]},
    )
    assert log.read_text().count("--version") >= 2
    assert on_server.config["NAME"] in log.read_text()
    assert on_server.config["PASSWORD"] not in log.read_text()


def test_no_room_is_told_and_nothing_is_left(on_sqlite: Counter) -> None:
    on_sqlite.write("shop/migrations/long.sql", "x" * 100_000)
    measured = "unset COVERAGE_PROCESS_CONFIG COVERAGE_PROCESS_START"
    script = f'{measured}; ulimit -f 64; exec "{BIN}/remigrate" db backup --part files'
    ran = run("bash", "-c", script, cwd=on_sqlite.path)
    refused(ran, 4, "the backup cannot be written", "a place with room")
    assert on_sqlite.kept() == []


def test_it_is_not_written_through_a_link(on_sqlite: Counter, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (on_sqlite.path / ".remigrate").symlink_to(tmp_path / "elsewhere")
    refused(on_sqlite.db("backup"), 4, "must be a folder, and no link", "place with room")
    assert os.listdir(tmp_path / "elsewhere") == []


def test_what_was_killed_is_no_backup_and_goes_with_the_next(on_postgresql: Counter) -> None:
    version = (
        '[ "$1" = --version ] && echo "pg_dump (PostgreSQL) 99" && exit; touch begun; sleep 60'
    )
    words: list[str | Path] = [BIN / "remigrate", "db", "backup", "--python", sys.executable]
    slow = instead(on_postgresql, "pg_dump", version)
    with subprocess.Popen([*words, *slow], cwd=on_postgresql.path) as running:
        while not (on_postgresql.path / "begun").exists():
            time.sleep(0.02)
        beside = on_postgresql.backup("--part", "files")
        assert len(on_postgresql.kept()) == 2, "the other one is still at work"
        running.send_signal(signal.SIGKILL)
    partial = on_postgresql.kept()[0]
    assert partial.startswith(".partial-")
    assert not (on_postgresql.path / ".remigrate/backups" / partial / "manifest.json").exists()
    made = on_postgresql.backup("--part", "files")
    assert on_postgresql.kept() == sorted([beside.name, made.name])
