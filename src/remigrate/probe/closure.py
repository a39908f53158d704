"""What a piece of an old migration module needs of that module, and its text under new names.

A part of the probe: Python 3.8, standard library only. Nothing is run here, sources are read.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from typing import TYPE_CHECKING, Any

from remigrate.probe import own_name, scopes, statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_GIVEN = {*vars(builtins), "__file__", "__name__", "__package__", "__spec__"}
_IMPORTERS = {"import_module", "__import__"}


class Closure:
    """Everything that some pieces of old modules need, and the names it gets in the new file."""

    def __init__(self, modules: statements.Sources, package: str) -> None:
        self._modules = modules
        self._package = package
        self._needed: dict[statements.Key, list[statements.Unit]] = {}
        self._units: dict[int, statements.Unit] = {}
        self._externals: set[str] = set()
        self._begun: set[str] = set()
        self._before: dict[str, set[str]] = {}
        self.names: dict[statements.Key, str] = {}
        self._same: dict[int, statements.Unit] = {}
        self._lists: dict[statements.Key, ast.expr] = {}
        self._texts: dict[statements.Key, str] = {}
        self._named: set[statements.Key] = set()

    # --- what is needed --------------------------------------------------------------------------

    def add(self, piece: statements.Piece) -> None:
        """Need this piece."""
        module = self._modules[piece.module]
        self._begin(module)
        if piece.key is not None and piece.node is not None:
            self._needed[piece.key] = []
            self._lists[piece.key] = piece.node
        elif piece.key is not None:
            self._need(piece.key, module.tree.body[0])
        if piece.node is not None:
            self._read(module, piece.node, module.blocks.within(piece.node))

    def _begin(self, module: statements.Module) -> None:
        if module.name in self._begun:
            return
        self._begun.add(module.name)
        self._before.setdefault(module.name, set())
        for unit in module.standing():
            self._add_unit(unit)

    def _need(self, key: statements.Key, reader: Any) -> None:
        if key in self._needed:
            return
        module = self._modules[key.module]
        if key.layer == scopes.MODULE and key.name == scopes.MIGRATION:
            raise statements.Uncarriable(
                f"{module.where(reader)} uses the old class Migration, which will be gone"
            )
        if key.layer == scopes.MIGRATION and key.name in statements.DJANGO:
            raise statements.Uncarriable(
                f"{module.where(reader)} uses {key.name} of the old class Migration"
            )
        self._needed[key] = units = module.needed_for(key)
        for unit in units:
            self._add_unit(unit)

    def _add_unit(self, unit: statements.Unit) -> None:
        if id(unit) in self._units:
            return
        self._units[id(unit)] = unit
        meaning = unit.imported
        if meaning is None:
            self._read(unit.module, unit.node, unit.refs)
            return
        for ref in unit.refs:
            self._need(statements.Key(unit.module.name, ref.layer, ref.name), unit.node)
        source = self._linked(unit)
        if source is not None:
            self._before.setdefault(unit.module.name, set()).add(source.module)
            self._begin(self._modules[source.module])
            self._need(source, unit.node)

    def _linked(self, unit: statements.Unit) -> statements.Key | None:
        """The name of another old module that an import stands for."""
        meaning = unit.imported
        if meaning is None:
            return None
        gone = [meaning.module, f"{meaning.module}.{meaning.name}"]
        if meaning.module in self._modules and meaning.name:
            module = self._modules[meaning.module]
            if meaning.name in module.bound(scopes.MODULE):
                return statements.Key(meaning.module, scopes.MODULE, meaning.name)
        elif not any(each in self._modules for each in gone):
            return None
        found = next(each for each in gone if each in self._modules)
        raise statements.Uncarriable(
            f"{unit.module.where(unit.node)} imports {found}, which will be gone"
        )

    def _read(self, module: statements.Module, node: ast.AST, refs: Iterable[scopes.Ref]) -> None:
        self._refuse_gone_imports(module, node)
        for ref in refs:
            if ref.name in module.bound(ref.layer):
                self._need(statements.Key(module.name, ref.layer, ref.name), ref.node)
            else:
                self._given(module, ref)

    def _given(self, module: statements.Module, ref: scopes.Ref) -> None:
        """A name that the module does not bind: of Python, or of a star import."""
        self._externals.add(ref.name)
        text = own_name.meant(module, self._package, ref)
        if text is not None:
            self._say(module, ref, text)
        if ref.name == "__file__" and module.package != self._package:
            raise statements.Uncarriable(
                f"{module.where(ref.node)} uses __file__, and the new file is in another folder"
            )
        held = vars(sys.modules[module.name]) if module.name in sys.modules else {}
        if ref.name in _GIVEN and (ref.name.startswith("__") or ref.name not in held):
            return
        if ref.name in held:
            star = f": `from {module.stars[0].module or '.'} import *`" if module.stars else ""
            raise statements.Uncarriable(
                f"{module.where(ref.node)} uses {ref.name}, and where that comes from is not"
                f" written there{star}"
            )

    def _say(self, module: statements.Module, ref: scopes.Ref, text: str) -> None:
        """Have the new file say what this name was to the old module."""
        key = statements.Key(module.name, scopes.MODULE, ref.name)
        self._needed[key] = []  # so that no definition that says it is taken for another module's
        self._texts[key] = text
        if id(ref.node) in own_name.in_strings(module):
            self._named.add(key)

    def _refuse_gone_imports(self, module: statements.Module, node: ast.AST) -> None:
        for each in ast.walk(node):
            for name in _imported_names(module, each):
                if name in self._modules:
                    raise statements.Uncarriable(
                        f"{module.where(each)} imports {name}, which will be gone"
                    )

    # --- names -----------------------------------------------------------------------------------

    def settle(self, taken: dict[str, statements.Import]) -> None:
        """Give every needed name its name in the new file, in which `taken` are bound already."""
        given: dict[str, object] = {**taken}
        reserved = {*statements.DJANGO, *self._externals, scopes.MIGRATION}
        words = self._all_words()
        for key in self._in_order():
            if key in self._texts:
                self.names[key] = f'"{self._texts[key]}"'
            if key in self._texts or self._is_link(key):
                continue
            meaning = self._meaning(key)
            if self._stays(key, meaning, given, reserved):
                self.names[key] = key.name
                given.setdefault(key.name, meaning)
                continue
            fresh = _fresh(key, {*reserved, *given, *words})
            self.names[key] = fresh
            given[fresh] = meaning
        for key in sorted(self._named):
            self.names[key] = _fresh(key._replace(name="old_name"), {*reserved, *given, *words})
            given[self.names[key]] = key
        for key in self._needed:
            self._name_of(key)

    def _in_order(self) -> list[statements.Key]:
        modules = self.modules()
        # `import a.b` cannot have another name, so it chooses first.
        return sorted(
            self._needed,
            key=lambda key: (
                not getattr(self._meaning(key), "whole", False),
                modules.index(key.module),
                min([unit.index for unit in self._needed[key]], default=0),
                key,
            ),
        )

    def _stays(
        self, key: statements.Key, meaning: object, given: Mapping[str, object], reserved: set[str]
    ) -> bool:
        if key.name in reserved:
            return False
        if key.name not in given:
            return True
        other = given[key.name]
        if isinstance(meaning, statements.Import) or isinstance(other, statements.Import):
            return meaning == other
        assert isinstance(other, statements.Key)
        return self._unify(key, other)

    def _meaning(self, key: statements.Key) -> object:
        """What a name stands for: an import that may be shared, or the name itself."""
        found = {_shared(unit.imported) for unit in self._needed[key]}
        return found.pop() if len(found) == 1 and None not in found else key

    def _is_link(self, key: statements.Key) -> bool:
        links = [self._linked(unit) for unit in self._needed[key]]
        if any(links) and len(links) > 1:
            unit = self._needed[key][0]
            raise statements.Uncarriable(
                f"{unit.module.where(unit.node)} binds {key.name} in several ways"
            )
        return any(links)

    def _name_of(self, key: statements.Key) -> str:
        if key not in self.names:
            source = self._linked(self._needed[key][0])
            assert source is not None
            self.names[key] = self._name_of(source)
        return self.names[key]

    def _all_words(self) -> set[str]:
        sources = (self._modules[name].source for name in self._begun)
        return {word for each in sources for word in re.findall(r"\w+", each)}

    # --- the same definition in two modules ------------------------------------------------------

    def _unify(self, key: statements.Key, other: statements.Key) -> bool:
        found: dict[int, statements.Unit] = {}
        if not self._equal(key, other, {(key, other)}, found):
            return False
        self._same.update(found)
        return True

    def _equal(
        self,
        key: statements.Key,
        other: statements.Key,
        assumed: set[tuple[statements.Key, statements.Key]],
        found: dict[int, statements.Unit],
    ) -> bool:
        mine, theirs = self._needed[key], self._needed[other]
        if not mine or len(mine) != len(theirs) or key.layer != other.layer:
            return False
        pairs = [(mine[index], theirs[index]) for index in range(len(mine))]
        if not all(self._equal_units(one, two, assumed, found) for one, two in pairs):
            return False
        found.update((id(one), self._same.get(id(two), two)) for one, two in pairs)
        return True

    def _equal_units(
        self,
        mine: statements.Unit,
        theirs: statements.Unit,
        assumed: set[tuple[statements.Key, statements.Key]],
        found: dict[int, statements.Unit],
    ) -> bool:
        if not self._can_be_shared(mine) or ast.dump(mine.node) != ast.dump(theirs.node):
            return False
        if mine.module.futures != theirs.module.futures:
            return False
        names = {(ref.layer, ref.name) for ref in mine.refs}
        if names != {(ref.layer, ref.name) for ref in theirs.refs}:
            return False
        return all(
            self._equal_names(
                statements.Key(mine.module.name, *each),
                statements.Key(theirs.module.name, *each),
                assumed,
                found,
            )
            for each in names
        )

    def _equal_names(
        self,
        key: statements.Key,
        other: statements.Key,
        assumed: set[tuple[statements.Key, statements.Key]],
        found: dict[int, statements.Unit],
    ) -> bool:
        if (key, other) in assumed:
            return True
        if key not in self._needed or other not in self._needed:
            return key not in self._needed and other not in self._needed
        meaning = self._meaning(key)
        if isinstance(meaning, statements.Import):
            return meaning == self._meaning(other)
        assumed.add((key, other))
        return self._equal(key, other, assumed, found)

    def _can_be_shared(self, unit: statements.Unit) -> bool:
        """Whether nobody can tell one such statement from two: nothing in it holds state."""
        if isinstance(unit.node, statements.DEFINITIONS):
            return not any(isinstance(each, ast.Global) for each in ast.walk(unit.node))
        if isinstance(unit.node, (ast.Assign, ast.AnnAssign)):
            return statements.is_immutable(unit.node.value) or self._is_only_read(unit)
        return False

    def _is_only_read(self, unit: statements.Unit) -> bool:
        value = getattr(unit.node, "value", None)
        if not isinstance(value, (ast.List, ast.Dict, ast.Set)) or not _is_literal(value):
            return False
        read = {
            id(each)
            for needed in self._units.values()
            if needed.module is unit.module
            for each in _only_read(needed.node)
        }
        refs = (
            ref
            for needed in self._units.values()
            if needed.module is unit.module and needed is not unit
            for ref in needed.refs
        )
        return all(id(ref.node) in read for ref in refs if ref.name in unit.binds)

    # --- the order, and the text -----------------------------------------------------------------

    def modules(self) -> list[str]:
        """The modules that something is carried from, each after those that it imports from."""
        found: list[str] = []

        def visit(name: str) -> None:
            if name in found or name in under_way:
                return
            under_way.add(name)
            for each in self._modules:
                if each in self._before.get(name, ()):
                    visit(each)
            found.append(name)

        under_way: set[str] = set()
        for name in self._modules:
            if name in self._begun:
                visit(name)
        return found

    def futures(self) -> list[str]:
        """Features of the language that the carried code was written with."""
        found = {each for name in self._begun for each in self._modules[name].futures}
        return sorted(found)

    def text_of(self, piece: statements.Piece) -> str:
        """What goes to where the placeholder stands."""
        module = self._modules[piece.module]
        if piece.key is not None:
            return self.names[piece.key] + piece.rest
        assert piece.node is not None
        return self._expression(module, piece.node)

    def _expression(self, module: statements.Module, node: ast.expr) -> str:
        text = module.segment(node, self._edits(module, node, module.blocks.within(node)))
        # What stood on several lines in brackets is put in brackets again.
        loose = isinstance(node, (ast.NamedExpr, ast.Yield)) or "\n" in text
        return f"({text})" if loose else text

    def imports(self) -> list[str]:
        """Plain imports for the head of the file, one name each."""
        return [
            self._import_line(unit)
            for unit in self._ordered()
            if unit.imported is not None and self._linked(unit) is None and self._is_hoisted(unit)
        ]

    def code(self) -> str:
        """Everything else, in an order in which it can run."""
        text = "\n".join(f'{self.names[key]} = "{self._texts[key]}"' for key in sorted(self._named))
        last: statements.Unit | None = None
        for unit in self._ordered():
            if (
                id(unit) in self._same
                or unit.imported is not None
                and (self._linked(unit) is not None or self._is_hoisted(unit))
            ):
                continue
            text += (_between(last, unit) if last or not text else "\n\n\n") + self._text(unit)
            last = unit
        for key, node in self._lists.items():
            value = self._expression(self._modules[key.module], node)
            text += ("\n\n\n" if text else "") + f"{self.names[key]} = {value}"
        return text

    def _bound_as(self, unit: statements.Unit) -> str:
        (ref,) = unit.refs
        return self.names[statements.Key(unit.module.name, ref.layer, ref.name)]

    def _ordered(self) -> Iterator[statements.Unit]:
        for name in self.modules():
            for unit in self._modules[name].units:
                if id(unit) in self._units:
                    yield unit

    def _is_hoisted(self, unit: statements.Unit) -> bool:
        """Unless something before it, as a change of ``sys.path``, may be there for its sake."""
        (ref,) = unit.refs
        key = statements.Key(unit.module.name, ref.layer, ref.name)
        return isinstance(self._meaning(key), statements.Import) and not any(
            each.index < unit.index for each in unit.module.standing()
        )

    def _text(self, unit: statements.Unit) -> str:
        if unit.imported is not None:
            return self._import_line(unit)
        return unit.module.statement(unit, self._edits(unit.module, unit.node, unit.refs))

    def _import_line(self, unit: statements.Unit) -> str:
        """The statement that binds the name in the new file; relative where it was and can be."""
        node: Any = unit.node
        meaning, name = unit.imported, self._bound_as(unit)
        assert meaning is not None
        if isinstance(node, ast.ImportFrom):
            relative = node.level and unit.module.package == self._package
            module = "." * node.level + (node.module or "") if relative else meaning.module
            renamed = "" if name == meaning.name else f" as {name}"
            return f"from {module} import {meaning.name}{renamed}"
        if meaning.whole and name == meaning.module.split(".")[0]:
            return f"import {meaning.module}"
        if meaning.whole and "." in meaning.module:
            raise statements.Uncarriable(
                f"{unit.module.where(node)}: import {meaning.module} would need another name"
            )
        return f"import {meaning.module} as {name}"

    def _edits(
        self, module: statements.Module, node: ast.AST, refs: Iterable[scopes.Ref]
    ) -> dict[scopes.Place, tuple[int, str]]:
        edits = dict(self._made_absolute(module, node))
        for ref in refs:
            key = statements.Key(module.name, ref.layer, ref.name)
            name = self.names.get(key, ref.name)
            unsaid = key in self._texts and own_name.meant(module, self._package, ref) is None
            if name == ref.name or unsaid:
                continue
            try:
                places = module.blocks.place(ref)
            except scopes.Lost as error:
                raise statements.Uncarriable(
                    f"{module.where(ref.node)}: {ref.name} would need another name in the new"
                    f" file, and {error}"
                ) from error
            for place, before in places:
                edits[place] = (len(ref.name.encode()), before + name)
        return edits

    def _made_absolute(
        self, module: statements.Module, node: ast.AST
    ) -> Iterator[tuple[scopes.Place, tuple[int, str]]]:
        """Relative imports inside carried code, where the new file is in another package."""
        if module.package == self._package:
            return
        for each in ast.walk(node):
            if isinstance(each, ast.ImportFrom) and each.level:
                tokens = module.blocks.tokens(each)
                end = next(token for token in tokens if token.text == "import")
                start = tokens[0].place
                if end.place[0] != start[0]:
                    raise statements.Uncarriable(
                        f"{module.where(each)}: a relative import on several lines"
                    )
                target = statements.absolute(module.package, each.module, each.level)
                yield start, (end.place[1] - start[1], f"from {target} ")


def _shared(meaning: statements.Import | None) -> statements.Import | None:
    """All of ``import a.b`` and ``import a.c`` bind the one package ``a``."""
    if meaning is not None and meaning.whole:
        return meaning._replace(module=meaning.module.split(".")[0])
    return meaning


def _imported_names(module: statements.Module, node: ast.AST) -> Iterator[str]:
    """Modules that a statement or a call imports, as far as it is written there."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        target = statements.absolute(module.package, node.module, node.level)
        yield target
        yield from (f"{target}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call):
        called = (
            node.func.attr if isinstance(node.func, ast.Attribute) else statements.root(node.func)
        )
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            dots = len(first.value) - len(first.value.lstrip("."))
            if called in _IMPORTERS and dots:
                yield statements.absolute(module.package, first.value[dots:], dots)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def _fresh(key: statements.Key, used: set[str]) -> str:
    number = re.match(r"\d+", key.module.rpartition(".")[2])
    base = f"{key.name}_{number.group()}" if number else key.name
    if number and base not in used:
        return base
    counted = (f"{base}_{count}" for count in range(2, len(used) + 3))
    return next(name for name in counted if name not in used)


def _is_literal(node: ast.AST) -> bool:
    allowed = (ast.List, ast.Dict, ast.Set, ast.Tuple, ast.Constant, ast.Load, ast.UnaryOp)
    return all(isinstance(each, (*allowed, ast.unaryop)) for each in ast.walk(node))


def _only_read(node: ast.AST) -> Iterator[ast.AST]:
    """Names that a statement only loops over, looks into or gives to what does not keep them."""
    for each in ast.walk(node):
        if isinstance(each, (ast.For, ast.comprehension)):
            yield each.iter
        elif isinstance(each, ast.Compare):
            yield from each.comparators
        elif isinstance(each, ast.Subscript) and isinstance(each.ctx, ast.Load):
            yield each.value
        elif isinstance(each, ast.Call) and isinstance(each.func, ast.Name):
            yield from each.args if each.func.id in statements.PURE else []
        elif isinstance(each, ast.Attribute) and each.attr in ("items", "values", "keys", "get"):
            yield each.value


def _between(last: statements.Unit | None, unit: statements.Unit) -> str:
    if last is None:
        return ""
    if isinstance(last.node, statements.DEFINITIONS) or isinstance(
        unit.node, statements.DEFINITIONS
    ):
        return "\n\n\n"
    return "\n\n" if unit.module is not last.module or unit.module.gap(unit) else "\n"
