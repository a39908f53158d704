"""What a reset asks of the project's Django.

A part of the probe, the last one; see `script`. Commands, their data and their answers:

"record"    the old history, on an empty scratch database
    servers     {vendor: config} where scratch databases can be made; see `scratch`. Of SQLite:
                NAME is a folder.
    token       word in the names of those databases
    new         [[label, name]] migrations that have not landed
    lag         [[label, name]] for each a copy is kept of the database once it is applied
    gone        [[label, name, source]] of migrations that will be deleted
    segments    see "rewrite"
    labels      of the apps that are to be reset: when all of them drift, nothing is migrated
    again       whether to migrate a second time
    side        [[label, name]] leaves of a branch alone: a database is migrated to them and kept;
                empty for none
  answers
    needs       vendor of the project's database, when `servers` does not have it; nothing else
    vendor
    drift       as the probe's "drift"
    drifts      true when nothing was migrated for that reason; nothing else is told then
    failed      null, or {app, name, position, operation, message}: where migrating ended; besides,
                only seconds, processor, lagging, effects and again are told then
    seconds, processor   processor: seconds of processor time
    version     of the server
    schema, rows    see `catalogue` and `contents`
    again       rows of the second time; null without it
    states      see `states`
    upgrade     {failed, schema, rows, again} of a database at base with rows planted, migrated by
                the old files; again: rows of a second time
    planted     {planted: {table: n}, left: {table: why}}
    elsewhere   [label] apps that a router keeps off the default database
    aliases     other databases of the settings, which were left alone
    makers      {table: [label]} the apps whose migrations ever changed it, or whose model has it
    writers     {table: [label]} the apps whose hand-written operations wrote to it
    uses        [[label, name, [[label, name]]]] migrations with hand-written operations that name
                tables of other apps, and the last migrations that had changed those
    outside     [[label, name, [[label, name]]]] migrations outside of the repository, with parents
    lagging     those of `lag` that were reached, in that order
    side        null, or in words why there is no database of the branch alone
    effects     [[label, name, position, [table]]] of hand-written operations
    segments    as "rewrite" answers

"rewrite"   new migrations from the old ones
    gone, new, effects  as above
    segments    [{app (folder of its migrations), label, name, members, before, dependencies,
                swappable, run_before, replaces, initial, guards: [[label, name]],
                after: name of the migration whose mark it asks for, or null, marks: name of the
                one for which it makes a mark, or null, ways: [way] or null, message}]
  answers
    segments    [{label, name, first, ways: {way: {source, left_out, carried, origins}
                or {impossible}}}]; null for one of an app that is not installed.
                origins: the old migration of each operation, as far as it is known

"prove"     the new history, as the view shows it
    servers, token, gone
    upgrade     names of databases from "record" to be migrated: "base", "old" (all of the old
                history is applied) and "side"
    lagging     those of `lag` whose copies are to be migrated
  answers
    broken      null, or {app, name, operation, message} where Django cannot load the new files, app
                and name empty when it is not a migration's operation; nothing else then
    conflicts, drift, states
    fresh       {failed, ran: [label.name], seconds, processor, schema, rows}; where it failed,
                schema and rows are left out, and so are states, upgrade and lagging
    upgrade     {name: {failed, ran: [label.name], seconds, schema, rows}}; schema and rows as for
                fresh
    lagging     [{label, failed, said: message or null, ran, seconds, schema, rows}];
                failed is {} where Django itself stopped before the first migration

"clean"     drops all scratch databases of the token; answers {}
    servers, token, lag     as for "record"
"""

from __future__ import annotations

from typing import Any

from remigrate.probe import candidates, databases, proving, recording

_COMMANDS = {
    "record": recording.record,
    "rewrite": candidates.rewrite,
    "prove": proving.prove,
    "clean": databases.clean,
}


def answer(probe: Any, command: str, data: dict[str, Any]) -> dict[str, Any]:
    """The answer to a command of the header. Raises KeyError for any other."""
    return _COMMANDS[command](probe, data)
