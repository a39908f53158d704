"""Whatever a database can hold is told apart, on real engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import django
import pytest
from django.conf import settings
from django.db.utils import ConnectionHandler

from remigrate import servers
from remigrate.probe import catalogue, contents
from remigrate.reset import compare

Build = Callable[[str], dict[str, Any]]
Pair = tuple[str, str, str, str]
"""What both sides have, what only the old and what only the new one has, and the words for it."""


@pytest.fixture(scope="module", autouse=True)
def _django() -> None:
    """Any Django will do; tests of other files that need one here configure it so, too."""
    if not settings.configured:
        database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
        settings.configure(DATABASES={"default": database}, INSTALLED_APPS=[], USE_TZ=True)
        django.setup()


def connect(config: servers.Config) -> Any:
    return ConnectionHandler({"default": {**config}})["default"]


@contextmanager
def sqlite(sql: str) -> Iterator[Any]:
    connection = connect({"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"})
    connection.ensure_connection()
    connection.connection.executescript(sql)
    with closing(connection):
        yield connection


@contextmanager
def in_postgresql(connection: Any, sql: str) -> Iterator[Any]:
    """PostgreSQL takes back any definition with its transaction."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        try:
            cursor.execute(sql)
            yield connection
        finally:
            cursor.execute("ROLLBACK")


@contextmanager
def in_mariadb(connection: Any, sql: str) -> Iterator[Any]:
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE catalogued")
        try:
            cursor.execute("USE catalogued")
            for statement in filter(str.strip, sql.split(";")):
                cursor.execute(statement)
            yield connection
        finally:
            cursor.execute("DROP DATABASE catalogued")


@pytest.fixture(scope="module")
def on_postgresql(postgresql: servers.Config) -> Iterator[Build]:
    connection = connect(postgresql)

    def build(sql: str) -> dict[str, Any]:
        with in_postgresql(connection, sql):
            return catalogue.schema(connection)

    yield build
    connection.close()


@pytest.fixture(scope="module")
def on_mariadb(mariadb: servers.Config) -> Iterator[Build]:
    pymysql = pytest.importorskip("pymysql")
    pymysql.version_info = (2, 2, 8, "final", 0)  # as old as Django wants its own driver to be
    pymysql.install_as_MySQLdb()
    connection = connect(mariadb)

    def build(sql: str) -> dict[str, Any]:
        with in_mariadb(connection, sql):
            return catalogue.schema(connection)

    yield build
    connection.close()


def on_sqlite(sql: str) -> dict[str, Any]:
    with sqlite(sql) as connection:
        return catalogue.schema(connection)


def differs(build: Build, pair: Pair) -> None:
    """The two sides are told apart, in these words alone, and each is equal to itself."""
    common, left, right, words = pair
    old, new = build(common + left), build(common + right)
    found = compare.schemas(old, new)
    assert [difference.text for difference in found.differences] == words.splitlines()
    assert compare.schemas(old, build(common + left)) == compare.Comparison()
    swapped = compare.schemas(new, old)
    assert len(swapped.differences) == len(found.differences)


def equal(build: Build, old: str, new: str, note: str) -> None:
    """The two sides are one, but for what the note says."""
    assert compare.schemas(build(old), build(new)) == compare.Comparison((), (note,))


