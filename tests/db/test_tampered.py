"""A backup that is not as it was made is refused before anything else is done."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from remigrate.db import manifest, restore
from remigrate.errors import RepositoryFailure
from tests.cli.project import refused
from tests.db.counter import Counter, opened


@pytest.fixture(scope="module")
def made(shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Counter, Path]]:
    """A counter, and a backup of it."""
    with opened("sqlite", shelf, tmp_path_factory.mktemp("made") / "counter", None) as counter:
        yield counter, counter.backup()


@pytest.fixture
def folder(made: tuple[Counter, Path], tmp_path: Path) -> Path:
    """A copy of the backup."""
    return Path(shutil.copytree(made[1], tmp_path / "backup"))


def rewritten(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the manifest."""
    path = folder / "manifest.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def _flip(folder: Path) -> None:
    path = folder / "default/dump.sqlite3"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _truncate(folder: Path) -> None:
    os.truncate(folder / "default/rows.json", 10)


def _remove(folder: Path) -> None:
    (folder / "migrations.tar").unlink()


def _link(folder: Path) -> None:
    rows = folder / "default/rows.json"
    rows.rename(folder / "elsewhere")
    rows.symlink_to(folder / "elsewhere")


def _link_folder(folder: Path) -> None:
    (folder / "default").rename(folder / "elsewhere")
    (folder / "default").symlink_to("elsewhere")


def _link_manifest(folder: Path) -> None:
    (folder / "manifest.json").rename(folder / "elsewhere")
    (folder / "manifest.json").symlink_to("elsewhere")


def _pipe(folder: Path) -> None:
    (folder / "default/rows.json").unlink()
    os.mkfifo(folder / "default/rows.json")


