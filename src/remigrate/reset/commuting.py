"""Whether operations of two branches give the same in either order, as far as arguments tell.

Every operation of Django's own is taken for what it touches: a whole model, or one field of it;
and for the models that its fields point to. Two operations that touch the same, or of which one
changes what the other one points to, need an order. So does all that is not Django's own, and
code: that is for a database to show.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from remigrate.scope import last_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ANYTHING = "may do anything"
"""Said of code: what it does to rows cannot be read."""
_WHOLE = "*"
_ANY = "?"
"""A model that cannot be told, as a setting names it."""

_ARGUMENTS = {
    "CreateModel": ("name", "fields", "options", "bases", "managers"),
    "DeleteModel": ("name",),
    "RenameModel": ("old_name", "new_name"),
    "AlterModelTable": ("name", "table"),
    "AlterModelTableComment": ("name", "table_comment"),
    "AlterUniqueTogether": ("name", "unique_together"),
    "AlterIndexTogether": ("name", "index_together"),
    "AlterOrderWithRespectTo": ("name", "order_with_respect_to"),
    "AlterModelOptions": ("name", "options"),
    "AlterModelManagers": ("name", "managers"),
    "AddField": ("model_name", "name", "field", "preserve_default"),
    "RemoveField": ("model_name", "name"),
    "AlterField": ("model_name", "name", "field", "preserve_default"),
    "RenameField": ("model_name", "old_name", "new_name"),
    "AddIndex": ("model_name", "index"),
    "RemoveIndex": ("model_name", "name"),
    "RenameIndex": ("model_name", "new_name", "old_name", "old_fields"),
    "AddConstraint": ("model_name", "constraint"),
    "RemoveConstraint": ("model_name", "name"),
    "AlterConstraint": ("model_name", "name", "constraint"),
}
"""Arguments of the operations that are understood, in their order."""
_ONLY_STATE = ("AlterModelOptions", "AlterModelManagers")
_NAMING = ("RenameModel", "AlterModelTable")
"""Operations after which databases make other names, and other tables, for what points here."""
_POINTING = ("DeleteModel", "RemoveField", "AlterField", "RenameField")
"""Operations of which nobody can tell here what the field pointed to before."""


class Branch(NamedTuple):
    """The migrations of one side, in their order."""

    name: str
    """How people call it: the name of its leaf."""
    migrations: tuple[tuple[str, ast.Module], ...]
    """Name and syntax tree of each."""


class _Step(NamedTuple):
    """An operation, as far as it is understood."""

    place: str
    kind: str
    touches: frozenset[tuple[str, str]]
    """(model, field), both in lower case; the field may be `_WHOLE`."""
    points_to: frozenset[str]
    """Models of the app that its fields or bases name."""
    reshapes: frozenset[str]
    """Models that look different afterwards to what points to them."""
    changes_key: bool
    """Whether columns of other models, which point to it, may change with it."""


class _Unclear(NamedTuple):
    why: str


def commutes(
    left: Branch, right: Branch, label: str, settings: Mapping[str, str] | None = None
) -> str:
    """Why the two sides of an app may need an order; empty when either order gives the same.

    `settings` says what ``AUTH_USER_MODEL`` and the like name, where that is known.
    """
    sides = [list(_steps(branch, label, settings or {})) for branch in (left, right)]
    if not all(sides):
        return ""
    for step in (*sides[0], *sides[1]):
        if isinstance(step, _Unclear):
            return step.why
    for one in sides[0]:
        for other in sides[1]:
            assert isinstance(one, _Step)
            assert isinstance(other, _Step)
            why = _clash(one, other) or _clash(other, one)
            if why:
                return why
    return ""


def _clash(one: _Step, other: _Step) -> str:
    pair = f"{one.place} and {other.place}"
    for model, field in sorted(one.touches):
        for rival, rival_field in sorted(other.touches):
            if model == rival and (field == rival_field or _WHOLE in (field, rival_field)):
                what = model if _WHOLE in (field, rival_field) else f"{model}.{field}"
                return f"{pair} both change {what}"
    for model in sorted(other.points_to):
        if model in one.reshapes or model == _ANY and one.reshapes:
            return f"{one.place} changes a model that {other.place} points to"
    if one.kind == "DeleteModel" and other.kind in _POINTING:
        return f"{other.place} may have to do with the model that {one.place} takes away"
    if (one.kind in _NAMING or one.changes_key) and other.kind not in (*_ONLY_STATE, "CreateModel"):
        return f"{one.place} may change what {other.place} finds"
    return ""


def _steps(branch: Branch, label: str, settings: Mapping[str, str]) -> Iterator[_Step | _Unclear]:
    for name, tree in branch.migrations:
        trusted = _djangos(tree)
        operations = _operations(tree)
        if operations is None:
            yield _Unclear(f"the operations of {name} are computed when Django runs")
            continue
        for node in operations:
            yield _step(f"{name}, line {node.lineno}", node, trusted, label, settings)


def _operations(tree: ast.Module) -> list[ast.expr] | None:
    """The entries of ``operations``; None when they are not all written there."""
    found: list[ast.expr] = []
    classes = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Migration"]
    if len(classes) != 1:
        return None
    for node in classes[0].body:
        match node:
            case ast.Assign(targets=[ast.Name(id="operations")], value=ast.expr() as value):
                if not isinstance(value, ast.List | ast.Tuple):
                    return None
                found = value.elts
            case ast.Assign() | ast.Pass() | ast.Expr(value=ast.Constant()):
                if _mentions_operations(node):
                    return None
            case _:
                return None
    return found


def _mentions_operations(node: ast.stmt) -> bool:
    return any(isinstance(n, ast.Name) and n.id == "operations" for n in ast.walk(node))


def _djangos(tree: ast.Module) -> dict[str, str]:
    """Names of the module that stand for Django's ``migrations``, or for one of its operations."""
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                if (node.module, alias.name) == ("django.db", "migrations"):
                    found[alias.asname or alias.name] = ""
                elif (node.module or "").startswith("django.db.migrations"):
                    found[alias.asname or alias.name] = alias.name
    return found