SHOP = "CREATE TABLE shop (id integer PRIMARY KEY, a int, b varchar(20));"
SQLITE: dict[str, Pair] = {
    "a table": (
        "",
        SHOP,
        "",
        "the old history has the table shop that the new one lacks",
    ),
    "a column": (
        "",
        "CREATE TABLE shop (a int, b int)",
        "CREATE TABLE shop (a int)",
        "the old history has the column shop.b (int) that the new one lacks",
    ),
    "a type": (
        "",
        "CREATE TABLE shop (a varchar(10))",
        "CREATE TABLE shop (a varchar(20))",
        "the column shop.a (varchar(10)): type is varchar(10) in the old history"
        " and varchar(20) in the new one",
    ),
    "not null": (
        "",
        "CREATE TABLE shop (a int)",
        "CREATE TABLE shop (a int NOT NULL)",
        "the column shop.a (int): null is yes in the old history and no in the new one",
    ),
    "a default": (
        "",
        "CREATE TABLE shop (a int DEFAULT 1)",
        "CREATE TABLE shop (a int DEFAULT (2))",
        "the column shop.a (int): default is 1 in the old history and 2 in the new one",
    ),
    "a default that is dropped": (
        "",
        "CREATE TABLE shop (a text DEFAULT 'a, (b')",
        "CREATE TABLE shop (a text)",
        "the column shop.a (text): default is 'a, (b' in the old history"
        " and not given in the new one",
    ),
    "a collation": (
        "",
        "CREATE TABLE shop (a text COLLATE NOCASE)",
        "CREATE TABLE shop (a text)",
        "the column shop.a (text): collation is nocase in the old history"
        " and not given in the new one",
    ),
    "a generated expression": (
        "",
        "CREATE TABLE shop (a int, b int AS (a + 1))",
        "CREATE TABLE shop (a int, b int AS (a + 2))",
        "the column shop.b (int): generated is a + 1 (virtual) in the old history"
        " and a + 2 (virtual) in the new one",
    ),
    "stored or virtual": (
        "",
        "CREATE TABLE shop (a int, b int AS (a) STORED)",
        "CREATE TABLE shop (a int, b int AS (a))",
        "the column shop.b (int): generated is a (stored) in the old history"
        " and a (virtual) in the new one",
    ),
    "AUTOINCREMENT": (
        "",
        "CREATE TABLE shop (a integer PRIMARY KEY AUTOINCREMENT)",
        "CREATE TABLE shop (a integer PRIMARY KEY)",
        "the column shop.a (integer): automatic is autoincrement in the old history"
        " and not given in the new one",
    ),
    "a primary key": (
        "",
        "CREATE TABLE shop (a int, b int, PRIMARY KEY (a, b))",
        "CREATE TABLE shop (a int, b int)",
        "the old history has a primary key on shop (a, b) that the new one lacks",
    ),
    "a unique constraint": (
        "",
        "CREATE TABLE shop (a int, b int, CONSTRAINT both UNIQUE (a, b))",
        "CREATE TABLE shop (a int, b int)",
        "the old history has a unique constraint on shop (a, b), named both that the new one lacks",
    ),
    "a check": (
        "",
        "CREATE TABLE shop (a int CHECK (a IN (1, 2)))",
        "CREATE TABLE shop (a int)",
        "the old history has the check of shop a in (1, 2) that the new one lacks",
    ),
    "one check after another without a comma": (
        "",
        "CREATE TABLE shop (a int, CONSTRAINT c CHECK (a > 1) CONSTRAINT d CHECK (a < 9))",
        "CREATE TABLE shop (a int, CONSTRAINT c CHECK (a > 1))",
        "the old history has the check of shop a < 9, named d that the new one lacks",
    ),
    "a string in a check": (
        "",
        """CREATE TABLE shop (a text CHECK (a <> ')  ,('))""",
        """CREATE TABLE shop (a text CHECK (a <> ') ,('))""",
        "the old history has the check of shop a <> ') ,(' that the new one lacks\n"
        "the new history has the check of shop a <> ') ,(' that the old one lacks",
    ),
    "a foreign key": (
        SHOP,
        "CREATE TABLE line (s int REFERENCES shop (id))",
        "CREATE TABLE line (s int)",
        "the old history has a foreign key from line (s) to shop (id) that the new one lacks",
    ),
    "what a foreign key does on deletion": (
        SHOP,
        "CREATE TABLE line (s int CONSTRAINT f REFERENCES shop (id) ON DELETE CASCADE)",
        "CREATE TABLE line (s int CONSTRAINT f REFERENCES shop (id))",
        "the constraint f of line: options is on delete cascade in the old history"
        " and not given in the new one",
    ),
    "whether a foreign key is deferred": (
        SHOP,
        "CREATE TABLE line (s int CONSTRAINT f REFERENCES shop DEFERRABLE INITIALLY DEFERRED)",
        "CREATE TABLE line (s int CONSTRAINT f REFERENCES shop NOT DEFERRABLE)",
        "the constraint f of line: options is deferrable initially deferred in the old history"
        " and not given in the new one",
    ),
    "an index": (
        SHOP,
        "CREATE INDEX i ON shop (a)",
        "",
        "the old history has an index on shop (a), named i that the new one lacks",
    ),
    "an index twice": (
        SHOP + "CREATE INDEX shop_a_0123abcd ON shop (a);",
        "CREATE INDEX shop_a_0123abce ON shop (a)",
        "",
        "the old history has an index on shop (a), named shop_a_0123abce that the new one lacks",
    ),
    "the name of an index that somebody chose": (
        SHOP,
        "CREATE INDEX one ON shop (a)",
        "CREATE INDEX other ON shop (a)",
        "an index on shop (a) is named one in the old history and other in the new one",
    ),
    "the order of an index": (
        SHOP,
        "CREATE INDEX i ON shop (a DESC)",
        "CREATE INDEX i ON shop (a)",
        "the index i of shop: text is (a DESC) in the old history and (a) in the new one",
    ),
    "the collation of an index": (
        SHOP,
        "CREATE INDEX i ON shop (b COLLATE NOCASE)",
        "CREATE INDEX i ON shop (b)",
        "the index i of shop: text is (b COLLATE NOCASE) in the old history and (b) in the new one",
    ),
    "an index on an expression": (
        SHOP,
        "CREATE INDEX i ON shop (lower(b), a)",
        "CREATE INDEX i ON shop (upper(b), a)",
        "the index i of shop: text is (lower(b), a) in the old history"
        " and (upper(b), a) in the new one",
    ),
    "a partial index": (
        SHOP,
        "CREATE INDEX i ON shop (a) WHERE (a > 1)",
        "CREATE INDEX i ON shop (a) WHERE a > 2",
        "the index i of shop: text is (a) WHERE a > 1 in the old history"
        " and (a) WHERE a > 2 in the new one",
    ),
    "a unique index": (
        SHOP,
        "CREATE UNIQUE INDEX i ON shop (a)",
        "CREATE INDEX i ON shop (a)",
        "the index i of shop: unique is yes in the old history and not given in the new one",
    ),
    "a trigger": (
        SHOP,
        "CREATE TRIGGER t AFTER INSERT ON shop BEGIN DELETE FROM shop; END",
        "",
        "the old history has a trigger on shop t that the new one lacks",
    ),
    "a view": (
        SHOP,
        "CREATE VIEW v AS SELECT a FROM shop",
        "CREATE VIEW v AS SELECT b FROM shop",
        "a view v: text is as select a from shop in the old history"
        " and as select b from shop in the new one",
    ),
    "STRICT": (
        "",
        "CREATE TABLE shop (a int) STRICT",
        "CREATE TABLE shop (a int)",
        "the table shop: options is strict in the old history and not given in the new one",
    ),
    "WITHOUT ROWID": (
        "",
        "CREATE TABLE shop (a int NOT NULL PRIMARY KEY) WITHOUT ROWID",
        "CREATE TABLE shop (a int NOT NULL PRIMARY KEY)",
        "the table shop: options is without rowid in the old history and not given in the new one",
    ),
    "a full-text table": (
        "",
        "CREATE VIRTUAL TABLE found USING fts5(a, tokenize = 'porter')",
        "CREATE VIRTUAL TABLE found USING fts5(a)",
        "the virtual table found: text is fts5(a, tokenize = 'porter') in the old history"
        " and fts5(a) in the new one",
    ),
}


