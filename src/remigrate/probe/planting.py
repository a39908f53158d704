"""Puts rows into every table of a database, so that an upgrade check sees real rows.

``plant(connection, apps, seed)`` asks the models of a historical project state (``state.apps``) and
nothing else of the project. Two rows go into each table of a managed model and into each automatic
table of a many-to-many field: parents first, each table in a savepoint of its own. What the
database or a field refuses is left alone, and said. No ``save()``, no signal, no storage is asked.
"""

from __future__ import annotations

import datetime
import decimal
import itertools
import operator
import random
import re
import types
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.core.management.color import no_style
from django.db import Error, models, router, transaction
from django.db.models import sql
from django.db.models.fields import NOT_PROVIDED
from django.db.models.query import QuerySet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Row = dict[str, Any]
    """Values by the attname of their field; what is missing is left to the database."""

ROWS = 2
"""Planted into each table."""
READ = 1000
"""Existing rows of a table that are looked at, the newest first."""
ATTEMPTS = 40
"""Drafts of one row, until one breaks no rule that we can read."""
COMBINATIONS = 4000
"""Of values, tried to satisfy the check constraints of a table."""
TOGETHER = 100
"""Tables asked about in one query: SQLite takes 500, shorter statements are read faster."""


class Refused(Exception):
    """No row can be made for a table; says why."""


class Unique(NamedTuple):
    """Fields that may not hold the same values twice."""

    attnames: tuple[str, ...]
    condition: Any = None
    nulls_equal: bool = False


class Table(NamedTuple):
    """A table to plant, as its historical model describes it."""

    name: str
    model: Any
    fields: tuple[Any, ...]
    uniques: tuple[Unique, ...]
    checks: tuple[Any, ...]


class Edge(NamedTuple):
    """A foreign key, and the table and field it points to."""

    field: Any
    table: str
    attname: str

    @property
    def soft(self) -> bool:
        """Whether a row can do without the other one."""
        return bool(self.field.null or not self.field.db_constraint)


def plant(connection: Any, apps: Any, seed: int = 0) -> dict[str, dict[str, Any]]:
    """Two different rows for every table: how many each one got, and why others got none.

    The same seed gives the same rows. Rows that are there already are left as they are, and serve
    as parents. Everything is in one transaction.
    """
    with transaction.atomic(using=connection.alias):
        planting = _Planting(connection, apps, seed)
        planting.run()
    return {"planted": planting.planted, "left": planting.left}


# --- tables, and their order --------------------------------------------------------------------


def _tables(connection: Any, apps: Any) -> dict[str, Table]:
    found: dict[str, Table] = {}
    for model in apps.get_models(include_auto_created=True):
        if model._meta.can_migrate(connection) and router.allow_migrate_model(
            connection.alias, model
        ):
            found.setdefault(model._meta.db_table, _table(model))
    return found


def _table(model: Any) -> Table:
    options = model._meta
    fields = tuple(f for f in options.local_concrete_fields if not getattr(f, "generated", False))
    checks = [
        # `check` until Django 5.0.
        getattr(constraint, "condition", None) or getattr(constraint, "check", None)
        for constraint in options.constraints
        if isinstance(constraint, models.CheckConstraint)
    ]
    return Table(options.db_table, model, fields, tuple(_uniques(options)), tuple(checks))


def _uniques(options: Any) -> Iterator[Unique]:
    yield Unique(_key(options.model))
    for field in options.local_concrete_fields:
        if field.unique and not field.primary_key:
            yield Unique((field.attname,))
    together = [(names, None, False) for names in options.unique_together]
    together += [
        (constraint.fields, constraint.condition, getattr(constraint, "nulls_distinct", 1) is False)
        for constraint in options.constraints
        if isinstance(constraint, models.UniqueConstraint) and constraint.fields
    ]
    for names, condition, nulls_equal in together:
        attnames = tuple(options.get_field(name).attname for name in names)
        yield Unique(attnames, condition, nulls_equal)


def _key(model: Any) -> tuple[str, ...]:
    """The primary key's attnames: several since Django 5.2."""
    fields = getattr(model._meta, "pk_fields", None) or [model._meta.pk]
    return tuple(field.attname for field in fields)


def _edges(table: Table) -> list[Edge]:
    edges = []
    for field in table.fields:
        if field.remote_field is not None:
            target = field.target_field
            concrete = target.model._meta.concrete_model
            edges.append(Edge(field, concrete._meta.db_table, target.attname))
    return edges


