"""What the code of a `RunPython` looks at, as far as can be told without running it.

A part of the probe; see `script`.
"""

from __future__ import annotations

import dis
import inspect
import re
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_STANDARD = {
    *("collections", "copy", "datetime", "decimal", "enum", "fractions", "functools", "hashlib"),
    *("itertools", "json", "logging", "math", "operator", "random", "re", "secrets", "string"),
    *("textwrap", "time", "typing", "unicodedata", "uuid", "warnings", "_operator", "_hashlib"),
}
"""Modules that know nothing of databases and settings."""
_ELSEWHERE = (
    *(".vendor", "schema_editor", "connection", "cursor"),
    *("settings", "environ", "getenv", "router"),
)
"""Words in the code of a function that may do something else in another place."""
_OF_MODELS = {
    *("model_to_dict", "__dict__", "vars", "full_clean", "clean_fields", "clean", "field"),
    *("deconstruct", "state_forwards", "database_forwards"),
}
"""Names in code that looks at what models are made of, not only at rows."""
_OF_META = {
    *("get_field", "get_fields", "fields", "concrete_fields", "local_fields", "many_to_many"),
    *("local_concrete_fields", "field_names", "fields_map", "getattr", "private_fields"),
    *("verbose_name", "verbose_name_raw", "verbose_name_plural", "indexes", "constraints"),
    *("permissions", "default_permissions", "original_attrs"),
}
"""The same, for what ``_meta`` has; other things may be called so, too."""
_OF_THE_DATABASE = {
    *(
        "cursor",
        "execute",
        "executescript",
        "executemany",
        "raw",
        "extra",
        "RawSQL",
        "introspection",
    ),
    *("create_model", "delete_model", "add_field", "alter_field", "remove_field", "deferred_sql"),
    *("add_index", "remove_index", "add_constraint", "remove_constraint", "alter_db_table"),
    *("alter_unique_together", "alter_index_together", "quote_name", "import_module"),
}
"""Names in code that may speak to the database itself."""
_OF_NAMES = {"swapper"}
"""Packages that only tell how a model is called in these settings."""
NOTHING_KNOWN, DATABASE, ROWS = range(3)
"""How far code looks: nobody knows; maybe past the models, at tables and columns; at rows alone,
through Django's models."""


def far(code: Any) -> int:
    """How far a function looks, in whatever place it may run."""
    if not isinstance(code, types.FunctionType) or hasattr(code, "__wrapped__"):
        return NOTHING_KNOWN
    functions = list(_with_those_beside(code, []))
    names = set().union(*(_names(each.__code__) for each in functions))
    if names & _OF_MODELS or ("_meta" in names and names & _OF_META):
        return NOTHING_KNOWN
    if names & _OF_THE_DATABASE or any(map(_calls_others, functions)):
        return DATABASE
    return ROWS


def words(code: Any) -> set[str]:
    """All that a function names, in lower case: attributes, arguments, and words in its texts."""
    found: set[str] = set()
    for each in _with_those_beside(code, []):
        found |= _names(each.__code__).union(_texts(each.__code__))
    # A lookup names several fields; a column may be called after one.
    parts = {part for name in found for part in (name, *name.split("__"))}
    return {part.lower() for name in parts for part in (name, re.sub("_id$", "", name))}


def _texts(value: Any) -> Iterator[str]:
    """The words in a constant, or in those of code."""
    if isinstance(value, str):
        yield from re.findall(r"\w+", value)
    elif isinstance(value, (tuple, frozenset)):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, types.CodeType):
        yield from _texts(value.co_consts)


def _with_those_beside(code: Any, seen: list[Any]) -> Iterator[Any]:
    """The function, and those of the same file that it names, and so on."""
    seen.append(code)
    yield code
    for each in _named(code):
        if _is_beside(each, code) and each not in seen:
            yield from _with_those_beside(each, seen)


def _calls_others(code: Any) -> bool:
    """Whether it names code that is neither Django's, nor of the standard library, nor beside."""
    others = [
        each for each in _named(code) if not _is_beside(each, code) and not _is_harmless(each)
    ]
    names = [getattr(each, "__module__", getattr(each, "__name__", "")) for each in others]
    names += [each for each in _imported(code.__code__) if not _is_known(each)]
    return any(str(name).partition(".")[0] not in _OF_NAMES for name in names)


def _imported(code: types.CodeType) -> Iterator[str]:
    for each in dis.get_instructions(code):
        if each.opname == "IMPORT_NAME":
            yield str(each.argval)
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _imported(inner)


def looks_around(code: Any, seen: tuple[Any, ...] = ()) -> bool:
    """Whether a function asks where it runs, or calls code that may: which database or settings.

    It does not when all that it names is Django's models, the standard library, and functions
    beside it of which the same holds.
    """
    if not isinstance(code, types.FunctionType) or hasattr(code, "__wrapped__"):
        return True
    try:
        source = inspect.getsource(code)
    except (OSError, TypeError):
        return True
    head, _, body = source.partition(":\n")
    body = (body or head).replace("schema_editor.connection.alias", "")
    if head.lstrip().startswith("@") or any(word in body for word in _ELSEWHERE):
        return True
    return any(
        looks_around(each, (*seen, code)) if _is_beside(each, code) else not _is_harmless(each)
        for each in _named(code)
        if each not in seen and each is not code
    )


def _named(code: Any) -> list[Any]:
    """What a function names of its module."""
    return [code.__globals__[name] for name in _names(code.__code__) if name in code.__globals__]


def _names(code: types.CodeType) -> set[str]:
    inner = [each for each in code.co_consts if isinstance(each, types.CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _is_beside(value: Any, code: Any) -> bool:
    return isinstance(value, types.FunctionType) and value.__module__ == code.__module__


def _is_harmless(value: Any) -> bool:
    """Whether it is data, or code of Django or of the standard library."""
    if isinstance(value, types.ModuleType):
        module = value.__name__
    elif callable(value):
        module = str(getattr(value, "__module__", ""))
    else:
        return True
    return _is_known(module)


def _is_known(module: str) -> bool:
    top = module.partition(".")[0]
    return top in ("django", "builtins") or top in _STANDARD