@pytest.mark.parametrize("pair", SQLITE.values(), ids=SQLITE)
def test_sqlite_databases_that_differ_in_one_thing_are_told_apart(pair: Pair) -> None:
    differs(on_sqlite, pair)


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        (
            "CREATE TABLE shop (a int, b int)",
            "CREATE TABLE shop (b int, a int)",
            "the columns of shop are in another order",
        ),
        (
            SHOP + "CREATE INDEX old_shop_a_0123abcd ON shop (a)",
            SHOP + "CREATE INDEX shop_a_89abcdef ON shop (a)",
            "an index on shop (a) is named old_shop_a_0123abcd in the old history and"
            " shop_a_89abcdef in the new one: a name that nobody chose",
        ),
    ],
)
def test_sqlite_order_of_columns_and_made_up_names_are_put_aside(
    old: str, new: str, note: str
) -> None:
    equal(on_sqlite, old, new, note)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            'CREATE TABLE "shop"("a" int NOT NULL, -- a comment, with (\n "b" int UNIQUE)',
            "create table shop (\n\ta INT not null, /* , */ b int, unique (b))",
        ),
        (
            'CREATE TABLE shop ("a" int CHECK (("shop"."a" >= 0)))',
            "CREATE TABLE shop (a int, check ([a]>=0))",
        ),
        (
            SHOP + "CREATE TABLE line (s int REFERENCES SHOP (ID) ON DELETE NO ACTION)",
            SHOP + 'CREATE TABLE line (s int, FOREIGN KEY (s) REFERENCES "shop"("id"))',
        ),
        (
            SHOP + "CREATE VIEW v AS SELECT a FROM shop; ALTER TABLE shop RENAME TO store;",
            SHOP.replace("shop", "store") + 'CREATE VIEW "v" AS SELECT a FROM store',
        ),
        ("CREATE TABLE django_migrations (id int)", ""),
    ],
)
def test_sqlite_two_ways_of_writing_one_schema_are_equal(old: str, new: str) -> None:
    assert compare.schemas(on_sqlite(old), on_sqlite(new)) == compare.Comparison()