def _order(tables: Iterable[str], edges: dict[str, list[Edge]]) -> list[list[str]]:
    """Tables in groups, parents first. Only tables whose rows cannot do without each other share
    a group; circles are cut at foreign keys that can wait.
    """
    group = {name: [name] for name in tables}
    waits = {
        name: {
            edge.table: edge.soft for edge in sorted(edges[name], key=lambda edge: not edge.soft)
        }
        for name in group
    }
    order: list[list[str]] = []
    done: set[str] = set()
    while len(done) < len(group):
        ready = [
            members
            for name, members in group.items()
            if name == members[0] and name not in done and not _unmet(members, waits, group, done)
        ]
        if not ready:
            _cut(group, waits, done)
        for members in ready:
            order.append(members)
            done.update(members)
    return order


def _unmet(
    members: Sequence[str],
    waits: dict[str, dict[str, bool]],
    group: dict[str, list[str]],
    done: set[str],
) -> list[tuple[str, str]]:
    return [
        (name, target)
        for name in members
        for target in waits[name]
        if target in group and target not in done and target not in members
    ]


def _cut(group: dict[str, list[str]], waits: dict[str, dict[str, bool]], done: set[str]) -> None:
    """Find a circle among what is not done; drop a soft edge of it, or else make it one group."""
    members = next(members for name, members in group.items() if name not in done)
    path: list[list[str]] = []
    steps: list[tuple[str, str]] = []
    while members not in path:
        path.append(members)
        unmet = _unmet(members, waits, group, done)
        # Hard edges first: a circle of hard ones is found while there is any on the way.
        step = min(unmet, key=lambda edge: waits[edge[0]][edge[1]])
        steps.append(step)
        members = group[step[1]]
    start = path.index(members)
    soft = [(name, target) for name, target in steps[start:] if waits[name][target]]
    if soft:
        del waits[soft[0][0]][soft[0][1]]
        return
    merged = [name for members in path[start:] for name in members]
    for name in merged:
        group[name] = merged


# --- values -------------------------------------------------------------------------------------


def _word(field: Any, n: int) -> str:
    """Text that is different for each n, also when only its end fits."""
    if isinstance(field, models.EmailField):
        text = f"n{n}@example.com"
    elif isinstance(field, models.URLField):
        text = f"https://example.com/{n}"
    elif isinstance(field, (models.FileField, models.FilePathField)):
        text = f"planted/{n}.bin"
    else:
        text = f"{field.name or 'item'}-{n}"
    limit = field.max_length
    if limit is None or len(text) <= limit:
        return text
    return _base36(n)[-limit:]


