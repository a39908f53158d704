"""Colours, progress, closed pipes and Ctrl-C, on real terminals and pipes."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
from pathlib import Path

import pytest

from tests.cli.project import BIN, Project, refused, run

RED = "\033[31m"
CLEAR = "\r\033[K"


class Terminal:
    """A pseudo-terminal with `remigrate` on it, as far as `out` and `err` do not lead elsewhere."""

    def __init__(
        self,
        project: Project,
        *words: str,
        env: dict[str, str] | None = None,
        out: int | None = None,
        err: int | None = None,
        columns: int = 100,
        background: bool = False,
    ) -> None:
        self._screen, inside = pty.openpty()
        termios.tcsetwinsize(inside, (24, columns))
        shell = ("sh", "-c", 'set -m; "$@" & wait $!', "sh") if background else ()
        self.process = subprocess.Popen(
            [*shell, BIN / "remigrate", *words],
            cwd=project.path,
            env=os.environ | {"TERM": "xterm"} | (env or {}),
            stdin=inside,
            stdout=inside if out is None else out,
            stderr=inside if err is None else err,
            start_new_session=True,
            preexec_fn=(lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) if background else None,
        )
        os.close(inside)
        self.shown = ""

    def until(self, words: str = "") -> str:
        """What is on the screen when `words` have appeared, or at the end."""
        deadline = time.monotonic() + 60
        while not (words and words in self.shown):
            if not select.select([self._screen], [], [], deadline - time.monotonic())[0]:
                raise TimeoutError(self.shown)
            try:
                data = os.read(self._screen, 65536)
            except OSError:  # Linux's word for the end
                data = b""
            if not data:
                break
            self.shown += data.decode()
        return self.shown

    def end(self) -> int:
        """Wait for the end. Returns the exit code."""
        self.until()
        code = self.process.wait(60)
        os.close(self._screen)
        return code


# Colours


@pytest.mark.parametrize(
    ("words", "env", "colored"),
    [
        ((), {}, False),
        (("--color", "auto"), {}, False),
        (("--color", "always"), {}, True),
        (("--color", "never"), {"FORCE_COLOR": "1"}, False),
        ((), {"FORCE_COLOR": "1"}, True),
        ((), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
        ((), {"FORCE_COLOR": ""}, False),
    ],
)
def test_a_pipe_gets_colours_when_they_are_asked_for(
    collided: Project, words: tuple[str, ...], env: dict[str, str], colored: bool
) -> None:
    ran = collided.check("--base", "main", *words, env=env)
    assert (RED in ran.out) is colored
    ran = collided.check("--base", "nope", *words, env=env)
    assert (RED in ran.err) is colored


@pytest.mark.parametrize(
    ("words", "env", "colored"),
    [
        ((), {}, True),
        ((), {"NO_COLOR": ""}, True),
        ((), {"NO_COLOR": "1"}, False),
        ((), {"TERM": "dumb"}, False),
        (("--color", "never"), {}, False),
    ],
)
def test_a_terminal_shows_colours_unless_told_otherwise(
    collided: Project, words: tuple[str, ...], env: dict[str, str], colored: bool
) -> None:
    plain = collided.check("--base", "main").out
    terminal = Terminal(collided, "check", "--base", "main", *words, env=env)
    assert terminal.end() == 1
    assert (RED in terminal.shown) is colored
    shown = re.sub(r"\033\[\d+m", "", terminal.shown).replace("\r\n", "\n")
    assert shown == plain, "colours apart, the same words"
    terminal = Terminal(collided, "check", "--base", "nope", *words, env=env)
    assert terminal.end() == 3
    assert (RED in terminal.shown) is colored


def test_the_other_formats_never_have_colours(collided: Project) -> None:
    for form in ("json", "sarif", "github", "markdown"):
        words = ("--base", "main", "--format", form, "--color", "always")
        assert "\033" not in collided.check(*words).out


def test_only_the_stream_that_is_a_terminal_is_coloured(collided: Project) -> None:
    read, write = os.pipe()
    terminal = Terminal(collided, "check", "--base", "main", "--verbose", out=write)
    os.close(write)
    assert terminal.end() == 1
    assert "\033[2mconfiguration: none\033[0m" in terminal.shown
    with os.fdopen(read) as out:
        assert "\033" not in out.read()


# Progress


@pytest.fixture(scope="module")
def large(started: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """So many migrations that reading them takes a moment."""
    project = started.copy(tmp_path_factory.mktemp("large") / "project")
    last = "0002_price"
    for number in range(3, 2001):
        name = f"{number:04}_step"
        project.migration(name, last)
        last = name
    project.git("add", "--all")
    return project


def test_a_terminal_shows_that_much_is_being_read_and_then_no_more(
    large: Project, tmp_path: Path
) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path)}
    shown = "reading 2,000 files …" + CLEAR
    for cold in (True, False):
        terminal = Terminal(large, "check", "--verbose", env=env)
        assert terminal.end() == 0
        assert (shown in terminal.shown) is cold
        assert f"files: {2000 if cold else 0} read" in terminal.shown


def test_a_terminal_shows_how_long_it_takes(started: Project, tmp_path: Path) -> None:
    """But not over what others write there, nor where a line would be broken."""
    go, slow = tmp_path / "go", tmp_path / "python"
    slow.write_text(f"#!/bin/sh\nwhile ! [ -e {go} ]; do sleep 0.1; done\n")
    slow.chmod(0o755)
    words = ("db", "status", "--python", str(slow), "--settings", "shop")
    behind = Terminal(started, *words, background=True)
    narrow = Terminal(started, *words, columns=29)
    terminal = Terminal(started, *words, columns=30)
    terminal.until(" 4 s")
    go.touch()
    for each in (terminal, behind, narrow):
        assert each.end() == 4
        assert CLEAR + "\033[31merror" in each.shown
    line = "asking the databases …"
    back = "\b" * 4
    assert terminal.shown.startswith(f"{line} 2 s{back} 3 s{back} 4 s")
    assert behind.shown.startswith(line + CLEAR)
    assert narrow.shown.startswith(line + CLEAR)


@pytest.mark.parametrize(
    ("words", "env"), [(("--quiet",), {}), ((), {"TERM": "dumb"})], ids=["quiet", "dumb"]
)
def test_progress_is_not_shown_to_who_does_not_want_it(
    large: Project, words: tuple[str, ...], env: dict[str, str]
) -> None:
    terminal = Terminal(large, "check", "--no-cache", *words, env=env)
    assert terminal.end() == 0
    assert "reading" not in terminal.shown


def test_progress_is_not_shown_where_nobody_looks(large: Project) -> None:
    assert large.check("--no-cache").err == ""


def test_ctrl_c_ends_with_130_and_no_traceback(large: Project) -> None:
    terminal = Terminal(large, "check", "--no-cache")
    terminal.until("reading")
    os.killpg(terminal.process.pid, signal.SIGINT)
    assert terminal.end() == 130
    assert terminal.shown.replace("\033[2m", "").replace("\033[0m", "") == (
        f"reading 2,000 files …{CLEAR}interrupted\r\n"
    )


# Pipes


def closed(project: Project, *words: str) -> tuple[int, str]:
    """Exit code and standard error of a run whose reader has gone already."""
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [BIN / "remigrate", *words], cwd=project.path, stdout=write, stderr=subprocess.PIPE
        )
    finally:
        os.close(write)
    return done.returncode, done.stderr.decode()


def test_a_reader_that_has_seen_enough_is_no_error(collided: Project) -> None:
    for _ in range(2):
        assert closed(collided, "check", "--base", "main") == (1, "")
        assert closed(collided, "check") == (0, "")
    assert collided.check("--base", "main").code == 1
    assert closed(collided, "check", "--base", "main") == (1, ""), "also when it is known already"
    assert closed(collided, "graph") == (0, "")
    assert closed(collided, "demo") == (0, "")
    assert closed(collided, "check", "--help") == (0, "")
    assert closed(collided, "--version") == (0, "")


def test_head_takes_its_line(large: Project) -> None:
    script = "set -o pipefail; remigrate graph --format json | head -1"
    assert run("bash", "-c", script, cwd=large.path) == (0, "{\n", "")


def test_a_full_disk_is_told(shop: Project) -> None:
    for script in ("remigrate check >/dev/full", "remigrate graph >/dev/full"):
        for _ in range(2):
            ran = run("sh", "-c", script, cwd=shop.path)
            refused(ran, 3, "standard output cannot be written: No space left", "--output")
    assert shop.check().code == 0
    ran = run("sh", "-c", "remigrate check >/dev/full", cwd=shop.path)
    refused(ran, 3, "standard output cannot be written: No space left", "--output")


def test_closed_streams_are_no_error(collided: Project) -> None:
    for _ in range(2):
        assert run("sh", "-c", "remigrate check --base main >&-", cwd=collided.path).code == 1
        ran = run("sh", "-c", "remigrate check --base main 2>&- <&-", cwd=collided.path)
        assert ran == collided.check("--base", "main")
    assert run("sh", "-c", "remigrate check --base nope 2>&-", cwd=collided.path) == (3, "", "")


def test_an_encoding_that_lacks_a_character_is_no_error(shop: Project) -> None:
    for _ in range(2):
        ran = shop.check(env={"PYTHONIOENCODING": "ascii"})
        said = "No conflicts, nothing missing (2 migrations in 1 app, drift not checked)"
        assert ran == (0, f"\\u2713 {said}\n", "")