def test_what_a_full_text_table_makes_for_itself_is_not_told() -> None:
    found = on_sqlite("CREATE VIRTUAL TABLE found USING fts5(a)")
    assert [item["name"] for item in found["objects"]] == ["found"]


T = "CREATE TABLE shop (id int PRIMARY KEY, a int, b varchar(20), during tstzrange);"
F = (
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN new; END$$;"
    "CREATE TRIGGER t BEFORE INSERT ON shop FOR EACH ROW EXECUTE FUNCTION f();"
)


def altered(statement: str, words: str, common: str = T) -> Pair:
    """Two databases, one of which has something done to it."""
    return common, statement, "", words


POSTGRESQL: dict[str, Pair] = {
    "a default": altered(
        "ALTER TABLE shop ALTER a SET DEFAULT 3",
        "the column shop.a (integer): default is 3 in the old history and not given in the new one",
    ),
    "a collation": altered(
        'ALTER TABLE shop ALTER b TYPE varchar(20) COLLATE "C"',
        'the column shop.b (character varying(20)): collation is "C" in the old history'
        " and not given in the new one",
    ),
    "an identity": altered(
        "ALTER TABLE shop ALTER id ADD GENERATED ALWAYS AS IDENTITY",
        "the column shop.id (integer): automatic is identity (always) in the old history"
        " and not given in the new one\n"
        "the old history has a sequence on shop shop_id_seq that the new one lacks",
    ),
    "serial or identity": (
        "",
        "CREATE TABLE shop (id serial)",
        "CREATE TABLE shop (id int GENERATED BY DEFAULT AS IDENTITY)",
        "the column shop.id (integer): automatic is serial in the old history"
        " and identity (by default) in the new one",
    ),
    "a generated column": altered(
        "ALTER TABLE shop ADD g int GENERATED ALWAYS AS (a + 1) STORED",
        "the old history has the column shop.g (integer) that the new one lacks",
    ),
    "a comment": altered(
        "COMMENT ON COLUMN shop.a IS 'how many'",
        "the column shop.a (integer): comment is how many in the old history"
        " and not given in the new one",
    ),
    "a column's options": altered(
        "ALTER TABLE shop ALTER a SET (n_distinct = 5)",
        "the column shop.a (integer): options is {n_distinct=5} in the old history"
        " and not given in the new one",
    ),
    "storage options": altered(
        "ALTER TABLE shop SET (fillfactor = 70)",
        "the table shop: options is {fillfactor=70} in the old history"
        " and not given in the new one",
    ),
    "an unlogged table": altered(
        "ALTER TABLE shop SET UNLOGGED",
        "the table shop: unlogged is yes in the old history and not given in the new one",
    ),
    "a partition": altered(
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (9)",
        "the old history has the partition p1 that the new one lacks",
        "CREATE TABLE p (k int) PARTITION BY RANGE (k);",
    ),
    "an unvalidated check": (
        T,
        "ALTER TABLE shop ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
        "ALTER TABLE shop ADD CONSTRAINT c CHECK (a > 0)",
        "the constraint c of shop: not valid is yes in the old history and not given in the new"
        " one; text is CHECK ((a > 0)) NOT VALID in the old history and CHECK ((a > 0))"
        " in the new one",
    ),
    "an exclusion constraint": altered(
        "ALTER TABLE shop ADD CONSTRAINT x EXCLUDE USING gist (during WITH &&)",
        "the old history has the exclusion of shop EXCLUDE USING gist (during WITH &&), named x"
        " that the new one lacks",
    ),
    "a deferrable unique constraint": (
        T,
        "ALTER TABLE shop ADD CONSTRAINT u UNIQUE (a) DEFERRABLE",
        "ALTER TABLE shop ADD CONSTRAINT u UNIQUE (a)",
        "the constraint u of shop: text is UNIQUE (a) DEFERRABLE in the old history"
        " and UNIQUE (a) in the new one",
    ),
    "what a foreign key does on deletion": (
        T,
        "CREATE TABLE line (s int, CONSTRAINT f FOREIGN KEY (s) REFERENCES shop ON DELETE CASCADE)",
        "CREATE TABLE line (s int, CONSTRAINT f FOREIGN KEY (s) REFERENCES shop)",
        "the constraint f of line: text is FOREIGN KEY (s) REFERENCES shop(id) ON DELETE CASCADE"
        " in the old history and FOREIGN KEY (s) REFERENCES shop(id) in the new one",
    ),
    "an index's method": (
        T,
        "CREATE INDEX i ON shop USING hash (a)",
        "CREATE INDEX i ON shop (a)",
        "the index i of shop: text is hash (a) in the old history and btree (a) in the new one",
    ),
    "an index's operator class": (
        T,
        "CREATE INDEX i ON shop (b varchar_pattern_ops)",
        "CREATE INDEX i ON shop (b)",
        "the index i of shop: text is btree (b varchar_pattern_ops) in the old history"
        " and btree (b) in the new one",
    ),
    "what an index includes": (
        T,
        "CREATE UNIQUE INDEX i ON shop (a) INCLUDE (b)",
        "CREATE UNIQUE INDEX i ON shop (a)",
        "the index i of shop: text is btree (a) INCLUDE (b) in the old history"
        " and btree (a) in the new one",
    ),
    "a partial index": (
        T,
        "CREATE INDEX i ON shop (lower(b)) WHERE a > 1",
        "CREATE INDEX i ON shop (lower(b))",
        "the index i of shop: text is btree (lower((b)::text)) WHERE (a > 1) in the old history"
        " and btree (lower((b)::text)) in the new one",
    ),
    "nulls that are not distinct": (
        T,
        "CREATE UNIQUE INDEX i ON shop (a) NULLS NOT DISTINCT",
        "CREATE UNIQUE INDEX i ON shop (a)",
        "the index i of shop: text is btree (a) NULLS NOT DISTINCT in the old history"
        " and btree (a) in the new one",
    ),
    "a trigger that is disabled": altered(
        "ALTER TABLE shop DISABLE TRIGGER t",
        "a trigger on shop t: enabled is disabled in the old history and not given in the new one",
        T + F,
    ),
    "a function": (
        "",
        "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "",
        "the old history has a function f(a integer) that the new one lacks",
    ),
    "a view": altered(
        "CREATE VIEW v AS SELECT a FROM shop",
        "the old history has a view v that the new one lacks",
    ),
    "a materialised view": (
        T,
        "CREATE MATERIALIZED VIEW v AS SELECT a FROM shop",
        "CREATE VIEW v AS SELECT a FROM shop",
        "a view v: materialised is yes in the old history and not given in the new one",
    ),
    "a sequence": (
        "",
        "CREATE SEQUENCE s INCREMENT 5",
        "CREATE SEQUENCE s",
        "a sequence s: increment is 5 in the old history and 1 in the new one",
    ),
    "the owner of a sequence": (
        T + "CREATE SEQUENCE s AS int;",
        "ALTER SEQUENCE s OWNED BY shop.a",
        "",
        "the new history has a sequence s that the old one lacks\n"
        "the old history has a sequence on shop s that the new one lacks",
    ),
    "an enum": (
        "",
        "CREATE TYPE mood AS ENUM ('a', 'b')",
        "CREATE TYPE mood AS ENUM ('b', 'a')",
        "a type mood: labels is a, b in the old history and b, a in the new one",
    ),
    "a domain": (
        "",
        "CREATE DOMAIN few AS int CHECK (VALUE < 9)",
        "CREATE DOMAIN few AS int",
        "a type few: checks is few_check CHECK ((VALUE < 9)) in the old history"
        " and not given in the new one",
    ),
    "an extension": (
        "",
        "CREATE EXTENSION btree_gist",
        "",
        "the old history has an extension btree_gist that the new one lacks",
    ),
    "a policy": altered(
        "CREATE POLICY p ON shop USING (a > 1)",
        "the old history has a policy on shop p that the new one lacks",
    ),
    "row-level security": altered(
        "ALTER TABLE shop ENABLE ROW LEVEL SECURITY",
        "the table shop: row security is yes in the old history and not given in the new one",
    ),
    "a collation of one's own": (
        "",
        "CREATE COLLATION loose (provider = icu, locale = 'und', deterministic = false)",
        "",
        "the old history has a collation loose that the new one lacks",
    ),
    "a table in another schema": (
        "CREATE SCHEMA audit;",
        "CREATE TABLE audit.log (a int)",
        "",
        "the old history has the table audit.log that the new one lacks",
    ),
    "a text search configuration": (
        "",
        "CREATE TEXT SEARCH CONFIGURATION mine (COPY = simple)",
        "",
        "the old history has an other text search configuration public.mine that the new one lacks",
    ),
}


