"""The schema of a PostgreSQL database, from pg_catalog, in a fixed number of queries.

PostgreSQL's own words (pg_get_constraintdef, pg_get_indexdef, …) are used wherever there are any.
All schemas of the database are read but the system's; what belongs to an extension is left out.
A column that an older server lacks is asked of the row as JSON: it is null there.
"""

# ruff: noqa: B905, S608 - zip has no `strict` in Python 3.8; every query is made of our own words.
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from remigrate.probe.catalogue_sqlite_text import kept

if TYPE_CHECKING:
    Object = dict[str, Any]
    Row = dict[str, Any]

_FORMS = {"r": "table", "p": "partitioned table", "f": "foreign table"}
_CONSTRAINTS = {
    "p": "primary key",
    "u": "unique",
    "f": "foreign key",
    "c": "check",
    "x": "exclusion",
}
_ENABLED = {"D": "disabled", "R": "on a replica only", "A": "always"}
_IDENTITY = {"a": "identity (always)", "d": "identity (by default)"}
_STRING = re.compile(r"('(?:[^']|'')*')::(?:text|character varying|bpchar|character)\Z")


def version(cursor: Any) -> str:
    """As the server names it."""
    cursor.execute("SHOW server_version")
    return str(cursor.fetchone()[0])


def objects(cursor: Any) -> list[Object]:
    """Everything that the database holds, but for the system's and the extensions'."""
    found: list[Object] = []
    sequences = _rows(cursor, _SEQUENCES)
    found += [_object("sequence", row["table"], row, _sequence(row)) for row in sequences]
    columns = _rows(cursor, _COLUMNS)
    order: dict[str, list[str]] = {}
    for row in columns:
        order.setdefault(row["table"], []).append(row["name"])
    serial = {(row["table"], row["column"]): row["regclass"] for row in sequences}
    found += [_object("column", row["table"], row, _column(row, serial)) for row in columns]
    for row in _rows(cursor, _RELATIONS):
        found.append(_relation(row, order.get(row["name"], [])))
    for kind, query, read in _READERS:
        found += [_object(kind, row.get("table"), row, read(row)) for row in _rows(cursor, query)]
    return found


def _rows(cursor: Any, query: str) -> list[Row]:
    cursor.execute(query)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row)) for row in cursor.fetchall()]


def _object(kind: str, table: str | None, row: Row, definition: dict[str, Any]) -> Object:
    definition = kept({**definition, "comment": row.get("comment"), "grants": row.get("grants")})
    return {"kind": kind, "table": table, "name": row["name"], "definition": definition}


def _plain(row: Row) -> dict[str, Any]:
    """All that was asked for, but for what names the object."""
    return {key: value for key, value in row.items() if key not in ("name", "table")}


def _relation(row: Row, columns: list[str]) -> Object:
    definition = {
        "columns": columns,
        "options": row["options"],
        "tablespace": row["tablespace"],
        "access method": row["method"] if row["method"] != "heap" else None,
        "parents": row["parents"],
        "schema": row["schema"],
    }
    if row["relkind"] in "vm":
        definition.update(text=row["view"], materialised=row["relkind"] == "m")
        return _object("view", None, row, definition)
    definition.update(
        {
            "form": "partition" if row["relispartition"] else _FORMS[row["relkind"]],
            "unlogged": row["relpersistence"] == "u",
            "partition by": row["partition_by"],
            "partition": row["bound"],
            "row security": row["relrowsecurity"],
            "forced row security": row["relforcerowsecurity"],
            "replica identity": row["relreplident"] if row["relreplident"] != "d" else None,
            "of type": row["of_type"],
        }
    )
    return _object("table", row["name"], row, definition)


