"""Records a session at a real terminal, and draws terminals as SVG."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import select
import struct
import sys
import tempfile
import termios
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from remigrate import console
from tests.cli.project import BIN
from tests.reset.store import Bookshop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH = 100
COMMIT = "4be0a51c90d2"
"""Stands for one whose id is another each time."""
SECONDS = 7
"""For which a screen of a session is shown."""
PATIENCE = 60
"""Seconds in which a command has to say something."""
_SESSION = (
    ("remigrate check --base origin/main", 1),
    ("remigrate reset --strategy rebase --base origin/main", 0),
    ("remigrate check --base origin/main", 0),
)
"""What is typed, and the exit code that it has to have."""
_PASSING = re.compile(r"[^\n]*\r\x1b\[K")
"""Progress, as the terminal takes it away again."""


def session() -> list[str]:
    """What the terminal shows of a conflict and the way out of it, screen by screen."""
    with tempfile.TemporaryDirectory() as folder:
        shop = Bookshop.forked(Path(folder))
        shop.git("pull", "--quiet", "--no-rebase", "--no-edit")
        environ = os.environ | {
            "HOME": folder,
            "TERM": "xterm-256color",
            "VIRTUAL_ENV": sys.prefix,
            "XDG_CACHE_HOME": folder,
            "PATH": f"{BIN}:{os.environ['PATH']}",
        }
        return [_typed(line, code, shop.path, environ) for line, code in _SESSION]


def _typed(line: str, code: int, folder: Path, environ: Mapping[str, str]) -> str:
    """What stands on the screen when a command has ended."""
    child, terminal = pty.fork()
    if not child:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, WIDTH, 0, 0))
        os.chdir(folder)
        os.execvpe("sh", ["sh", "-c", line], environ)  # noqa: S606 - in the child
    shown = b""
    while select.select([terminal], [], [], PATIENCE)[0]:
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # the command has ended
            break
    os.close(terminal)  # and what is not done by then gets a SIGHUP
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if ended != code:
        raise RuntimeError(f"{line} ended with {ended}:\n{shown.decode()}")
    text = _PASSING.sub("", shown.decode().replace("\r\n", "\n"))
    prompt, typed = console.painted("$", "dim", True), console.painted(line, "bold", True)
    return stable(f"{prompt} {typed}\n{text}\n")


def stable(text: str) -> str:
    """The text without what is another each time: seconds, versions of databases, commits."""
    text = re.sub(r"\b[0-9a-f]{12}\b", COMMIT, text)
    row = r"(✓ [a-z-]+ *\x1b\[0m)(?:  (sqlite) [\d.]+)?(?: +<?[\d.]+ s)?  +(?=\S)"
    return re.sub(row, lambda found: f"{found[1]}  {found[2] or '':<8}", text)


def picture(told: str, title: str, name: str = "remigrate") -> str:
    """What a terminal shows, as an SVG. `name` tells it from others on the same page."""
    recorder = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    recorder.print(Text.from_ansi(told))
    return recorder.export_svg(title=title, unique_id=name)


def film(screens: Sequence[str], title: str) -> str:
    """Screens of a terminal one after the other, over and over; where nothing is to move, the
    first one."""
    height = max(screen.rstrip().count("\n") for screen in screens)
    drawn = [
        picture(screen.rstrip() + "\n" * (height - screen.rstrip().count("\n")), title, f"s{at}")
        for at, screen in enumerate(screens)
    ]
    box = re.search(r'viewBox="[^"]*"', drawn[0])
    assert box
    share = 100 / len(drawn)
    rules = [
        f"@keyframes shown {{ 0%, {share:.3f}% {{ opacity: 1 }} "
        f"{share + 0.001:.3f}%, 100% {{ opacity: 0 }} }}",
        f".screen {{ opacity: 0; animation: shown {SECONDS * len(drawn)}s infinite }}",
        ".screen0 { opacity: 1 }",
        *(f".screen{at} {{ animation-delay: {SECONDS * at}s }}" for at in range(len(drawn))),
        "@media (prefers-reduced-motion: reduce) {",
        "  .screen { animation: none }",
        "}",
    ]
    layers = [f'<g class="screen screen{at}">\n{svg}</g>\n' for at, svg in enumerate(drawn)]
    style = "\n".join(rules)
    start = f'<svg {box[0]} xmlns="http://www.w3.org/2000/svg">\n<style>\n{style}\n</style>\n'
    return f"{start}{''.join(layers)}</svg>\n"
