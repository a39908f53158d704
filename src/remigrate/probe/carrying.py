"""The file of a new migration, with the code of the old ones that it needs copied into it.

A part of the probe: Python 3.8, Django 3.2 or newer.

    write(migration, gone, package=None) -> str

migration   an instance of Django's Migration. Nothing in it is changed.
gone        dotted name to source of the migration modules that will be deleted, in the order of
            the plan. They are still loaded: their objects are looked at.
package     dotted name of the package that the new file goes to; that of the app's migrations

The text is what Django's MigrationWriter writes without its header, with what the writer leaves
out: `atomic`, `run_before`, an operation's `elidable`, arguments of custom operations by keyword
only. What comes from `gone` stands between the imports and the class, with all that it needs
there, each module's statements in their old order. A name that is taken is changed to
`name_0005`, after the number of its old file. What the old operations wrote as an expression
(a lambda, a call that makes a function) is written so again.

Code that reads files beside `__file__` works on, as the new file is in the same folder; where it is
not, that is refused. `__name__` is written as what the old module's was, as code may have stored
it; where it only looks the module up, or names a logger, it becomes the new one's. When one old
module has ``from __future__ import annotations``, the new file has it for all.

Uncarriable is raised, with file and line, for what cannot be copied: names that come from
``import *``, imports of a module that will be gone in other forms than ``from it import name``,
uses of the old ``class Migration``, values that stand nowhere in the source.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import re
import tokenize
import types
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.migrations import serializer, writer
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from remigrate.probe import closure, finding, statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Uncarriable = statements.Uncarriable

_HEAD = "class Migration(migrations.Migration):\n"


def write(migration: Any, gone: Mapping[str, str], package: str | None = None) -> str:
    """The text of the migration's file, which needs none of the modules that are gone."""
    if package is None:
        package = MigrationLoader.migrations_module(migration.app_label)[0] or ""
    finder = finding.Finder(gone, package)
    with _serializing(finder):
        text = writer.MigrationWriter(migration, include_header=False).as_string()
    text = _with_attributes(text, migration)
    whole = closure.Closure(finder.modules, package)
    for piece in finder.pieces:
        whole.add(piece)
    whole.settle(_bound_by_imports(text))
    text = _compose(text, whole, [whole.text_of(piece) for piece in finder.pieces])
    _check(text, gone)
    return text


# --- the writer -----------------------------------------------------------------------------------


@contextlib.contextmanager
def _serializing(finder: finding.Finder) -> Iterator[None]:
    """Django's writer, with placeholders for what comes from the old modules."""
    original, operations = serializer.serializer_factory, writer.OperationWriter

    class Carrying(operations):  # type: ignore[misc, valid-type]
        def serialize(self) -> tuple[str, set[str]]:
            return _operation(finder, self, super().serialize)

    def factory(value: Any) -> Any:
        return _Serializer(finder, value, original)

    serializer.serializer_factory = writer.serializer_factory = factory
    writer.OperationWriter = Carrying
    try:
        yield
    finally:
        serializer.serializer_factory = writer.serializer_factory = original
        writer.OperationWriter = operations


class _Serializer(serializer.BaseSerializer):  # type: ignore[misc]
    """Django's serializer of a value, unless the value stands in an old module."""

    def __init__(self, finder: finding.Finder, value: Any, original: Any) -> None:
        super().__init__(value)
        self._finder = finder
        self._original = original

    def serialize(self) -> tuple[str, set[str]]:
        value, finder = self.value, self._finder
        piece = finder.defined(value)
        if piece is not None:
            return finder.placeholder(piece), set()
        owner = getattr(value, "__self__", None)
        if isinstance(value, types.MethodType) and not isinstance(owner, type):
            # Django would write the plain function.
            return self._method(owner, value.__name__)
        try:
            text, imports = self._original(value).serialize()
            return _without_paths(finder, text, set(imports), _paths(value))
        except (ValueError, TypeError, AttributeError, IndexError) as error:
            piece = finder.written(value)
            if piece is None:
                raise Uncarriable(f"{value!r} cannot be written: {error}") from error
            return finder.placeholder(piece), set()

    def _method(self, owner: Any, name: str) -> tuple[str, set[str]]:
        piece = self._finder.written(owner)
        if piece is not None:
            return f"{self._finder.placeholder(piece)}.{name}", set()
        text, imports = _Serializer(self._finder, owner, self._original).serialize()
        return f"{text}.{name}", imports


def _paths(value: Any) -> list[str]:
    """Dotted paths that Django writes for a value which is an instance of an old module's class."""
    kind = type(value)
    found = [f"{kind.__module__}.{kind.__qualname__}"]
    if isinstance(value, models.Field):
        found.append(value.deconstruct()[1])
    elif isinstance(value, models.manager.BaseManager):
        found += filter(None, value.deconstruct()[1:3])
    elif hasattr(value, "deconstruct") and not isinstance(value, (type, Operation)):
        found.append(value.deconstruct()[0])
    return found


def _without_paths(
    finder: finding.Finder, text: str, imports: set[str], paths: Sequence[str]
) -> tuple[str, set[str]]:
    for path in paths:
        found = finder.is_gone(path)
        if found is not None:
            # An enumeration's flags are several of them.
            written = re.escape(path) + r"(?=[\[(.])"
            held = finder.placeholder(finding.at(*found))
            text = re.sub(rf"(?:(?<=^)|(?<= \| )){written}", held, text)
            imports = imports - {f"import {path.rpartition('.')[0]}", f"import {found[0]}"}
    left = sorted(each for each in imports if each.replace("import ", "") in finder.modules)
    if left:
        raise ValueError(f"it needs {left[0]}, which will be gone")
    return text, imports


