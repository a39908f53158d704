"""The work tree as it will be: what Python is shown, and what people are shown."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from remigrate.reset.changes import diff, view_of
from remigrate.reset.file_change import FileChange
from remigrate.view import View

CHANGES = (
    FileChange("shop/migrations/0002_b.py", b"before\n", b"after\n"),
    FileChange("shop/migrations/0001_squashed.py", None, b"new\nfile\n"),
    FileChange("shop/migrations/0001_a.py", b"old\n", None),
)


def test_python_sees_new_content_and_does_not_see_what_goes() -> None:
    assert view_of(CHANGES) == View(
        {
            "shop/migrations/0002_b.py": b"after\n",
            "shop/migrations/0001_squashed.py": b"new\nfile\n",
        },
        ("shop/migrations/0001_a.py",),
    )


def test_people_see_each_file_once_in_the_order_of_paths() -> None:
    assert diff(CHANGES) == (
        "--- a/shop/migrations/0001_a.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-old\n"
        "--- /dev/null\n+++ b/shop/migrations/0001_squashed.py\n@@ -0,0 +1,2 @@\n+new\n+file\n"
        "--- a/shop/migrations/0002_b.py\n+++ b/shop/migrations/0002_b.py\n@@ -1 +1 @@\n"
        "-before\n+after\n"
    )


def test_nothing_to_do_is_nothing_to_see() -> None:
    assert diff(()) == ""
    assert view_of(()) == View({}, ())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"one\ntwo\n", b"one\n2\n"),
        (b"no end", b"no end\n"),
        (b"end\n", b"no end"),
        (b"one\r\ntwo\r\n", b"one\r\n2\r\n"),
        (b"form\x0cfeed\n", b"form\x0cfeeds\n"),
        ("line\u2028separator = 'ä'\n".encode(), "line\u2028separator = 'ö'\n".encode()),
        (b"old\rmac\rlines", b"old\rmac\rline"),
        (b"", b"was empty\n"),
    ],
)
def test_git_can_apply_what_is_shown(tmp_path: Path, before: bytes, after: bytes) -> None:
    (tmp_path / "file.py").write_bytes(before)
    (tmp_path / "gone.py").write_bytes(before)
    changes = [
        FileChange("file.py", before, after),
        FileChange("made.py", None, after),
    ]
    if before:
        changes.append(FileChange("gone.py", before, None))
    done = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-"],
        input=diff(changes).encode(),
        cwd=tmp_path,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "file.py").read_bytes() == after
    assert (tmp_path / "made.py").read_bytes() == after
    assert (tmp_path / "gone.py").exists() is not bool(before)