@pytest.mark.parametrize("pair", POSTGRESQL.values(), ids=POSTGRESQL)
def test_postgresql_databases_that_differ_in_one_thing_are_told_apart(
    on_postgresql: Build, pair: Pair
) -> None:
    differs(on_postgresql, pair)


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        (
            "CREATE TABLE shop (a int, b int)",
            "CREATE TABLE shop (b int, a int)",
            "the columns of shop are in another order",
        ),
        (
            "CREATE TABLE store (a int UNIQUE); ALTER TABLE store RENAME TO shop",
            "CREATE TABLE shop (a int UNIQUE)",
            "a unique constraint on shop (a) is named store_a_key in the old history and"
            " shop_a_key in the new one: a name that nobody chose",
        ),
        (
            "CREATE TABLE store (a serial); ALTER TABLE store RENAME TO shop",
            "CREATE TABLE shop (a serial)",
            "a sequence on shop store_a_seq is named store_a_seq in the old history and"
            " shop_a_seq in the new one: a name that nobody chose",
        ),
        (
            T + "CREATE INDEX store_b_0123abcd_like ON shop (b varchar_pattern_ops)",
            T + "CREATE INDEX shop_b_89abcdef_like ON shop (b varchar_pattern_ops)",
            "an index on shop btree (b varchar_pattern_ops) is named store_b_0123abcd_like in the"
            " old history and shop_b_89abcdef_like in the new one: a name that nobody chose",
        ),
    ],
)
def test_postgresql_order_of_columns_and_made_up_names_are_put_aside(
    on_postgresql: Build, old: str, new: str, note: str
) -> None:
    equal(on_postgresql, old, new, note)


