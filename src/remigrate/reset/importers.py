"""Finds code that imports from migrations which a reset takes away.

When a model does (a validator, an ``upload_to``), the project cannot even be loaded afterwards.
Nothing is imported to find that out: what stands in the files is read. Names that are put together
at run time are not seen; the proof is what finds those.
"""

from __future__ import annotations

import ast
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from remigrate import trees
from remigrate.model import Broken
from remigrate.reader import parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from remigrate.git import Repository

_IMPORTS = ("import_module", "__import__", "import_string", "find_spec", "run_module")
_DOTTED = re.compile(r"\.*\w+(\.\w+)*")
_TESTS = ("test", "tests", "testing", "conftest.py")


class Importer(NamedTuple):
    """A place in the code that needs a migration which goes."""

    path: str
    """Of the file, from the top of the tree."""
    line: int
    gone: str
    """Path of the migration."""
    names: tuple[str, ...] = ()
    """What is taken from it; empty where that cannot be seen."""

    @property
    def is_test(self) -> bool:
        """Whether only tests need it: the project itself can be loaded without."""
        parts = self.path.split("/")
        return parts[-1].startswith("test_") or any(part in _TESTS for part in parts)

    @property
    def why(self) -> str:
        """Why the migration cannot go, and how it could."""
        return f"{self._what}, which would go: {self._way_out}"

    @property
    def staying(self) -> str:
        """Why the migration has stayed, and how it could go."""
        return f"{self._what}, so that stays as it is. To reset it too, {self._way_out}"

    @property
    def _what(self) -> str:
        return f"{self.path}:{self.line} imports from {self.gone.rpartition('/')[2]}"

    @property
    def _way_out(self) -> str:
        app = self.gone.rpartition("/")[0]
        home = app.rpartition("/")[0]
        taken = " and ".join(self.names) or "what it needs of it"
        return (
            f"move {taken} to a module that stays, below {home or 'the top of the repository'} "
            f"but outside of {app.rpartition('/')[2]}, and import it from there"
        )


def mentioning(repository: Repository, packages: Iterable[str]) -> dict[str, bytes]:
    """The Python files that may import from these migration packages, tracked or not."""
    folders = sorted(set(packages))
    words = sorted({folder.rpartition("/")[2] for folder in folders})
    if not words or repository.top is None:
        return {}
    patterns = [part for word in words for part in ("-e", word)]
    flags = ("--files-with-matches", "-z", "--untracked", "--fixed-strings", "--full-name")
    # Settings of the user may paint the names, or look into submodules, which --untracked forbids.
    plain = ("--no-color", "--no-recurse-submodules")
    listing = repository.run("grep", *flags, *plain, *patterns, "--", ":(top)*.py", ok=(0, 1))
    within = [f":(top,literal){folder}" for folder in folders]
    listing += repository.run("ls-files", "-z", "--full-name", "--", *within)
    found = {}
    for path in sorted({os.fsdecode(row) for row in listing.split(b"\0") if row.endswith(b".py")}):
        content = trees.content(repository.top, path)
        if not isinstance(content, Broken):
            found[path] = content
    return found


def found(files: Mapping[str, bytes], gone: Collection[str]) -> tuple[Importer, ...]:
    """Where `files` import from migrations with the paths `gone`; those themselves aside."""
    index: dict[str, list[str]] = {}
    for path in gone:
        index.setdefault(_stem(path), []).append(path)
    importers: list[Importer] = []
    for path, content in files.items():
        tree = parse(content) if path not in gone else None
        if isinstance(tree, ast.Module):
            reading = _Reading(path, index)
            reading.visit(tree)
            importers += reading.importers()
    return tuple(sorted(importers))


def _stem(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".py")


class _Reading(ast.NodeVisitor):
    """The imports of one file that lead to a migration."""

    def __init__(self, path: str, gone: Mapping[str, list[str]]) -> None:
        self._path = path
        self._gone = gone
        self._seen: dict[tuple[str, int], set[str]] = {}

    def importers(self) -> Iterator[Importer]:
        for (gone, line), names in self._seen.items():
            yield Importer(self._path, line, gone, tuple(sorted(names)))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._take(alias.name, node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        if self._take(module, node.lineno, (alias.name for alias in node.names)):
            return
        for alias in node.names:
            dot = "" if module.endswith(".") else "."
            self._take(f"{module}{dot}{alias.name}", node.lineno)

    def visit_Call(self, node: ast.Call) -> None:
        words = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
        texts = [word for word in words if isinstance(word, str)]
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        if name in _IMPORTS and texts:
            self._take_text(texts[0], texts[1] if len(texts) > 1 else "", node.lineno)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        """A setting may name a function by its dotted path."""
        for each in ast.walk(node.value):
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                self._take_text(each.value, "", each.lineno)
        self.generic_visit(node)

    def _take_text(self, text: str, package: str, line: int) -> None:
        if not _DOTTED.fullmatch(text):
            return
        if text.startswith("."):
            if package:
                self._take(f"{package}{text}", line)
            return
        module, _, name = text.rpartition(".")
        if not self._take(text, line) and module:
            self._take(module, line, [name])

    def _take(self, module: str, line: int, names: Iterable[str] = ()) -> bool:
        """Note it when `module` is one that goes."""
        gone = self._goal(module)
        if gone:
            self._seen.setdefault((gone, line), set()).update(set(names) - {"*"})
        return bool(gone)

    def _goal(self, module: str) -> str:
        level = len(module) - len(module.lstrip("."))
        parts = module[level:].split(".")
        candidates = self._gone.get(parts[-1], ())
        if level:
            folders = self._path.split("/")[:-level]
            wanted = "/".join([*folders, *parts]) + ".py"
            return wanted if wanted in candidates else ""
        if len(parts) < 2:
            return ""
        # Whatever folder the project's modules are found in: src, backend, the top.
        tail = "/" + "/".join(parts) + ".py"
        return next((path for path in candidates if f"/{path}".endswith(tail)), "")