def _column(row: Row, serial: dict[tuple[str, str], str]) -> dict[str, Any]:
    default, generated, automatic = row["default"], None, _IDENTITY.get(row["attidentity"])
    own = serial.get((row["table"], row["name"]))
    if row["attgenerated"]:
        word = {"s": "stored", "v": "virtual"}[row["attgenerated"]]
        default, generated = None, f"{default} ({word})"
    elif own and default == "nextval('{}'::regclass)".format(own.replace("'", "''")):
        default, automatic = None, "serial"
    if default is not None:
        # A change of type leaves the cast to the old one in the default, where it does nothing.
        default = _STRING.sub(r"\1", default)
    return {
        "type": row["type"],
        "null": True if not row["attnotnull"] else None,
        "default": default,
        "generated": generated,
        "automatic": automatic,
        "collation": row["collation"],
        "storage": row["storage"],
        "compression": row["compression"],
        "statistics": row["statistics"],
        "options": row["options"],
        "inherited": row["attinhcount"] > 0,
    }


def _sequence(row: Row) -> dict[str, Any]:
    names = ("type", "start", "increment", "minimum", "maximum", "cache", "cycle", "owned by")
    owner = f"{row['table']}.{row['column']}" if row["column"] else None
    return {name: {**row, "owned by": owner}[name] for name in names}


def _constraint(row: Row) -> dict[str, Any]:
    return {
        "type": _CONSTRAINTS[row["contype"]],
        "text": row["text"],
        "columns": row["columns"],
        "to": row["to"],
        "to_columns": row["to_columns"],
        "not valid": not row["convalidated"],
        "inherited": row["coninhcount"] > 0,
        "index options": row["options"],
        "tablespace": row["tablespace"],
        "index invalid": row["invalid"],
        "clustered": row["clustered"],
        "replica identity": row["identity"],
    }


def _index(row: Row) -> dict[str, Any]:
    start = f"CREATE {'UNIQUE ' * row['indisunique']}INDEX {row['quoted']} ON "
    only, _, text = row["text"][len(start) :].partition(" USING ")
    return {
        "unique": row["indisunique"],
        "text": text,
        "only": only.startswith("ONLY "),
        "invalid": not row["indisvalid"],
        "clustered": row["indisclustered"],
        "replica identity": row["indisreplident"],
        "tablespace": row["tablespace"],
        "inherited": row["inherited"],
    }


def _trigger(row: Row) -> dict[str, Any]:
    before, _, after = row["text"].partition(f"TRIGGER {row['quoted']} ")
    return {"text": f"{before}TRIGGER {after}", "enabled": _ENABLED.get(row["tgenabled"])}


def _ours(catalogue: str, oid: str, made: str = "'e'") -> str:
    """A condition: neither the system's nor made by something else, as an extension (e)."""
    return f"""n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT EXISTS (
        SELECT FROM pg_depend e WHERE e.classid = '{catalogue}'::regclass AND e.objid = {oid}
        AND e.deptype IN ({made}))"""


_NAME = "CASE WHEN pg_table_is_visible({0}.oid) THEN '' ELSE {1}.nspname || '.' END || {0}.relname"


def _of_relation(columns: str, joins: str, condition: str, order: str) -> str:
    """A query about what belongs to relations (c, in schema n) that are ours."""
    return f"""SELECT {_NAME.format("c", "n")} AS "table", {columns}
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace {joins}
        WHERE {_ours("pg_class", "c.oid")} AND {condition}
        ORDER BY 1, {order}"""


def _of_schema(catalogue: str, prefix: str, columns: str, condition: str, joins: str = "") -> str:
    """A query about what is in schemas (o, in schema n) that are ours. i: inside of another."""
    ours = _ours(catalogue, "o.oid", "'e', 'i'")
    return f"""SELECT {columns}, obj_description(o.oid, '{catalogue}') AS comment
        FROM {catalogue} o JOIN pg_namespace n ON n.oid = o.{prefix}namespace {joins}
        WHERE {ours} AND {condition} ORDER BY 1"""


_QUALIFIED = "CASE n.nspname WHEN current_schema() THEN '' ELSE n.nspname || '.' END || {}"
_TABLESPACE = "(SELECT spcname::text FROM pg_tablespace s WHERE s.oid = {}.reltablespace)"