def test_postgresql_a_default_that_outlived_a_change_of_type_is_the_same(
    on_postgresql: Build,
) -> None:
    old = on_postgresql(
        "CREATE TABLE shop (a varchar(9) DEFAULT 'it''s'); ALTER TABLE shop ALTER a TYPE text"
    )
    new = on_postgresql("CREATE TABLE shop (a text DEFAULT 'it''s')")
    assert compare.schemas(old, new) == compare.Comparison()


def test_postgresql_the_version_that_a_newer_server_keeps_of_each_column_is_its_own(
    on_postgresql: Build,
) -> None:
    """Since November 2026 (15.20 and its like) it is among the options; pg_dump leaves it out."""
    table, kept = "CREATE TABLE shop (a int, b int)", "{{pg_attver={}}}"
    change = "; UPDATE pg_attribute SET attoptions = '{}' WHERE attrelid = 'shop'::regclass"
    old = on_postgresql(table + change.format(kept.format(21860896)))
    new = on_postgresql(table + change.format(kept.format(29618784)))
    assert compare.schemas(old, new) == compare.Comparison()
    assert compare.schemas(old, on_postgresql(table)) == compare.Comparison()


M = "CREATE TABLE shop (id int PRIMARY KEY, a int, b varchar(20) COLLATE utf8mb4_bin, t text);"
MARIADB: dict[str, Pair] = {
    "an engine": altered(
        "ALTER TABLE shop ENGINE = MyISAM",
        "the table shop: engine is MyISAM in the old history and InnoDB in the new one",
        M,
    ),
    "a table's collation": altered(
        "ALTER TABLE shop COLLATE = utf8mb4_bin",
        "the table shop: collation is utf8mb4_bin in the old history"
        " and utf8mb4_general_ci in the new one",
        "CREATE TABLE shop (a int) COLLATE = utf8mb4_general_ci;",
    ),
    "a comment": altered(
        "ALTER TABLE shop COMMENT = 'of ours'",
        "the table shop: comment is of ours in the old history and not given in the new one",
        M,
    ),
    "a column's collation": altered(
        "ALTER TABLE shop MODIFY b varchar(20) COLLATE utf8mb4_general_ci",
        "the column shop.b (varchar(20)): collation is utf8mb4_general_ci in the old history"
        " and utf8mb4_bin in the new one",
        M,
    ),
    "AUTO_INCREMENT": altered(
        "ALTER TABLE shop MODIFY id int AUTO_INCREMENT",
        "the column shop.id (int(11)): automatic is auto_increment in the old history"
        " and not given in the new one",
        M,
    ),
    "what is done on update": (
        M,
        "ALTER TABLE shop ADD at datetime ON UPDATE current_timestamp()",
        "ALTER TABLE shop ADD at datetime",
        "the column shop.at (datetime): extra is on update current_timestamp() in the old history"
        " and not given in the new one",
    ),
    "a check": altered(
        "ALTER TABLE shop ADD CONSTRAINT c CHECK (a > 0)",
        "the old history has the check of shop `a` > 0, named c that the new one lacks",
        M,
    ),
    "the length of a prefix": (
        M,
        "CREATE INDEX i ON shop (t(10))",
        "CREATE INDEX i ON shop (t(20))",
        "the index i of shop: text is (t(10)) in the old history and (t(20)) in the new one",
    ),
    "a full-text index": (
        M,
        "CREATE FULLTEXT INDEX i ON shop (b)",
        "CREATE INDEX i ON shop (b)",
        "the index i of shop: text is FULLTEXT (b) in the old history and (b) in the new one",
    ),
    "what a foreign key does on deletion": (
        M,
        "CREATE TABLE line (s int, CONSTRAINT f FOREIGN KEY (s) REFERENCES shop (id)"
        " ON DELETE SET NULL)",
        "CREATE TABLE line (s int, CONSTRAINT f FOREIGN KEY (s) REFERENCES shop (id))",
        "the constraint f of line: options is ON DELETE SET NULL in the old history"
        " and not given in the new one",
    ),
    "a generated column": (
        M,
        "ALTER TABLE shop ADD g int AS (a + 1) STORED",
        "ALTER TABLE shop ADD g int AS (a + 1) VIRTUAL",
        "the column shop.g (int(11)): extra is stored generated in the old history"
        " and virtual generated in the new one",
    ),
    "a view": altered(
        "CREATE VIEW v AS SELECT a FROM shop",
        "the old history has a view v that the new one lacks",
        M,
    ),
    "a trigger": altered(
        "CREATE TRIGGER g BEFORE INSERT ON shop FOR EACH ROW SET new.a = 1",
        "the old history has a trigger on shop g that the new one lacks",
        M,
    ),
    "a procedure": altered(
        "CREATE PROCEDURE f(IN a int) SELECT 1",
        "the old history has a function f that the new one lacks",
        M,
    ),
    "a sequence": (
        "",
        "CREATE SEQUENCE s INCREMENT BY 5",
        "CREATE SEQUENCE s INCREMENT BY 6",
        "a sequence s: text is start with 1 minvalue 1 maxvalue 9223372036854775806 increment by 5"
        " cache 1000 nocycle ENGINE=InnoDB in the old history and start with 1 minvalue 1 maxvalue"
        " 9223372036854775806 increment by 6 cache 1000 nocycle ENGINE=InnoDB in the new one",
    ),
    "a partition": (
        "",
        "CREATE TABLE p (k int) PARTITION BY RANGE (k) (PARTITION p0 VALUES LESS THAN (5))",
        "CREATE TABLE p (k int) PARTITION BY RANGE (k) (PARTITION p0 VALUES LESS THAN (6))",
        "a partition on p p0: text is RANGE `k` 5 in the old history and RANGE `k` 6"
        " in the new one",
    ),
}