def _operation(finder: finding.Finder, own: Any, serialize: Any) -> tuple[str, set[str]]:
    """An operation as the writer has it, whole."""
    operation, indentation = own.operation, "    " * own.indentation
    try:
        text, imports = _by_its_arguments(finder, own, serialize)
    except (Uncarriable, ValueError, TypeError, IndexError) as error:
        piece = finder.written(operation) or finder.listed(operation)
        if piece is None:
            raise error if isinstance(error, Uncarriable) else Uncarriable(str(error)) from error
        return f"{indentation}{finder.placeholder(piece)},", set()
    kind = type(operation)
    lines = text.split("\n")
    name = lines[0].strip()[:-1]
    if kind.__module__ in finder.modules:
        lines[0] = (
            f"{indentation}{finder.placeholder(finding.at(kind.__module__, kind.__qualname__))}("
        )
        imports = imports - {f"import {kind.__module__}"}
    elif not name.startswith("migrations."):
        lines[0] = f"{indentation}{kind.__module__}.{kind.__qualname__}("
    return "\n".join(lines), imports


def _by_its_arguments(finder: finding.Finder, own: Any, serialize: Any) -> tuple[str, set[str]]:
    operation = own.operation
    _, args, kwargs = operation.deconstruct()
    accepted = [
        each.name
        for each in inspect.signature(type(operation).__init__).parameters.values()
        if each.kind is each.POSITIONAL_OR_KEYWORD
    ][1:]
    if len(args) > len(accepted) or set(kwargs) - set(accepted):
        return _as_constructed(own, operation)
    text, imports = serialize()
    if operation.elidable and "elidable" in accepted and "elidable" not in kwargs:
        before, _, last = text.rpartition("\n")
        deeper = "    " * (own.indentation + 1)
        text = f"{before}\n{deeper}elidable=True,\n{last}"
    return text, imports


def _as_constructed(own: Any, operation: Any) -> tuple[str, set[str]]:
    """The call that made the operation, where `deconstruct` does not say it as Django reads it."""
    kind = type(operation)
    args, kwargs = operation._constructor_args
    imports = {f"import {kind.__module__}"}
    own.feed(f"{kind.__module__}.{kind.__qualname__}(")
    own.indent()
    for name, value in [*(("", each) for each in args), *kwargs.items()]:
        text, needed = writer.MigrationWriter.serialize(value)
        imports |= set(needed)
        own.feed(f"{name}={text}," if name else f"{text},")
    own.unindent()
    own.feed("),")
    return own.render(), imports


# --- the text -------------------------------------------------------------------------------------


def _with_attributes(text: str, migration: Any) -> str:
    """With `atomic` and `run_before`, which older writers leave out."""
    start = text.index(_HEAD) + len(_HEAD)
    at = text.index("\n    dependencies = [", start)
    head = text[start:at]
    if not migration.atomic and "\n    atomic = " not in head:
        head += "\n    atomic = False\n"
    if migration.run_before and "\n    run_before = " not in head:
        named = writer.MigrationWriter.serialize(list(migration.run_before))[0]
        head += f"\n    run_before = {named}\n"
    return text[:start] + head + text[at:]


def _bound_by_imports(text: str) -> dict[str, statements.Import]:
    """What the writer's own imports bind."""
    found: dict[str, statements.Import] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found[alias.name] = statements.Import(node.module or "", alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.split(".")[0]
                found[root] = statements.Import(root, "", True)
    return found


def _compose(text: str, whole: closure.Closure, texts: Sequence[str]) -> str:
    at = text.index(f"\n\n{_HEAD}")
    imports, main = text[:at], text[at:]
    futures, more, code = whole.futures(), whole.imports(), whole.code()
    if more:
        imports = _merged(imports, more)
    if futures:
        imports = f"from __future__ import {', '.join(futures)}\n\n{imports}"
    body = f"\n\n{code}\n" if code else ""
    return imports + body + _filled(main, texts)


def _merged(imports: str, more: Sequence[str]) -> str:
    """The writer's imports and the carried ones, each once, ordered as the writer does it."""
    plain: set[str] = set()
    named: dict[str, set[str]] = {}
    for line in [*imports.splitlines(), *more]:
        if line.startswith("from ") and " as " not in line:
            module, _, names = line[len("from ") :].partition(" import ")
            named.setdefault(module, set()).update(names.split(", "))
        elif line:
            plain.add(line)
    plain |= {f"from {each} import {', '.join(sorted(named[each]))}" for each in named}
    return "\n".join(sorted(plain, key=_rank)) + "\n"


def _rank(line: str) -> tuple[bool, bool, str, bool, str]:
    word, module = line.split()[:2]
    return word == "from", module.startswith("."), module, " as " in line, line


def _filled(text: str, texts: Sequence[str]) -> str:
    """With the placeholders' texts: names are replaced, strings are left alone."""
    values = {finding.PLACEHOLDER.format(at): each for at, each in enumerate(texts)}
    lines = io.StringIO(text).readlines()
    tokens = list(tokenize.generate_tokens(iter(lines).__next__))
    for each in reversed(tokens):
        if each.type == tokenize.NAME and each.string in values:
            (line, start), (_, end) = each.start, each.end
            old = lines[line - 1]
            lines[line - 1] = old[:start] + values[each.string] + old[end:]
    return "".join(lines)


def _check(text: str, gone: Mapping[str, str]) -> None:
    """That the file can be compiled, and needs nothing that will be gone."""
    tree = ast.parse(text)
    compile(text, "<migration>", "exec", dont_inherit=True)
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{each.name}" for each in node.names)]
        for name in names:
            if name in gone:
                raise Uncarriable(f"the new file would import {name}, which will be gone")
