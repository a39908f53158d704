"""The commands: what each of them takes, and the help that explains it."""

from __future__ import annotations

from typing import NamedTuple

_CHECK = ("base", "head", "index", "drift", "fix", "format", "output", "select", "ignore",
          "fail-on", "explain-cache")  # fmt: skip
_PROJECT = ("python", "settings", "manage")
_GRAPH = ("head", "app", "drawing", "output")
_PROJECTS = ("head", "listing", "output")
_RESET = ("all", "path", "base", "strategy", "database", "keep-replaced", "guard",
          "accept-differences", "dry-run", "finish", "allow-dirty", "reset-format",
          "output")  # fmt: skip
_STATUS = ("alias", "since", "check", "reset-format", "output")
_SYNC = ("app", "alias", "applied", "pending", "database", "accept-differences", "apply",
         "lock-time-limit", "reset-format", "output")  # fmt: skip
_RECREATE = ("alias", "name", "apply", "keep-backup", "tools", "output")
_BACKUP = ("alias", "part", "tools", "reset-format", "output")
_RESTORE = ("alias", "part", "apply", "lock-time-limit", "tools", "reset-format", "output")


class Command(NamedTuple):
    """One command of the command line."""

    name: str
    """Its words, as in ``db sync``."""
    options: tuple[str, ...]
    """Names in `options.TABLE`."""
    help: str
    epilog: str = ""
    takes: tuple[str, ...] = ("path",)
    """What stands without an option's name."""


ALL = """\
examples:
  remigrate check                        the work tree
  remigrate check --base origin/main     what merging this branch would break
  remigrate check --index                what the next commit would break
  remigrate check --drift                and whether a migration is missing
  remigrate graph --app shop             a picture, to paste into a Markdown page
  remigrate reset shop --dry-run         what a short history of an app would be, with its proof
  remigrate projects --format matrix     the projects of a monorepo, for a workflow's jobs
  remigrate db status                    what each database has applied, and what is wrong with it
  remigrate db recreate                  what would go if the development database were made anew
  remigrate db sync                      which rows of it would say what is there
  remigrate db backup                    keep databases and migration files as they are now
  remigrate db restore BACKUP            what putting it back would change; --apply does it
  remigrate init                         a workflow, hooks and configuration for this repository
  remigrate doctor                       what is found here, and what is missing
  remigrate demo                         see it find something, on a throwaway project

remigrate COMMAND --help tells all of a command.

exit codes:
  0 nothing found   1 findings   2 wrong usage or configuration   3 repository cannot be read
  4 the project's environment failed   5 network   70 a bug of ours   130 interrupted
"""

OF_CHECK = """\
CODES are separated by commas: RM101, RM2 for all that begin with it, or names as in
multiple-leaves. RM302, RM303 and RM304 are about files on disk: they are looked for with --index,
or when --select names them.

--drift runs the project's code, in the project's own environment. By default that is done when
such an environment is found (an active one, .venv or venv, that of a lock file), not with --head.
--python, --settings and --manage say where to look; --fix writes what is missing.

[tool.remigrate] in pyproject.toml may set:
  {keys}
What the command line says comes before what the file says.

examples:
  remigrate check --base origin/main --format markdown --output comment.md
  remigrate check --base v1.0 --head v2.0 repository.git
  remigrate check --select multiple-leaves,RM2 --fail-on warning

exit codes:
  0 nothing at or above --fail-on   1 findings   2 wrong usage or configuration
  3 repository cannot be read   4 the project's environment failed   130 interrupted
"""

OF_GRAPH = """\
A mermaid picture can be pasted into a Markdown page on GitHub, a dot file is for Graphviz.

examples:
  remigrate graph --app shop --app orders
  remigrate graph --format svg --output migrations.svg
  remigrate graph --head v1.0 --format json

exit codes:
  0 drawn   2 wrong usage or configuration, or no such app   3 repository cannot be read, or no
  Graphviz for svg   130 interrupted
"""

OF_PROJECTS = """\
A project is a folder with a manage.py and apps with migrations below it. The matrix is one line of
JSON for the `strategy` of a job, with a job for each project: path and manage are inputs of the
action. GitHub takes 256 jobs at the most.

examples:
  remigrate projects
  remigrate projects services --format json
  echo "matrix=$(remigrate projects --format matrix)" >> "$GITHUB_OUTPUT"

exit codes:
  0 listed   2 wrong usage or configuration   3 repository cannot be read   130 interrupted
"""