@pytest.mark.parametrize("pair", MARIADB.values(), ids=MARIADB)
def test_mariadb_databases_that_differ_in_one_thing_are_told_apart(
    on_mariadb: Build, pair: Pair
) -> None:
    differs(on_mariadb, pair)


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        (
            "CREATE TABLE shop (a int, b int)",
            "CREATE TABLE shop (b int, a int)",
            "the columns of shop are in another order",
        ),
        (
            "CREATE TABLE shop (c int UNIQUE); ALTER TABLE shop CHANGE c a int",
            "CREATE TABLE shop (a int UNIQUE)",
            "a unique index on shop (a) is named c in the old history and a in the new one:"
            " a name that nobody chose",
        ),
    ],
)
def test_mariadb_order_of_columns_and_made_up_names_are_put_aside(
    on_mariadb: Build, old: str, new: str, note: str
) -> None:
    equal(on_mariadb, old, new, note)


# Rows


def test_cells_of_sqlite_are_what_is_stored() -> None:
    sql = """
        CREATE TABLE shop (a datetime, b bool, c blob, d decimal(9, 2), e);
        INSERT INTO shop VALUES ('no date', 2, x'00ff', 1.5, CAST(x'ff61' AS text));
        INSERT INTO shop VALUES (NULL, 1, NULL, 9e999, 'é');
    """
    with sqlite(sql) as connection:
        assert contents.rows(connection)["shop"]["rows"] == [
            ["no date", 2, {"hex": "00ff"}, 1.5, "\udcffa"],
            [None, 1, None, "inf", "é"],
        ]
        assert connection.connection.text_factory is str