_RELATIONS = f"""SELECT {_NAME.format("c", "n")} AS name, c.relkind::text, c.relpersistence::text,
    CASE WHEN NOT pg_table_is_visible(c.oid) THEN n.nspname::text END AS schema,
    c.reloptions::text || coalesce(' toast ' || t.reloptions::text, '') AS options,
    {_TABLESPACE.format("c")} AS tablespace, a.amname::text AS method, c.relrowsecurity,
    c.relforcerowsecurity, c.relreplident::text, c.relispartition, c.relacl::text AS grants,
    pg_get_expr(c.relpartbound, c.oid) AS bound,
    CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END AS partition_by,
    CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END AS view,
    CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END AS of_type,
    ARRAY(SELECT i.inhparent::regclass::text FROM pg_inherits i WHERE i.inhrelid = c.oid
        ORDER BY i.inhseqno) AS parents,
    obj_description(c.oid, 'pg_class') AS comment
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_am a ON a.oid = c.relam LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
    WHERE {_ours("pg_class", "c.oid")}
    AND c.relkind IN ('r', 'p', 'f', 'v', 'm') ORDER BY 1"""

# Since 15.20 and its like, the server keeps a version of each column among its options.
_OPTIONS = """nullif(ARRAY(SELECT o FROM unnest(a.attoptions) o
    WHERE NOT starts_with(o, 'pg_attver='))::text, '{}')"""
_COLUMNS = _of_relation(
    f"""a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull,
    pg_get_expr(d.adbin, d.adrelid) AS default, a.attidentity::text,
    coalesce(to_jsonb(a) ->> 'attgenerated', '') AS attgenerated,
    CASE WHEN a.attcollation NOT IN (0, t.typcollation) THEN a.attcollation::regcollation::text END
        AS collation,
    CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage::text END AS storage,
    nullif(to_jsonb(a) ->> 'attcompression', '') AS compression,
    nullif(coalesce(to_jsonb(a) ->> 'attstattarget', '-1'), '-1') AS statistics,
    {_OPTIONS} AS options, a.attinhcount, a.attacl::text AS grants,
    col_description(c.oid, a.attnum) AS comment""",
    """JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum""",
    "c.relkind IN ('r', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped",
    "a.attnum",
)

_SEQUENCES = f"""SELECT {_NAME.format("c", "n")} AS name, c.oid::regclass::text AS regclass,
    {_NAME.format("t", "tn")} AS "table", a.attname::text AS column,
    format_type(s.seqtypid, NULL) AS type, s.seqstart AS start, s.seqincrement AS increment,
    s.seqmin AS minimum, s.seqmax AS maximum, s.seqcache AS cache, s.seqcycle AS cycle,
    c.relacl::text AS grants, obj_description(c.oid, 'pg_class') AS comment
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_depend p ON p.classid = 'pg_class'::regclass AND p.objid = c.oid
        AND p.refclassid = 'pg_class'::regclass AND p.refobjsubid > 0 AND p.deptype IN ('a', 'i')
    LEFT JOIN pg_class t ON t.oid = p.refobjid LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
    LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = p.refobjsubid
    WHERE {_ours("pg_class", "c.oid")} ORDER BY 1"""

_COLUMN_NAMES = """ARRAY(SELECT a.attname::text FROM unnest(o.{0}) WITH ORDINALITY k(n, i)
    JOIN pg_attribute a ON a.attrelid = o.{1} AND a.attnum = k.n ORDER BY k.i)"""
_CONSTRAINT = _of_relation(
    f"""o.conname::text AS name, o.contype::text, pg_get_constraintdef(o.oid) AS text,
    {_COLUMN_NAMES.format("conkey", "conrelid")} AS columns,
    {_COLUMN_NAMES.format("confkey", "confrelid")} AS to_columns, {_NAME.format("f", "fn")} AS "to",
    o.convalidated, o.coninhcount, x.reloptions::text AS options,
    {_TABLESPACE.format("x")} AS tablespace, NOT i.indisvalid AS invalid,
    i.indisclustered AS clustered, i.indisreplident AS identity,
    obj_description(o.oid, 'pg_constraint') AS comment""",
    """JOIN pg_constraint o ON o.conrelid = c.oid
    LEFT JOIN pg_class f ON f.oid = o.confrelid LEFT JOIN pg_namespace fn ON fn.oid = f.relnamespace
    LEFT JOIN pg_class x ON x.oid = o.conindid AND o.contype IN ('p', 'u', 'x')
    LEFT JOIN pg_index i ON i.indexrelid = x.oid""",
    # A foreign key of or to a partitioned table has shadows for each partition.
    """o.contype IN ('p', 'u', 'f', 'c', 'x')
    AND (o.contype <> 'f' OR coalesce(to_jsonb(o) ->> 'conparentid', '0') = '0')""",
    "2",
)