OF_RESET = """\
APPs are labels, as in shop. Without any, and without --all, those whose graph has findings are
reset: two leaves, a circle, a dependency on a migration that is gone.

Migrations that base has are landed: databases that matter may have applied them. All others are
new. Without --base, everything in the work tree counts as landed. The strategies:
  squash   For a history that became a mess. What landed becomes one migration with `replaces` (or
           a few, where one would close a circle through other apps), and its files go; what is new
           stays, on top of it. A database at base moves on and loses nothing; one that is behind
           base must first be migrated with base, which a guard in the new files enforces.
  rebase   For the everyday conflict: two branches added a migration after the same one. What
           landed stays; what is new is renumbered and put on top of it. Needs --base.
  merge    For teams that want merge migrations. Everything stays; one empty migration joins the
           leaves, where no order between the two sides can matter. Needs --base.
  fresh    For projects without a database to keep. Everything goes; 0001_initial is written from
           the models, without `replaces`. Databases that are there already: remigrate db sync.

Old and new history are run on scratch databases, and compared: schema, rows, and the way forward
from base. The project's own databases are never contacted; on the server of --database, databases
of a new name are made and dropped. Nothing is written before the proof is in; then all files are
written, or none. All of that runs the project's code, in the project's own environment: --python,
--settings and --manage say where it is.

[tool.remigrate] in pyproject.toml may set, for reset: base, strategy, guard, migrate-time-limit
(seconds that each `migrate` of an empty database may take; {limit} when not set), time-limit (that
of everything else), memory-limit, python, settings, manage, migration-modules.

examples:
  remigrate reset shop orders --dry-run          look at the diff and the proof first
  remigrate reset --all --base origin/main       short histories for all apps
  remigrate reset --strategy rebase --base origin/main
  remigrate reset shop --keep-replaced           in two steps; the second one, months later:
  remigrate reset shop --finish

exit codes:
  0 written, or with --dry-run would be; apps that were refused beside it are told   1 nothing was
  written: nothing to shorten, all refused, or not proved the same   2 wrong usage or configuration
  3 repository cannot be read   4 the project's environment failed, its old history cannot run, or
  there is no server to prove it on   130 interrupted
"""

OF_DB = """\
examples:
  remigrate db status                   what each database has applied, and what is wrong with it
  remigrate db sync                     which rows would put it right; --apply writes them
  remigrate db recreate                 in development: drop, make and migrate it; --apply does it
  remigrate db backup                   keep databases and migration files as they are now
  remigrate db restore BACKUP           what putting it back would change; --apply does it

remigrate db COMMAND --help tells all of a command.
"""

OF_STATUS = """\
Reads the rows of django_migrations in every database of the settings, and holds them against the
migrations on disk. Nothing is written, and nothing is waited for: it works while another process
migrates.
  pending        what `migrate` would run
  ghosts         rows without a file, as after switching branches or deleting migrations by hand
  out of order   applied before a migration that it depends on: InconsistentMigrationHistory
  lagging        a part of what a squash replaces is applied, and not all of it

The project's settings are loaded, in the project's own environment: --python, --settings and
--manage say where it is. With `docker compose`: --python 'docker compose exec -T backend python'.

examples:
  remigrate db status
  remigrate db status --alias default --format json
  remigrate db status --since @{-1}       after switching branches: how to step back

exit codes:
  0 nothing is wrong (without --check, migrations may be pending)   1 something is   2 wrong usage
  or configuration   3 repository cannot be read   4 the project's environment failed, or a
  database could not be read   130 interrupted
"""

OF_SYNC = """\
For rows of django_migrations that do not say what is in the database: after a fresh reset, after
migrations were renamed, deleted or remade, after --fake, after switching branches, after a table
was emptied or a dump restored.

The migrations on disk are run on a new scratch database of the same kind, one by one, and the
tables that each of them makes are compared with those of yours. Where they are equal, that is how
far an app has come. The rows are to say just that: what is before it is applied, what comes after
it is left for `migrate`, and what has no file goes. Rows of apps that are in order stay as they
are, and no other table is ever written to.

Nothing is written without --apply. That makes a backup first, and then writes all rows at once, or
none, under a lock, and only if rows and tables are still what was compared.

Code in migrations (RunPython, RunSQL) leaves nothing that tables show. Where a row of such a
migration would change, you are asked whether it has run: --applied LABEL.NAME, or
--pending LABEL.NAME. Where all migrations of an app were replaced by others, it is taken as run.

examples:
  remigrate db sync                      what would be written
  remigrate db sync --apply
  remigrate db sync --app shop --applied shop.0003_prices --apply
  remigrate db sync --database postgresql://me@localhost      where scratch databases may be made

exit codes:
  0 all is right, or was written   1 there is something to write, or something keeps it   2 wrong
  usage or configuration   3 repository cannot be read   4 the project's environment failed, or a
  database could not be read or written   130 interrupted
"""

OF_RECREATE = """\
For development. Makes a backup (unless --no-backup); drops the database and makes it, as it was
but empty; runs the project's own `manage.py migrate` on it; and says what comes next. Without
--apply it only tells what would go.
A SQLite file goes with its -wal, -shm and -journal.

Refused, with nothing changed: DEBUG is off, or the host is another machine (the name of a service
of docker compose is one, too), unless --name gives the database's name; one of several aliases
that is not named with --alias, that is another's mirror, or whose database another one has; on
PostgreSQL, while somebody is connected; a user who may not drop and create it; migrations that
`migrate` would not start with.

examples:
  remigrate db recreate
  remigrate db recreate --apply
  remigrate db recreate --alias default --name shop --apply

exit codes:
  0 done, or without --apply would be   2 refused, wrong usage or configuration   3 repository
  cannot be read   4 the project's environment failed, the server refused, or `migrate` failed
  afterwards   130 interrupted
"""