def _base36(n: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    text = ""
    while n:
        n, digit = divmod(n, 36)
        text = digits[digit] + text
    return text.rjust(12, "0")


def _integer(field: Any, n: int, connection: Any) -> int:
    low, high = connection.ops.integer_field_range(field.get_internal_type())
    low = 1 if low is None else max(low, 1)
    return n if high is None else low + n % (high - low + 1)


def _decimal(field: Any, n: int) -> decimal.Decimal:
    places = field.decimal_places or 0
    if field.max_digits is None:
        return decimal.Decimal(n).scaleb(-places)
    whole = field.max_digits - places
    if whole <= 0:
        return decimal.Decimal(1 + n % (10**field.max_digits - 1)).scaleb(-places)
    half = decimal.Decimal(5).scaleb(-1) if places else 0
    return 1 + decimal.Decimal(n % (10**whole - 1)) + half


def _moment(n: int) -> datetime.datetime:
    moment = datetime.datetime(2001, 2, 3, 4, 5, 6) + datetime.timedelta(days=n)
    if settings.USE_TZ:
        return moment.replace(tzinfo=datetime.timezone.utc)  # noqa: UP017 # Python 3.8
    return moment


def _binary(field: Any, n: int) -> bytes:
    return n.to_bytes(8, "big")[-(field.max_length or 8) :]


def _uuid(n: int, salt: int = 0x9E3779B97F4A7C15F39CC0605CEDC835) -> uuid.UUID:
    """Spread over the whole range, as random ones are."""
    return uuid.UUID(int=(n + 1) * salt % 2**128, version=4)


def _address(field: Any, n: int) -> str:
    if str(getattr(field, "protocol", "")).lower() == "ipv6":
        return f"2001:db8::{1 + n % 0xFFFE:x}"
    return f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"


def _array(field: Any, n: int, connection: Any) -> list[Any]:
    length = min(field.size or 2, 2)
    return [_made(field.base_field, n + step, connection) for step in range(length)]


def _range(field: Any, n: int, connection: Any) -> tuple[Any, Any]:
    """Ranges of different n do not overlap."""
    first = n % 3000 * 10
    return (
        _made(field.base_field, first, connection),
        _made(field.base_field, first + 5, connection),
    )


def _geometry(field: Any, n: int) -> str:
    x, y = n % 80, n % 40
    more = " 1" * (field.dim - 2)
    square = ((x, y), (x, y + 1), (x + 1, y + 1), (x + 1, y), (x, y))
    corners = [f"{right} {up}{more}" for right, up in square]
    line, ring = f"{corners[0]}, {corners[2]}", ", ".join(corners)
    shapes = {
        "POINT": f"({corners[0]})",
        "LINESTRING": f"({line})",
        "POLYGON": f"(({ring}))",
        "MULTIPOINT": f"({line})",
        "MULTILINESTRING": f"(({line}))",
        "MULTIPOLYGON": f"((({ring})))",
        "GEOMETRYCOLLECTION": f"(POINT ({corners[0]}))",
    }
    kind = field.geom_type if field.geom_type in shapes else "POINT"
    return f"SRID={field.srid};{kind} {shapes[kind]}"


_MAKERS: dict[str, Callable[[Any, int, Any], Any]] = {
    "ArrayField": _array,
    "BinaryField": lambda field, n, connection: _binary(field, n),
    "BooleanField": lambda field, n, connection: n % 2 == 0,
    "CharField": lambda field, n, connection: _word(field, n),
    "CommaSeparatedIntegerField": lambda field, n, connection: str(n % 10),
    "DateField": lambda field, n, connection: _moment(n).date(),
    "DateTimeField": lambda field, n, connection: _moment(n),
    "DecimalField": lambda field, n, connection: _decimal(field, n),
    "DurationField": lambda field, n, connection: datetime.timedelta(days=n % 99, seconds=n),
    "FloatField": lambda field, n, connection: n + 0.5,
    "GenericIPAddressField": lambda field, n, connection: _address(field, n),
    "HStoreField": lambda field, n, connection: {"planted": str(n)},
    "IntegerField": _integer,
    "JSONField": lambda field, n, connection: {"planted": n},
    "RangeField": _range,
    "SearchVectorField": lambda field, n, connection: f"'planted{n}':1",
    "TextField": lambda field, n, connection: _word(field, n),
    "TimeField": lambda field, n, connection: datetime.time(n % 24, n % 60, 6),
    "UUIDField": lambda field, n, connection: _uuid(n),
}
_ALIASES = {
    "FileField": "CharField",
    "FilePathField": "CharField",
    "SlugField": "CharField",
    "EmailField": "CharField",
    "URLField": "CharField",
    "CICharField": "CharField",
    "CIEmailField": "CharField",
    "CITextField": "TextField",
    "IPAddressField": "GenericIPAddressField",
    "NullBooleanField": "BooleanField",
    **{
        sign + size + kind: "IntegerField"
        for sign in ("", "Positive")
        for size in ("", "Small", "Big")
        for kind in ("IntegerField", "AutoField")
    },
}
_BY_COLUMN = (
    (r"\[\]", None),
    ("bool", "BooleanField"),
    ("uuid", "UUIDField"),
    ("json", "JSONField"),
    ("char", "CharField"),
    ("text", "TextField"),
    ("timestamp|datetime", "DateTimeField"),
    ("date", "DateField"),
    ("interval", "DurationField"),
    ("time", "TimeField"),
    (r"decimal|numeric|double|float|\breal", "FloatField"),
    ("bytea|binary|blob", "BinaryField"),
    ("inet", "GenericIPAddressField"),
    (r"\b(big|medium|small|tiny)?(int|integer|serial)\d*\b", "IntegerField"),
)
"""What a column's type says about its values; the first that fits."""


def _kind(field: Any, connection: Any) -> str | None:
    """The maker for a field: by its internal type, its ancestors, or the type of its column."""
    if hasattr(field, "range_type"):
        return "RangeField"
    for name in [field.get_internal_type(), *(cls.__name__ for cls in type(field).__mro__)]:
        kind = _ALIASES.get(name, str(name))
        if kind in _MAKERS:
            return kind
    column = str(field.db_type(connection)).lower()
    return next((kind for words, kind in _BY_COLUMN if re.search(words, column)), None)


def _choices(field: Any) -> list[Any]:
    return [key for key, _ in field.flatchoices if key is not None and key != ""]


def _made(field: Any, n: int, connection: Any) -> Any:
    """A value of the field's own type and within its limits; another one for another n."""
    options = _choices(field)
    if options:
        return options[n % len(options)]
    if hasattr(field, "geom_type") and field.geom_type != "RASTER":
        return _geometry(field, n)
    kind = _kind(field, connection)
    if kind is None:
        raise Refused("no value is known for such a field")
    return _MAKERS[kind](field, n, connection)


def _path(field: Any) -> str:
    return f"{type(field).__module__}.{type(field).__qualname__}"


def _usable(field: Any, n: int, connection: Any) -> Any:
    """The first value that the field itself takes: a project's own field may want another type."""
    if type(field).__module__.startswith("django.db.models."):
        return _made(field, n, connection)
    reason = ""
    for make in (
        lambda: _made(field, n, connection),
        lambda: field.to_python(_made(field, n, connection)),
        lambda: field.to_python(str(_made(field, n, connection))),
        lambda: [_made(field, n, connection)],
        *([field.get_default] if field.has_default() else []),
    ):
        try:
            value = make()
            field.get_db_prep_save(value, connection=connection)
        except Exception as error:  # noqa: BLE001 # whatever the project's fields raise
            reason = reason or _reason(error)
        else:
            return value
    if field.null:
        return None
    raise Refused(f"{field.name} ({_path(field)}): {reason}")


def _reason(error: Exception) -> str:
    line = next(iter(str(error).strip().splitlines()), "")
    if isinstance(error, (Error, Refused)) and line:
        return line
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


# --- check constraints --------------------------------------------------------------------------

_UNKNOWN = object()

_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "exact": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "in": lambda left, right: left in list(right),
    "range": lambda left, right: right[0] <= left <= right[1],
    "startswith": lambda left, right: left.startswith(right),
    "endswith": lambda left, right: left.endswith(right),
    "contains": lambda left, right: right in left,
}