def _garbage(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")


def _deep(folder: Path) -> None:
    (folder / "manifest.json").write_text("[" * 100_000)


def _outside(folder: Path) -> None:
    (folder.parent / "outside").write_text("")
    empty = {"path": "../outside", "size": 0, "sha256": hashlib.sha256(b"").hexdigest()}
    rewritten(folder, lambda document: document["files"].append(empty))


def _absolute(folder: Path) -> None:
    rewritten(folder, lambda document: document["files"][0].update(path="/etc/passwd"))


def _unlisted(folder: Path) -> None:
    rewritten(folder, lambda document: document["databases"][0].update(rows="/etc/passwd"))


def _no_tar(folder: Path) -> None:
    rewritten(
        folder,
        lambda document: document.update(
            files=[each for each in document["files"] if each["path"] != "migrations.tar"]
        ),
    )


def _twice(folder: Path) -> None:
    rewritten(folder, lambda document: document["databases"].append(document["databases"][0]))


def _lacking(folder: Path) -> None:
    rewritten(folder, lambda document: document.pop("databases"))


def _typed(folder: Path) -> None:
    rewritten(folder, lambda document: document["databases"][0].update(place=["x"]))


def _climbing(folder: Path) -> None:
    rewritten(folder, lambda document: document.update(folders=["shop/../../migrations"]))


@pytest.mark.parametrize(
    ("tamper", "why"),
    [
        (_flip, "default/dump.sqlite3 is not what the manifest says"),
        (_truncate, "default/rows.json is not what the manifest says"),
        (_remove, "migrations.tar: No such file"),
        (_link, "default/rows.json is behind a symbolic link"),
        (_link_folder, "is behind a symbolic link"),
        (_link_manifest, "manifest.json is behind a symbolic link"),
        (_pipe, "default/rows.json is not a file"),
        (_garbage, "is not JSON"),
        (_deep, "is not JSON"),
        (_outside, "not of the shape of a manifest"),
        (_absolute, "not of the shape of a manifest"),
        (_unlisted, "not of the shape of a manifest"),
        (_no_tar, "not of the shape of a manifest"),
        (_twice, "not of the shape of a manifest"),
        (_lacking, "not of the shape of a manifest"),
        (_typed, "not of the shape of a manifest"),
        (_climbing, "not of the shape of a manifest"),
    ],
)
def test_what_was_changed_is_refused(
    folder: Path, tamper: Callable[[Path], None], why: str
) -> None:
    manifest.verified(str(folder))
    tamper(folder)
    with pytest.raises(RepositoryFailure, match="is not as it was made: .*" + why):
        manifest.verified(str(folder))


def test_a_newer_format_is_refused_with_the_way_out(folder: Path) -> None:
    rewritten(folder, lambda document: document.update(format=2))
    with pytest.raises(RepositoryFailure, match="made by a newer Remigrate: its format is 2"):
        manifest.verified(str(folder))


# With checksums that are right


def _sealed(folder: Path, name: str, content: bytes) -> None:
    """Put other content there, and say so in the manifest."""
    (folder / name).write_bytes(content)
    now = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    rewritten(
        folder,
        lambda document: [each.update(now) for each in document["files"] if each["path"] == name],
    )


def _tar(*members: tarfile.TarInfo) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for member in members:
            tar.addfile(member)
    return file.getvalue()


def _member(name: str, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    return member


@pytest.mark.parametrize(
    "member",
    [
        _member("shop/migrations/../../../evil.py"),
        _member("/shop/migrations/evil.py"),
        _member("shop/models.py"),
        _member("shop/migrations/.git/config"),
        _member("shop/migrations/0009_link.py", tarfile.SYMTYPE),
        _member("shop/migrations/0009_hard.py", tarfile.LNKTYPE),
        _member("shop/migrations/0009_folder", tarfile.DIRTYPE),
    ],
    ids=lambda member: f"{member.name} {member.type!r}",
)
def test_nothing_but_plain_files_of_migrations_is_taken_from_the_archive(
    made: tuple[Counter, Path], folder: Path, member: tarfile.TarInfo
) -> None:
    first = "shop/migrations/0001_initial.py"
    _sealed(folder, "migrations.tar", _tar(_member(first), member))
    manifest.verified(str(folder))
    with pytest.raises(RepositoryFailure, match="does not belong there"):
        restore.migrations_in(str(folder), ["shop/migrations", "orders/migrations"])


def test_a_file_that_is_in_the_archive_twice_is_refused(folder: Path) -> None:
    first = _member("shop/migrations/0001_initial.py")
    _sealed(folder, "migrations.tar", _tar(first, first))
    with pytest.raises(RepositoryFailure, match="does not belong there"):
        restore.migrations_in(str(folder), ["shop/migrations"])


def test_an_archive_that_is_none_is_refused(folder: Path) -> None:
    _sealed(folder, "migrations.tar", b"x" * 2000)
    with pytest.raises(RepositoryFailure, match=r"migrations\.tar of the backup cannot be read"):
        restore.migrations_in(str(folder), ["shop/migrations"])


def test_folders_of_something_else_are_not_written(
    made: tuple[Counter, Path], folder: Path
) -> None:
    counter, _ = made
    _sealed(folder, "migrations.tar", _tar(_member("shop/models.py")))
    rewritten(folder, lambda document: document.update(folders=["shop"]))
    before = (counter.path / "shop/models.py").read_bytes()
    ran = counter.db("restore", folder, "--part", "files", "--apply")
    refused(ran, 3, "names a folder that is none of migrations: shop", "migration-modules")
    assert (counter.path / "shop/models.py").read_bytes() == before


@pytest.mark.parametrize("rows", [b"{", b'{"a": 1}', b'[["1", "a", "b", "c"]]', b"[[1, 2, 3]]"])
def test_rows_of_another_shape_are_refused(folder: Path, rows: bytes) -> None:
    _sealed(folder, "default/rows.json", rows)
    with pytest.raises(RepositoryFailure, match="does not hold rows of django_migrations"):
        restore.rows_in(str(folder), "default/rows.json")


def test_a_tampered_backup_changes_nothing(made: tuple[Counter, Path], folder: Path) -> None:
    counter, _ = made
    before = counter.content()
    _flip(folder)
    ran = counter.db("restore", folder, "--part", "rows", "--apply")
    refused(ran, 3, "is not as it was made", "nothing was changed")
    assert counter.content() == before
    assert len(counter.kept()) == 1