def _kind(node: ast.expr, trusted: Mapping[str, str]) -> str:
    """The operation of Django's that is made by a call; empty for any other."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=kind)):
            return kind if trusted.get(owner) == "" else ""
        case ast.Call(func=ast.Name(id=name)):
            return trusted.get(name, "")
        case _:
            return ""


def _step(
    place: str, node: ast.expr, trusted: Mapping[str, str], label: str, settings: Mapping[str, str]
) -> _Step | _Unclear:
    kind = _kind(node, trusted)
    if not isinstance(node, ast.Call) or kind not in _ARGUMENTS:
        shown = last_name(node.func) if isinstance(node, ast.Call) else ""
        return _Unclear(f"{shown or 'an operation'} of {place} {ANYTHING}")
    given = _arguments(node, _ARGUMENTS[kind])
    model_argument = "model_name" if "model_name" in _ARGUMENTS[kind] else _ARGUMENTS[kind][0]
    model = _text(given.get(model_argument)) if given is not None else None
    if given is None or model is None:
        return _Unclear(f"the arguments of {kind} of {place} are computed when Django runs")
    model = model.lower()
    touches = _touches(kind, model, given)
    if touches is None:
        return _Unclear(f"the arguments of {kind} of {place} are computed when Django runs")
    points_to = frozenset(_pointed_to(given, label, settings))
    reshaped = _reshaped(kind, touches, given)
    changes_key = kind in ("AddField", "AlterField") and _is_key(given.get("field"))
    place = f"{kind} of {place}"
    return _Step(place, kind, touches, points_to - {model}, reshaped, changes_key)


def _arguments(call: ast.Call, names: Sequence[str]) -> dict[str, ast.expr] | None:
    if any(isinstance(a, ast.Starred) for a in call.args) or len(call.args) > len(names):
        return None
    given = dict(zip(names, call.args, strict=False))
    for keyword in call.keywords:
        if keyword.arg is None:
            return None
        given[keyword.arg] = keyword.value
    return given


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _touches(
    kind: str, model: str, given: Mapping[str, ast.expr]
) -> frozenset[tuple[str, str]] | None:
    match kind:
        case "AddField" | "RemoveField" | "AlterField":
            field = _text(given.get("name"))
            return None if field is None else frozenset([(model, field.lower())])
        case "RenameModel":
            new = _text(given.get("new_name"))
            return None if new is None else frozenset([(model, _WHOLE), (new.lower(), _WHOLE)])
        case "AlterModelOptions" | "AlterModelManagers":
            return frozenset([(model, f"({kind})")])
        case "AddIndex":
            return frozenset((model, field) for field in _indexed(given.get("index")))
        case _:
            return frozenset([(model, _WHOLE)])


def _indexed(index: ast.expr | None) -> list[str]:
    """The fields of a plain index, and its name; all of the model for any other index."""
    if not isinstance(index, ast.Call) or index.args:
        return [_WHOLE]
    given = {keyword.arg: keyword.value for keyword in index.keywords}
    fields, name = given.get("fields"), _text(given.get("name"))
    if given.keys() != {"fields", "name"} or name is None:
        return [_WHOLE]
    if not isinstance(fields, ast.List | ast.Tuple):
        return [_WHOLE]
    texts = [_text(field) for field in fields.elts]
    found = [text.removeprefix("-").lower() for text in texts if text is not None]
    return [*found, f"(index {name})"] if len(found) == len(texts) else [_WHOLE]


def _reshaped(
    kind: str, touches: frozenset[tuple[str, str]], given: Mapping[str, ast.expr]
) -> frozenset[str]:
    if kind in _ONLY_STATE or kind in ("AddIndex", "RemoveIndex", "RenameIndex"):
        return frozenset()
    if kind == "AddField" and not _is_key(given.get("field")):
        return frozenset()
    return frozenset(model for model, _ in touches)


def _is_key(field: ast.expr | None) -> bool:
    """Whether others may point to the field: it is unique, or that cannot be told."""
    if not _is_made_by_class(field):
        return True
    assert isinstance(field, ast.Call)
    return any(
        keyword.arg is None
        or keyword.arg in ("primary_key", "unique")
        and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)
        for keyword in field.keywords
    )


def _pointed_to(
    given: Mapping[str, ast.expr], label: str, settings: Mapping[str, str]
) -> Iterator[str]:
    """Models of the app `label` that fields and bases among the arguments name."""
    for name in ("fields", "field", "bases"):
        if name not in given:
            continue
        for target in _targets(given[name], everything=name == "bases"):
            if isinstance(target, ast.Constant) and isinstance(target.value, str):
                app, dot, model = target.value.rpartition(".")
                if not dot or app == label:
                    yield model.lower()
            elif isinstance(target, ast.Attribute) and target.attr in settings:
                app, _, model = settings[target.attr].rpartition(".")
                if app == label:
                    yield model.lower()
            else:
                yield _ANY


def _targets(node: ast.expr, *, everything: bool) -> Iterator[ast.expr]:
    """Expressions that may name a model."""
    if everything:
        yield from (n for n in ast.walk(node) if isinstance(n, ast.Constant))
        return
    for field in _fields(node):
        if not _is_made_by_class(field):
            yield field
            continue
        for call in ast.walk(field):
            if isinstance(call, ast.Call):
                yield from (k.value for k in call.keywords if k.arg in ("to", "through"))
                yield from (first for first in call.args[:1] if _may_name(call, first))


def _is_made_by_class(field: ast.expr | None) -> bool:
    """Whether all that a field is stands in its arguments: not so where a function makes it."""
    return isinstance(field, ast.Call) and last_name(field.func)[:1].isupper()


def _fields(node: ast.expr) -> Iterator[ast.expr]:
    """The field of ``field=``, or those of ``fields=[(name, field), ...]``."""
    if not isinstance(node, ast.List | ast.Tuple):
        yield node
        return
    for entry in node.elts:
        match entry:
            case ast.Tuple(elts=[_, field]) | ast.List(elts=[_, field]):
                yield field
            case _:
                yield entry


def _may_name(call: ast.Call, first: ast.expr) -> bool:
    """Whether the first argument may be a model: that of a relation, or any text."""
    if last_name(call.func).endswith(("Key", "OneToOneField", "ManyToManyField")):
        return True
    return isinstance(first, ast.Constant) and isinstance(first.value, str)