def _holds(condition: Any, row: Row, names: dict[str, str]) -> bool | None:
    """What the database would say of a condition; None: NULL, or not known to us."""
    if isinstance(condition, tuple) and len(condition) == 2:
        return _compared(condition[0], condition[1], row, names)
    if not isinstance(condition, models.Q):
        return None
    results = [_holds(child, row, names) for child in condition.children]
    verdict: bool | None
    if condition.connector == "OR":
        verdict = True if True in results else None if None in results else not results
    elif condition.connector == "AND":
        verdict = False if False in results else None if None in results else True
    else:  # XOR
        verdict = None if None in results else sum(map(bool, results)) % 2 == 1
    return verdict if verdict is None or not condition.negated else not verdict


def _compared(path: str, wanted: Any, row: Row, names: dict[str, str]) -> bool | None:
    name, lookup = _split(path)
    left = row.get(names.get(name, ""), _UNKNOWN)
    right = _operand(wanted, row, names)
    if left is _UNKNOWN or right is _UNKNOWN:
        return None
    if lookup == "isnull" or lookup == "exact" and right is None:
        return (left is None) is (right is None or bool(right))
    if left is None or right is None or lookup not in _COMPARISONS:
        return None
    try:
        return bool(_COMPARISONS[lookup](left, right))
    except (TypeError, AttributeError):  # of types that only the database can compare
        return None


def _split(path: str) -> tuple[str, str]:
    name, _, lookup = path.partition("__")
    return name, lookup or "exact"


def _operand(value: Any, row: Row, names: dict[str, str]) -> Any:
    if isinstance(value, models.F):
        return row.get(names.get(value.name, ""), _UNKNOWN)
    if isinstance(value, models.Value):
        return value.value
    if isinstance(value, (list, tuple, set)):
        items = [_operand(item, row, names) for item in value]
        return _UNKNOWN if _UNKNOWN in items else items
    return _UNKNOWN if hasattr(value, "resolve_expression") else value


def _comparisons(condition: Any) -> Iterator[tuple[str, Any]]:
    """Each (path, value) in a condition."""
    if isinstance(condition, tuple) and len(condition) == 2:
        yield condition
        if isinstance(condition[1], models.F):
            yield condition[1].name, models.F(_split(condition[0])[0])
    elif isinstance(condition, models.Q):
        for child in condition.children:
            yield from _comparisons(child)


