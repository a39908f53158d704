"""Values for the columns of planted rows, by the fields that describe them.

A part of the probe; see `script` and `planting`.
"""

from __future__ import annotations

import datetime
import decimal
import re
import uuid
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import Error, models

if TYPE_CHECKING:
    from collections.abc import Callable


class Refused(Exception):
    """No row can be made for a table; says why."""


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
    shape = field.geom_type if field.geom_type in shapes else "POINT"
    return f"SRID={field.srid};{shape} {shapes[shape]}"


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
        sign + size + number: "IntegerField"
        for sign in ("", "Positive")
        for size in ("", "Small", "Big")
        for number in ("IntegerField", "AutoField")
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


def kind(field: Any, connection: Any) -> str | None:
    """The maker for a field: by its internal type, its ancestors, or the type of its column."""
    if hasattr(field, "range_type"):
        return "RangeField"
    for name in [field.get_internal_type(), *(cls.__name__ for cls in type(field).__mro__)]:
        found = _ALIASES.get(name, str(name))
        if found in _MAKERS:
            return found
    column = str(field.db_type(connection)).lower()
    return next((found for words, found in _BY_COLUMN if re.search(words, column)), None)


def choices(field: Any) -> list[Any]:
    return [key for key, _ in field.flatchoices if key is not None and key != ""]


def _made(field: Any, n: int, connection: Any) -> Any:
    """A value of the field's own type and within its limits; another one for another n."""
    options = choices(field)
    if options:
        return options[n % len(options)]
    if hasattr(field, "geom_type") and field.geom_type != "RASTER":
        return _geometry(field, n)
    found = kind(field, connection)
    if found is None:
        raise Refused("no value is known for such a field")
    return _MAKERS[found](field, n, connection)


def _path(field: Any) -> str:
    return f"{type(field).__module__}.{type(field).__qualname__}"


def usable(field: Any, n: int, connection: Any) -> Any:
    """The first value that the field itself takes: a project's own field may want another type."""
    if type(field).__module__.startswith("django.db.models."):
        return _made(field, n, connection)
    why = ""
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
            why = why or reason(error)
        else:
            return value
    if field.null:
        return None
    raise Refused(f"{field.name} ({_path(field)}): {why}")


def reason(error: Exception) -> str:
    line = next(iter(str(error).strip().splitlines()), "")
    if isinstance(error, (Error, Refused)) and line:
        return line
    return f"{type(error).__name__}: {line}" if line else type(error).__name__