OF_BACKUP = """\
Makes a folder below .remigrate/backups at the top of the work tree, which git ignores and only you
can read, as there are data in it:
  rows    of django_migrations, in every database of the settings, exactly
  files   all folders of migrations, as they are on disk
  dump    each database, by pg_dump, mariadb-dump or mysqldump, or SQLite's own backup
and a manifest with versions and checksums. A backup is whole, or is not there. The databases are
read, and not written; others may go on with their work.

Passwords come from the settings, and go to the tools in their environment. --tools (also in
[tool.remigrate]) leads to tools that this machine lacks; there the password goes through standard
input.

examples:
  remigrate db backup
  remigrate db backup --alias default --part rows --part files
  remigrate db backup --python 'docker compose exec -T backend python' \\
      --tools 'docker compose exec -T db'

exit codes:
  0 made   2 wrong usage or configuration   3 repository cannot be read   4 the project's
  environment failed, a database could not be read, a tool is missing or failed, or there is no
  room   130 interrupted
"""

OF_RESTORE = """\
Verifies the backup, checksum by checksum, and tells what each part would change. With --apply it
does so, after a backup of what is there:
  rows    django_migrations holds what it held, ids and times as well: in one transaction, under a
          lock that is waited for as long as --lock-time-limit says
  files   the folders of migrations are as they were: all files are written, or none
  dump    the database is as it was, data and all; what came later is lost. Only where it is named
Without --part: rows and files. Each part is done as a whole or not at all. A backup of another
vendor or another database is refused.

examples:
  remigrate db restore 20261121T193412Z
  remigrate db restore 20261121T193412Z --apply
  remigrate db restore 20261121T193412Z --part dump --alias default --apply

exit codes:
  0 restored, or without --apply told   2 wrong usage or configuration, or not the backup's database
  3 no whole backup, or a file that cannot be written   4 the project's environment failed, a lock
  was not had, a tool is missing or failed   130 interrupted
"""

OF_DOCTOR = """\
Looks at everything that the other commands stand on: git, base, the configuration, projects and
their graph, the project's environment and settings, its databases, what a reset would be proved
on, pre-commit and GitHub. Nothing is written. The settings are loaded in the project's own
environment, and its databases are read.

examples:
  remigrate doctor
  remigrate doctor --python .venv/bin/python --settings shop.settings.dev

exit codes:
  0 everything that is needed is there   1 something is missing   2 wrong usage or configuration
  130 interrupted
"""

OF_INIT = """\
Looks at the repository and shows what it would write: a workflow for GitHub that checks pull
requests and knows /reset-migrations, hooks for pre-commit, and [tool.remigrate] with the base, and
with the way to the project's Python where only a compose file leads there.
On a terminal it asks before it writes; elsewhere it writes with --yes alone. What is there already
stays.

examples:
  remigrate init
  remigrate init --yes

exit codes:
  0 written, shown, or nothing to write   2 wrong usage or configuration, or no migrations
  3 a file cannot be written, or no repository   130 interrupted
"""

COMMANDS: tuple[Command, ...] = (
    Command("check", (*_CHECK, *_PROJECT),
            "find conflicts and inconsistencies in a migration graph", OF_CHECK),
    Command("graph", _GRAPH, "draw the migration graph", OF_GRAPH),
    Command("reset", (*_RESET, *_PROJECT),
            "rewrite the history of apps into a short one, proved to be the same database",
            OF_RESET, ("app",)),
    Command("projects", _PROJECTS, "list the Django projects of a repository", OF_PROJECTS),
    Command("db", (), "look after the databases that are there already", OF_DB, ()),
    Command("db status", (*_STATUS, *_PROJECT),
            "tell how databases stand to the migrations on disk", OF_STATUS),
    Command("db sync", (*_SYNC, *_PROJECT),
            "have the rows of applied migrations say what is there", OF_SYNC),
    Command("db backup", (*_BACKUP, *_PROJECT),
            "keep databases and migration files as they are now", OF_BACKUP),
    Command("db restore", (*_RESTORE, *_PROJECT),
            "put back what a backup holds, or tell what that is", OF_RESTORE, ("backup", "path")),
    Command("db recreate", (*_RECREATE, *_PROJECT),
            "drop a development database, make it anew and migrate it", OF_RECREATE),
    Command("init", ("yes",), "write the files that have a project looked after", OF_INIT),
    Command("doctor", _PROJECT, "tell what is found here, and what is missing", OF_DOCTOR),
    Command("demo", ("bot",), "watch it work on a throwaway repository, offline", takes=()),
)  # fmt: skip