_INDEX = _of_relation(
    f"""x.relname::text AS name, quote_ident(x.relname) AS quoted, i.indisunique, i.indisvalid,
    pg_get_indexdef(x.oid) AS text, i.indisclustered, i.indisreplident,
    {_TABLESPACE.format("x")} AS tablespace, obj_description(x.oid, 'pg_class') AS comment,
    EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = x.oid) AS inherited""",
    "JOIN pg_index i ON i.indrelid = c.oid JOIN pg_class x ON x.oid = i.indexrelid",
    """c.relkind IN ('r', 'p', 'm') AND NOT EXISTS (SELECT FROM pg_constraint o
    WHERE o.conindid = x.oid AND o.contype IN ('p', 'u', 'x'))""",
    "2",
)

_TRIGGER = _of_relation(
    """g.tgname::text AS name, quote_ident(g.tgname) AS quoted, pg_get_triggerdef(g.oid) AS text,
    g.tgenabled::text, obj_description(g.oid, 'pg_trigger') AS comment""",
    "JOIN pg_trigger g ON g.tgrelid = c.oid",
    "NOT g.tgisinternal",
    "2",
)

_POLICY = _of_relation(
    """p.polname::text AS name, p.polcmd::text AS command, p.polpermissive AS permissive,
    ARRAY(SELECT CASE r WHEN 0 THEN 'public' ELSE r::regrole::text END
        FROM unnest(p.polroles) r ORDER BY 1) AS roles,
    pg_get_expr(p.polqual, c.oid) AS text, pg_get_expr(p.polwithcheck, c.oid) AS "check",
    obj_description(p.oid, 'pg_policy') AS comment""",
    "JOIN pg_policy p ON p.polrelid = c.oid",
    "true",
    "2",
)

_RULE = _of_relation(
    """r.rulename::text AS name, pg_get_ruledef(r.oid) AS text, r.ev_enabled::text AS enabled,
    obj_description(r.oid, 'pg_rewrite') AS comment""",
    "JOIN pg_rewrite r ON r.ev_class = c.oid",
    "r.rulename <> '_RETURN'",
    "2",
)

_FUNCTION = _of_schema(
    "pg_proc",
    "pro",
    f"""{_QUALIFIED.format("o.proname")} || '(' || pg_get_function_identity_arguments(o.oid) || ')'
        AS name,
    CASE WHEN g.aggfnoid IS NULL THEN pg_get_functiondef(o.oid) ELSE concat_ws(' ', 'aggregate',
        g.aggtransfn, g.aggtranstype::regtype, g.aggfinalfn, g.agginitval, g.aggcombinefn) END
        AS text, o.proacl::text AS grants""",
    "true",
    "LEFT JOIN pg_aggregate g ON g.aggfnoid = o.oid",
)

