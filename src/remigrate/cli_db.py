"""The terminal's door to ``remigrate db``."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from remigrate import ending, errors, git
from remigrate.call import disk_cache, leading, paint, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from remigrate.call import Call


def _status(call: Call) -> int:
    from remigrate.db import flow
    from remigrate.report import db_json, db_text

    options = call.options
    repository = git.open_repository(options.path, call.environ)
    call.say.progress("asking the databases …")
    cache = disk_cache(call)
    there = flow.place(repository, options, call.environ, cache)
    found = flow.stand(there, options.alias).databases
    back = flow.way_back(repository, options, there, found, cache)
    call.say.done()
    text = told(call, found, db_json.render, db_text.render)
    if options.reset_format != "json":
        text += db_text.way_back(back, paint(call), os.getcwd())
    call.say.result(text, options.output)
    return flow.exit_code(found, check_pending=options.check)


def _backup(call: Call) -> int:
    from remigrate.db import backup
    from remigrate.report import backup_json, backup_text

    options = call.options
    with ending.by_signals():
        repository = git.open_repository(options.path, call.environ)
        found = backup.run(repository, options, call.environ, disk_cache(call), call.say)
        call.say.done()
    if options.reset_format == "json":
        text = backup_json.render(found)
    else:
        text = backup_text.render(found, paint(call), leading(call))
    call.say.result(text, options.output)
    return errors.OK


def _restore(call: Call) -> int:
    from remigrate.db import restore
    from remigrate.report import restore_json, restore_text

    options = call.options
    with ending.by_signals():
        repository = git.open_repository(options.path, call.environ)
        found = restore.run(repository, options, call.environ, disk_cache(call), call.say)
        call.say.done()
    in_words = partial(restore_text.render, leading=leading(call))
    text = told(call, found, restore_json.render, in_words)
    call.say.result(text, options.output)
    return errors.OK


def _sync(call: Call) -> int:
    from remigrate.db import sync
    from remigrate.report import sync_json, sync_text

    options = call.options
    with ending.by_signals():
        repository = git.open_repository(options.path, call.environ)
        found = sync.run(repository, options, call.environ, disk_cache(call), call.say)
        call.say.done()
        in_words = partial(sync_text.render, leading=leading(call))
        text = told(call, found, sync_json.render, in_words)
        call.say.result(text, options.output)
    return sync.exit_code(found)


def _recreate(call: Call) -> int:
    from remigrate.db import backup, recreate
    from remigrate.report import recreate_text

    options = call.options
    with ending.by_signals():
        repository = git.open_repository(options.path, call.environ)
        call.say.progress("looking at the database …")
        cache = disk_cache(call)
        found = recreate.look(repository, options, call.environ, cache)
        if options.apply:
            keep = backup.keeper(repository, options, call.environ, cache, call.say)
            again = leading(call)
            done = recreate.make_anew(found, options, keep, call.say.progress, again)
            call.say.done()
            text = recreate_text.done(found, done, paint(call), os.getcwd(), again)
        else:
            call.say.done()
            text = recreate_text.would(found, paint(call), options.verbose)
    call.say.result(text, options.output)
    return errors.OK


COMMANDS: dict[str, Callable[[Call], int]] = {
    "status": _status,
    "sync": _sync,
    "backup": _backup,
    "restore": _restore,
    "recreate": _recreate,
}