def _near(value: Any) -> list[Any]:
    """A value, and those next to it."""
    if isinstance(value, (list, tuple, set)):
        return [near for item in value for near in _near(item)]
    step: Any = None
    if isinstance(value, (datetime.date, datetime.timedelta)):
        step = datetime.timedelta(days=1)
    elif isinstance(value, (int, float, decimal.Decimal)) and not isinstance(value, bool):
        step = 1
    return [value] if step is None else [value, value + step, value - step]


# --- the rows of one table ----------------------------------------------------------------------


class _Filler:
    """Makes rows for one table that break no rule we can read."""

    def __init__(
        self,
        table: Table,
        connection: Any,
        seed: int,
        existing: Sequence[Row],
        parents: dict[str, list[Any]],
        *,
        keep: frozenset[str] = frozenset(),
        later: frozenset[str] = frozenset(),
        plain: bool = False,
    ) -> None:
        """parents: what each foreign key may hold. keep: attnames that others refer to. later:
        foreign keys whose parents come later. plain: defaults, NULLs and blanks where possible.
        """
        self.table, self.connection, self.parents = table, connection, parents
        self.later, self.plain = later, plain
        # Not for secrets: the same seed has to give the same rows.
        self.random = random.Random(f"{seed} {table.name}")  # noqa: S311
        self.start = self.random.randrange(1000, 9000)
        self.key = self._first_key(existing)
        self.kept = keep.union(*(unique.attnames for unique in table.uniques))
        self.names = {f.name: f.attname for f in table.fields}
        self.names.update({f.attname: f.attname for f in table.fields})
        self.names["pk"] = table.model._meta.pk.attname
        self.taken = [
            {values for row in existing if (values := self._values(unique, row)) is not None}
            for unique in table.uniques
        ]
        self.absent = {
            f.attname: self.random.choice((None, 0, 1)) if f.null else None for f in table.fields
        }
        self.blank = {f.attname: self.random.choice((None, None, 0, 1)) for f in table.fields}

    def _first_key(self, existing: Sequence[Row]) -> int:
        keys = (
            [row[self.table.model._meta.pk.attname] for row in existing] if self._counts() else []
        )
        return max([key for key in keys if isinstance(key, int)], default=0) + 1

    def _counts(self) -> bool:
        return isinstance(self.table.model._meta.pk, models.AutoField)

    def rows(self) -> list[Row]:
        made: list[Row] = []
        for index in range(ROWS):
            row = self._fitting(index, made)
            for number, unique in enumerate(self.table.uniques):
                values = self._values(unique, row)
                if values is not None:
                    self.taken[number].add(values)
            made.append(row)
        return made

    def _fitting(self, index: int, made: Sequence[Row]) -> Row:
        """The first draft without a fault; or the best one, and the database has the last word."""
        best: Row = {}
        fewest = None
        for attempt in range(ATTEMPTS):
            row = self._draft(index, attempt, made)
            faults = self._faults(row)
            if faults and self.table.checks:
                row, faults = self._repaired(row, index + attempt)
            if not faults:
                return row
            if fewest is None or faults < fewest:
                best, fewest = row, faults
        return best

    def _draft(self, index: int, attempt: int, made: Sequence[Row]) -> Row:
        row: Row = {}
        own: list[Edge] = []
        for field in self.table.fields:
            if field.attname in self.later and not field.null:
                continue
            if field.remote_field is not None:
                edge = _edge_to_self(field, self.table)
                if edge is not None:
                    own.append(edge)
                else:
                    row[field.attname] = self._parent(field, index, attempt)
            elif not self._by_default(field, index):
                row[field.attname] = self._value(field, index, attempt)
        for edge in own:
            older = [older[edge.attname] for older in made]
            row[edge.field.attname] = self._relative(edge, row, older)
        return row

    def _by_default(self, field: Any, index: int) -> bool:
        """Whether the column is left to the database's default."""
        default = getattr(field, "db_default", NOT_PROVIDED)
        return default is not NOT_PROVIDED and index == 1 and field.attname not in self.kept

    def _value(self, field: Any, index: int, attempt: int) -> Any:
        if field.primary_key and self._counts():
            return self.key + index
        free = field.attname not in self.kept
        if free and (self.absent[field.attname] == index or self.plain and field.null):
            return None
        if free and self.plain and field.has_default() and not callable(field.default):
            return field.default
        n = self.start + index + (self.random.randrange(10_000) if attempt else 0)
        if (
            free
            and (self.blank[field.attname] == index or self.plain)
            and self._may_be_blank(field)
        ):
            return ""
        return _usable(field, n, self.connection)

    def _may_be_blank(self, field: Any) -> bool:
        textual = isinstance(field, (models.CharField, models.TextField))
        return textual and field.blank and not _choices(field)

    def _parent(self, field: Any, index: int, attempt: int) -> Any:
        options = self.parents[field.attname]
        if field.attname in self.later:
            return None
        if field.null and (not options or self.plain or self.absent[field.attname] == index):
            return None
        if options:
            position = self.random.randrange(len(options)) if attempt else index
            return options[position % len(options)]
        if not field.db_constraint:
            return _usable(_root(field), self.start + index, self.connection)
        raise Refused(
            f"{field.name}: no row of {field.target_field.model._meta.db_table} to point to"
        )

    def _relative(self, edge: Edge, row: Row, older: list[Any]) -> Any:
        """For a foreign key to its own table: a row made before, nothing, or the row itself."""
        unique = any(edge.field.attname in rule.attnames for rule in self.table.uniques)
        if older and not unique:
            return older[-1]
        return None if edge.field.null else row[edge.attname]

    def _faults(self, row: Row) -> int:
        faults = 0
        for number, unique in enumerate(self.table.uniques):
            values = self._values(unique, row)
            faults += values is not None and values in self.taken[number]
        return faults + sum(_holds(check, row, self.names) is False for check in self.table.checks)

    def _values(self, unique: Unique, row: Row) -> tuple[Any, ...] | None:
        """What may not be there twice; None when the row is outside of the rule."""
        values = tuple(row.get(attname) for attname in unique.attnames)
        if any(attname not in row for attname in unique.attnames):
            return None
        if None in values and not unique.nulls_equal:
            return None
        if unique.condition is not None and _holds(unique.condition, row, self.names) is False:
            return None
        return tuple(_frozen(value) for value in values)

    def _repaired(self, row: Row, n: int) -> tuple[Row, int]:
        """The row with other values in the fields of check constraints that it breaks."""
        faults = self._faults(row)
        for check in self.table.checks * 2:
            if _holds(check, row, self.names) is False:
                row, faults = self._mended(row, faults, self._options(check, row, n))
        return row, faults

    def _mended(self, row: Row, faults: int, options: dict[str, list[Any]]) -> tuple[Row, int]:
        best, fewest = row, faults
        for values in itertools.islice(itertools.product(*options.values()), COMBINATIONS):
            other = {**row, **{name: values[place] for place, name in enumerate(options)}}
            faults = self._faults(other)
            if faults < fewest:
                best, fewest = other, faults
            if not fewest:
                break
        return best, fewest

    def _options(self, broken: Any, row: Row, n: int) -> dict[str, list[Any]]:
        """Values to try in the fields of one check constraint; the others have a say in them."""
        names = {self.names.get(_split(path)[0], "") for path, _ in _comparisons(broken)}
        options = {name: self._general(name, row, n) for name in sorted(names & set(row))}
        for check in self.table.checks:
            for path, wanted in _comparisons(check):
                name = self.names.get(_split(path)[0], "")
                if name in options:
                    options[name] += self._wanted(name, path, wanted, row)
        return options

    def _general(self, attname: str, row: Row, n: int) -> list[Any]:
        field = next(field for field in self.table.fields if field.attname == attname)
        values = [row[attname]]
        if field.null and row[attname] is not None:
            values.append(None)
        if field.remote_field is not None:
            return values + self.parents.get(attname, [])[:2]
        if field.primary_key:
            return values
        choices = [True, False] if _kind(field, self.connection) == "BooleanField" else []
        return values + (choices or _choices(field) or [_usable(field, n, self.connection)])

    def _wanted(self, attname: str, path: str, wanted: Any, row: Row) -> list[Any]:
        field = next(field for field in self.table.fields if field.attname == attname)
        value = _operand(wanted, row, self.names)
        if field.remote_field is not None or field.primary_key or _split(path)[1] == "isnull":
            return []
        return [] if value is _UNKNOWN or value is None else _near(value)