_TYPE = _of_schema(
    "pg_type",
    "typ",
    f"""{_QUALIFIED.format("o.typname")} AS name, o.typtype::text AS form,
    ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = o.oid
        ORDER BY e.enumsortorder) AS labels,
    CASE WHEN o.typtype = 'd' THEN concat_ws(' ', format_type(o.typbasetype, o.typtypmod),
        CASE WHEN o.typnotnull THEN 'not null' END, 'default ' || o.typdefault,
        CASE WHEN o.typcollation <> 0 THEN 'collate ' || o.typcollation::regcollation::text END)
        WHEN o.typtype = 'r' THEN (SELECT format_type(r.rngsubtype, NULL)
            FROM pg_range r WHERE r.rngtypid = o.oid) END AS text,
    ARRAY(SELECT c.conname || ' ' || pg_get_constraintdef(c.oid) FROM pg_constraint c
        WHERE c.contypid = o.oid AND c.contype = 'c' ORDER BY 1) AS checks,
    ARRAY(SELECT a.attname || ' ' || format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
        WHERE a.attrelid = o.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attnum) AS fields""",
    """(o.typtype IN ('e', 'd', 'r') OR o.typtype = 'c' AND EXISTS (
    SELECT FROM pg_class c WHERE c.oid = o.typrelid AND c.relkind = 'c'))""",
)

_COLLATION = _of_schema(
    "pg_collation",
    "coll",
    f"""{_QUALIFIED.format("o.collname")} AS name,
    (to_jsonb(o) - 'oid' - 'collname' - 'collnamespace' - 'collowner' - 'collversion')::text
        AS text""",
    "true",
)

_STATISTICS = _of_schema(
    "pg_statistic_ext",
    "stx",
    f"""{_QUALIFIED.format("o.stxname")} AS name, o.stxrelid::regclass::text AS "table",
    pg_get_statisticsobjdef(o.oid) AS text""",
    "true",
)

_EXTENSION = """SELECT e.extname::text AS name, n.nspname::text AS schema
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace ORDER BY 1"""
_SCHEMA = f"""SELECT n.nspname::text AS name, obj_description(n.oid, 'pg_namespace') AS comment
    FROM pg_namespace n WHERE {_ours("pg_namespace", "n.oid")} ORDER BY 1"""
_EVENT_TRIGGER = """SELECT evtname::text AS name, evtevent::text AS event, evttags::text AS tags,
    evtfoid::regproc::text AS text, evtenabled::text AS enabled FROM pg_event_trigger ORDER BY 1"""

# What few migrations make, by PostgreSQL's own description of it. 16384: the first number that is
# not the system's.
_OTHERS = (
    (
        "pg_ts_config",
        """(SELECT string_agg(concat_ws(' ', m.maptokentype, m.mapseqno,
        m.mapdict::regdictionary), ', ' ORDER BY m.maptokentype, m.mapseqno)
        FROM pg_ts_config_map m WHERE m.mapcfg = o.oid)""",
    ),
    ("pg_ts_dict", "o.dictinitoption"),
    ("pg_operator", "o.oprcode::text"),
    ("pg_opclass", "NULL"),
    ("pg_cast", "concat_ws(' ', o.castfunc::regproc, o.castcontext, o.castmethod)"),
    ("pg_foreign_data_wrapper", "o.fdwoptions::text"),
    ("pg_foreign_server", "o.srvoptions::text"),
    ("pg_publication", "NULL"),
    ("pg_language", "NULL"),
)
_OTHER = " UNION ALL ".join(
    f"""SELECT i.type || ' ' || i.identity AS name, {text} AS text,
    obj_description(o.oid, '{catalogue}') AS comment FROM {catalogue} o
    CROSS JOIN LATERAL pg_identify_object('{catalogue}'::regclass, o.oid, 0) i
    WHERE o.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend e
    WHERE e.classid = '{catalogue}'::regclass AND e.objid = o.oid
    AND e.deptype IN ('e', 'i'))"""
    for catalogue, text in _OTHERS
)

_READERS = (
    ("constraint", _CONSTRAINT, _constraint),
    ("index", _INDEX, _index),
    ("trigger", _TRIGGER, _trigger),
    ("policy", _POLICY, _plain),
    ("rule", _RULE, _plain),
    ("function", _FUNCTION, _plain),
    ("type", _TYPE, _plain),
    ("collation", _COLLATION, _plain),
    ("statistics", _STATISTICS, _plain),
    ("extension", _EXTENSION, _plain),
    ("schema", _SCHEMA, _plain),
    ("event trigger", _EVENT_TRIGGER, _plain),
    ("other", _OTHER, _plain),
)