def test_cells_of_postgresql_are_written_in_one_way_whatever_the_session_says(
    postgresql: servers.Config,
) -> None:
    sql = """
        SET LOCAL TimeZone = 'Asia/Tokyo'; SET LOCAL DateStyle = 'German';
        CREATE TABLE shop (a timestamptz, b jsonb, c bytea, d numeric, e int[], f daterange,
            g inet, h tsvector, i bit(3), j interval, k boolean, l bigint, m uuid, n float8);
        INSERT INTO shop VALUES ('2020-01-02 03:04:05+00', '{"b": 1, "a": [1.50]}', '\\x00ff', 1.50,
            '{1,NULL}', '[2020-01-01,2020-02-01)', '10.0.0.1', 'b a', B'101', '90 minutes', true, 7,
            '00000000-0000-0000-0000-000000000001', 'NaN');
    """
    with closing(connect(postgresql)) as connection, in_postgresql(connection, sql):
        assert contents.rows(connection)["shop"]["rows"] == [
            [
                "2020-01-02 03:04:05+00",
                '{"a": [1.50], "b": 1}',
                {"hex": "00ff"},
                "1.50",
                "{1,NULL}",
                "[2020-01-01,2020-02-01)",
                "10.0.0.1/32",
                "'a' 'b'",
                "101",
                "PT1H30M",
                True,
                7,
                "00000000-0000-0000-0000-000000000001",
                "NaN",
            ]
        ]
        with connection.cursor() as cursor:
            cursor.execute("SHOW TimeZone")
            assert cursor.fetchone() == ("Asia/Tokyo",)


def test_cells_of_mariadb_are_text_where_a_driver_would_choke(
    on_mariadb: Build, mariadb: servers.Config
) -> None:
    sql = """
        CREATE TABLE shop (a time(1), b decimal(9, 2), c datetime, d json, e bit(3), f blob);
        INSERT INTO shop VALUES ('-10:00:00.5', 1.5, '2020-01-02', '{"a": 1}', b'101', x'00ff');
    """
    with closing(connect(mariadb)) as connection, in_mariadb(connection, sql):
        assert contents.rows(connection)["shop"]["rows"] == [
            ["-10:00:00.5", "1.50", "2020-01-02 00:00:00", '{"a": 1}', *({"hex": h} for h in HEX)]
        ]


HEX = ("05", "00ff")
KEYED = """
    CREATE TABLE kind (id integer PRIMARY KEY AUTOINCREMENT, name text);
    CREATE TABLE shop (code integer PRIMARY KEY, kind_id int REFERENCES kind);
    INSERT INTO kind (name) VALUES ('b'), ('a'); INSERT INTO shop VALUES (5, 1);
"""


def test_keys_that_are_counted_and_keys_that_point_are_told() -> None:
    with sqlite(KEYED) as connection:
        found = contents.rows(connection)
    assert found["kind"] == {
        "columns": ["id", "name"],
        "automatic": ["id"],
        "references": [],
        "rows": [[1, "b"], [2, "a"]],
    }
    assert found["shop"]["automatic"] == []
    assert found["shop"]["references"] == [
        {"columns": ["kind_id"], "to": "kind", "to_columns": ["id"]}
    ]


def test_a_table_with_too_many_rows_is_counted_in_whatever_order_they_come() -> None:
    tables = []
    for order in ((1, 2, 3), (3, 1, 2), (1, 2, 4)):
        rows = ", ".join(f"({number})" for number in order)
        with sqlite(f"CREATE TABLE shop (a int); INSERT INTO shop VALUES {rows}") as connection:
            tables.append(contents.rows(connection, limit=2))
    assert tables[0]["shop"]["rows"] is None
    assert tables[0]["shop"]["count"] == 3
    assert compare.rows(tables[0], tables[1]) == compare.Comparison()
    assert compare.rows(tables[0], tables[2]).differences == (
        compare.Difference(
            "shop", "the rows of shop differ; with 3 rows there are too many to say which"
        ),
    )


def test_three_hundred_tables_are_read_in_as_many_queries_as_three() -> None:
    def count(number: int) -> int:
        tables = "".join(
            f"CREATE TABLE t{n} (id integer PRIMARY KEY, a int UNIQUE CHECK (a > 0));"
            f"CREATE INDEX i{n} ON t{n} (a);"
            for n in range(number)
        )
        with sqlite(tables) as connection:
            asked = []

            def counting(execute: Any, sql: str, *args: Any) -> Any:
                asked.append(sql)
                return execute(sql, *args)

            with connection.execute_wrapper(counting):
                catalogue.schema(connection)
            return len(asked)

    assert count(300) == count(3)


def test_the_catalogues_are_read_once_for_schema_and_rows(postgresql: servers.Config) -> None:
    asked: list[str] = []

    def noting(execute: Any, sql: str, *args: Any) -> Any:
        asked.append(sql)
        return execute(sql, *args)

    sql = "CREATE TABLE shop (id serial PRIMARY KEY); INSERT INTO shop DEFAULT VALUES"
    with closing(connect(postgresql)) as connection, in_postgresql(connection, sql):
        apart = {"schema": catalogue.schema(connection), "rows": contents.rows(connection)}
        with connection.execute_wrapper(noting):
            assert contents.whole(connection) == apart
    reading = [each for each in asked if "FROM pg_class" in each]
    assert len(reading) > 1
    assert len(reading) == len(set(reading))
