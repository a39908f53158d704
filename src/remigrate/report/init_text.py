"""What ``remigrate init`` would write, as differences; and what it leaves alone."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from remigrate.report.escape import visible
from remigrate.report.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from remigrate.init import Proposal, Proposals

    Paint = Callable[[str, str], str]

_COLORS = {"+": "green", "-": "red", "@": "blue"}


def render(found: Proposals, paint: Paint) -> str:
    """Each file as ``git diff`` shows it, then the remarks. `paint(text, colour)` may colour."""
    blocks = [_file(each, paint) for each in found.files]
    blocks += [_remark(each, paint) for each in found.remarks]
    last = (
        f"{counted(len(found.files), 'file')} to write\n" if found.files else "nothing to write\n"
    )
    return "".join(blocks) + last


def _remark(text: str, paint: Paint) -> str:
    first, *rest = map(visible, text.splitlines())
    return "".join(f"{line}\n" for line in (f"{paint('–', 'dim')} {first}", *rest))


def _file(each: Proposal, paint: Paint) -> str:
    lines = difflib.unified_diff(
        each.before.splitlines(),
        each.after.splitlines(),
        f"a/{each.path}" if each.before else "/dev/null",
        f"b/{each.path}",
        lineterm="",
    )
    return "".join(f"{_painted(visible(line), paint)}\n" for line in lines) + "\n"


def _painted(line: str, paint: Paint) -> str:
    if line.startswith(("--- ", "+++ ")):
        return paint(line, "bold")
    color = _COLORS.get(line[:1])
    return paint(line, color) if color else line
