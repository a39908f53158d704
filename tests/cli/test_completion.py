"""Shells complete the command line: typed at a real one, with the key Tab."""

from __future__ import annotations

import os
import pty
import select
import shutil
import time
from pathlib import Path

import pytest

from remigrate.parsing import SHELLS
from tests.cli.project import BIN, refused, remigrate, run

TYPED = [
    ("ch", "check"),
    ("db st", "db status"),
    ("db status --al", "db status --alias"),
    ("check --expl", "check --explain-cache"),
    ("check --format sa", "check --format sarif"),
    ("graph --format d", "graph --format dot"),
    ("reset --strategy reb", "reset --strategy rebase"),
    ("check --output rep", "check --output report.txt"),
    ("--print", "--print-completion"),
]
"""What is typed before Tab, and what stands there then."""
_INTERACTIVE = {
    "bash": (("--norc", "--noprofile", "-i"), ""),
    "zsh": (("-f", "-i"), "autoload -Uz compinit; compinit -u -D"),
}
_PATIENCE = 20.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the completions as they are printed, and a file to be named."""
    place = tmp_path_factory.mktemp("completion")
    for shell in SHELLS:
        ran = remigrate("--print-completion", shell, cwd=place)
        assert (ran.code, ran.err) == (0, "")
        (place / f"_{shell}").write_text(ran.out)
    (place / "report.txt").touch()
    return place


def at_a_terminal(shell: str, folder: Path, lines: list[str]) -> str:
    """What a shell shows that is given these lines, as keys."""
    program, (words, first) = shutil.which(shell), _INTERACTIVE[shell]
    if program is None:
        pytest.skip(f"{shell} is not installed")
    child, terminal = pty.fork()
    if not child:
        os.chdir(folder)
        os.execve(program, [program, *words], {"PATH": os.environ["PATH"], "TERM": "dumb"})
    start = [first, f'eval "$(cat _{shell})"', 'remigrate() { echo "<$*>"; }']
    keys = "\n".join([*start, *lines, "exit 0", ""])
    os.write(terminal, keys.encode())
    said, end = b"", time.monotonic() + _PATIENCE
    while time.monotonic() < end and select.select([terminal], [], [], _PATIENCE)[0]:
        try:
            said += os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, said
    return said.decode()


@pytest.mark.needs("shells")
@pytest.mark.parametrize("shell", _INTERACTIVE)
def test_tab_completes_what_was_begun(shell: str, folder: Path) -> None:
    said = at_a_terminal(shell, folder, [f"remigrate {begun}\t" for begun, _ in TYPED])
    for _, whole in TYPED:
        assert f"<{whole}>" in said, said


@pytest.mark.needs("shells")
def test_fish_completes_what_was_begun(folder: Path) -> None:
    fish = shutil.which("fish")
    if fish is None:
        pytest.skip("fish is not installed")
    asked = "; ".join(f'complete -C "remigrate {begun}"' for begun, _ in TYPED)
    ran = run(fish, "--no-config", "-c", f"source ./_fish; {asked}", cwd=folder)
    assert (ran.code, ran.err) == (0, "")
    found = [line.partition("\t")[0] for line in ran.out.splitlines()]
    assert found == [whole.split()[-1] for _, whole in TYPED]


def test_a_shell_that_is_not_known_is_refused(tmp_path: Path) -> None:
    refused(remigrate("--print-completion", "csh", cwd=tmp_path), 2, "csh", "--help")


def test_it_prints_no_more_than_a_reader_wants(tmp_path: Path) -> None:
    program = f"{BIN}/remigrate --print-completion zsh | head -c 1"
    assert run("bash", "-c", f"set -o pipefail; {program}", cwd=tmp_path).err == ""