def _edge_to_self(field: Any, table: Table) -> Edge | None:
    target = field.target_field
    name = target.model._meta.concrete_model._meta.db_table
    return Edge(field, name, target.attname) if name == table.name else None


def _root(field: Any) -> Any:
    """The field at the end of a chain of foreign keys."""
    while field.remote_field is not None:
        field = field.target_field
    return field


def _frozen(value: Any) -> Any:
    """Something to compare by: MySQL takes no notice of case."""
    if isinstance(value, str):
        return value.casefold()
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value


# --- the planting -------------------------------------------------------------------------------


class _Planting:
    """One run over a database."""

    def __init__(self, connection: Any, apps: Any, seed: int) -> None:
        self.connection, self.seed = connection, seed
        self.planted: dict[str, int] = {}
        self.left: dict[str, str] = {}
        self.present = set(connection.introspection.table_names())
        self.tables = _tables(connection, apps)
        self.edges = {name: _edges(table) for name, table in self.tables.items()}
        self.referred: dict[str, set[str]] = {}
        for edge in itertools.chain.from_iterable(self.edges.values()):
            self.referred.setdefault(edge.table, set()).add(edge.attname)
        self.models = {
            edge.table: edge.field.target_field.model._meta.concrete_model
            for edge in itertools.chain.from_iterable(self.edges.values())
        }
        self.known: dict[str, list[Row]] = {}
        self.existing: dict[str, list[Row]] = {}
        self.filled: set[str] = set()

    def run(self) -> None:
        self._leave_absent()
        self.filled = self._with_rows()
        if self.connection.vendor == "postgresql":
            # Else a row that points nowhere would only be refused at the end, with all the others.
            self._execute("SET CONSTRAINTS ALL IMMEDIATE")
        for names in _order([name for name in self.tables if name not in self.left], self.edges):
            self._plant(names)
        self._point_later()
        self._move_sequences()
        for name in sorted(self.present - set(self.tables) - {"django_migrations"}):
            self.left[name] = "no managed model of this state has this table"

    def _leave_absent(self) -> None:
        for name in self.tables:
            # A quoted name may hold a schema; the insertion will tell.
            if name not in self.present and '"' not in name and "." not in name:
                self.left[name] = "the database has no such table"

    def _execute(self, statement: str, values: Sequence[Any] | None = None) -> list[Any]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []

    def _with_rows(self) -> set[str]:
        """Tables that are not empty."""
        names = sorted(self.present & (set(self.tables) | set(self.models)))
        quote = self.connection.ops.quote_name
        found: set[str] = set()
        for first in range(0, len(names), TOGETHER):
            asked = names[first : first + TOGETHER]
            statement = " UNION ALL ".join(
                f"SELECT {number}, EXISTS(SELECT 1 FROM {quote(name)})"  # noqa: S608 # names, quoted
                for number, name in enumerate(asked)
            )
            found.update(asked[number] for number, some in self._execute(statement) if some)
        return found

    def _existing(self, name: str, model: Any, attnames: Iterable[str]) -> list[Row]:
        if name not in self.filled:
            return []
        columns = sorted({*_key(model), *attnames})
        rows = QuerySet(model, using=self.connection.alias).order_by("-pk")
        return [
            {attname: values[place] for place, attname in enumerate(columns)}
            for values in rows.values_list(*columns)[:READ]
        ]

    def _rows_of(self, name: str) -> list[Row]:
        """Rows to point to: those planted, then those that were there."""
        if name not in self.known:
            model = self.models[name]
            self.known[name] = self._existing(name, model, self.referred[name])
        return self.known[name]

    def _plant(self, names: list[str]) -> None:
        """One table, or several that cannot be without each other. Twice, and the second time with
        plainer rows; then row by row, for where there is room for one only.
        """
        reason = ""
        for plain, single in ((False, False), (True, False), (False, True)):
            try:
                with transaction.atomic(using=self.connection.alias):
                    made = self._made(names, plain=plain)
                    if single:
                        made = {name: rows[:1] for name, rows in made.items()}
                    self._insert(made)
            except Exception as error:  # noqa: BLE001 # also what the project's fields raise
                reason = reason or _reason(error)
            else:
                for name, rows in made.items():
                    self.planted[name] = len(rows)
                    self.known[name] = rows + self.existing[name]
                return
        self.left.update(dict.fromkeys(names, reason))

    def _made(self, names: list[str], *, plain: bool) -> dict[str, list[Row]]:
        if len(names) > 1 and not self.connection.features.can_defer_constraint_checks:
            raise Refused(
                f"foreign keys in a circle ({', '.join(names)}), and this database checks them"
                " row by row"
            )
        self.existing.clear()
        made = {name: self._filler(name, names, plain=plain).rows() for name in names}
        for name in names:
            for edge in self.edges[name]:
                if edge.table in names and edge.table != name and not edge.soft:
                    for index, row in enumerate(made[name]):
                        row[edge.field.attname] = made[edge.table][index][edge.attname]
        return made

    def _filler(self, name: str, names: list[str], *, plain: bool) -> _Filler:
        table = self.tables[name]
        kept = frozenset(self.referred.get(name, ()))
        ruled = itertools.chain.from_iterable(unique.attnames for unique in table.uniques)
        self.existing[name] = self._existing(name, table.model, {*kept, *ruled})
        parents: dict[str, list[Any]] = {}
        later = set()
        for edge in self.edges[name]:
            if edge.table == name:
                continue
            if self._is_pending(edge) and (edge.field.null or edge.table in names):
                later.add(edge.field.attname)
            parents[edge.field.attname] = self._values_of(edge)
        return _Filler(
            table,
            self.connection,
            self.seed,
            self.existing[name],
            parents,
            keep=kept,
            later=frozenset(later),
            plain=plain,
        )

    def _is_pending(self, edge: Edge) -> bool:
        done = edge.table in self.planted or edge.table in self.left
        return edge.table in self.tables and not done

    def _values_of(self, edge: Edge) -> list[Any]:
        values = [row.get(edge.attname) for row in self._rows_of(edge.table)]
        return [value for value in values if value is not None]

    def _insert(self, made: dict[str, list[Row]]) -> None:
        postgresql = self.connection.vendor == "postgresql"
        before = {name: self._violations(name) for name in made if name in self.filled}
        if postgresql and len(made) > 1:
            self._execute("SET CONSTRAINTS ALL DEFERRED")
        for name, rows in made.items():
            for fields, batch in itertools.groupby(rows, self._filled_in(name)):
                self._insert_rows(self.tables[name].model, fields, list(batch))
        if postgresql and len(made) > 1:
            self._execute("SET CONSTRAINTS ALL IMMEDIATE")
        for name in made:
            if self._violations(name) > before.get(name, 0):
                raise Refused("a foreign key that the state does not know points to no row")

    def _filled_in(self, name: str) -> Callable[[Row], tuple[Any, ...]]:
        """The fields of a table that a row gives a value to."""
        fields = self.tables[name].fields
        return lambda row: tuple(field for field in fields if field.attname in row)

    def _insert_rows(self, model: Any, fields: Sequence[Any], rows: list[Row]) -> None:
        # Not through instances: those send signals, and a project's receivers listen to any model.
        values = [types.SimpleNamespace(**row) for row in rows]
        size = max(1, self.connection.ops.bulk_batch_size(fields, values))
        for first in range(0, len(values), size):
            query = sql.InsertQuery(model)
            query.insert_values(fields, values[first : first + size], raw=True)
            query.get_compiler(connection=self.connection).execute_sql()

    def _violations(self, name: str) -> int:
        """Foreign keys of a table that point nowhere. SQLite would tell at the commit only."""
        if self.connection.vendor != "sqlite":
            return 0
        quoted = self.connection.ops.quote_name(name)
        return len(self._execute(f"PRAGMA foreign_key_check({quoted})"))

    def _point_later(self) -> None:
        """Fill the foreign keys whose parents came later, in one of the rows."""
        for name, edges in self.edges.items():
            for edge in edges:
                if name in self.planted and edge.field.null and edge.table in self.planted:
                    self._point(name, edge)

    def _point(self, name: str, edge: Edge) -> None:
        rows = self.known[name][: self.planted[name]]
        parents = self._values_of(edge)
        if not parents or any(row.get(edge.field.attname) is not None for row in rows):
            return
        try:
            with transaction.atomic(using=self.connection.alias):
                self._update(name, rows[-1], edge.field, parents[(len(rows) - 1) % len(parents)])
        except Error:
            return  # A rule of the table wants the NULL that is there.

    def _update(self, name: str, row: Row, field: Any, value: Any) -> None:
        quote = self.connection.ops.quote_name
        model = self.tables[name].model
        key = [model._meta.get_field(attname) for attname in _key(model)]
        prepared = [
            each.get_db_prep_save(found, connection=self.connection)
            for each, found in [(field, value), *((part, row[part.attname]) for part in key)]
        ]
        where = " AND ".join(f"{quote(part.column)} = %s" for part in key)
        self._execute(
            f"UPDATE {quote(name)} SET {quote(field.column)} = %s WHERE {where}",  # noqa: S608
            prepared,
        )

    def _move_sequences(self) -> None:
        """Automatic keys were given: the database's own counters go on after them."""
        counted = [
            table.model
            for name, table in self.tables.items()
            if name in self.planted and isinstance(table.model._meta.pk, models.AutoField)
        ]
        statements = self.connection.ops.sequence_reset_sql(no_style(), counted)
        if statements:
            self._execute("\n".join(statements))
