"""The flow of ``remigrate reset``: what is there, what it becomes, the proof, then the files."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from remigrate import drift, errors
from remigrate.outcome import ChangedFile, Check, Reset
from remigrate.reset import changes, formatting, ground, keeping, squash, writing
from remigrate.reset.request import PARTS
from remigrate.workbench import Workbench

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from remigrate import git, runtime
    from remigrate.load import Cache
    from remigrate.options import Options
    from remigrate.reset.file_change import FileChange
    from remigrate.reset.found import Found
    from remigrate.reset.ground import Ground


class Voice(Protocol):
    """Where the flow says what it does."""

    def progress(self, text: str) -> None: ...
    def remark(self, text: str) -> None: ...
    def warn(self, text: str, hint: str = "") -> None: ...


class Worked(NamedTuple):
    """What a reset comes to, before anything is written."""

    reset: Reset
    changes: tuple[FileChange, ...]
    """What may be written; nothing where the proof is not good enough."""


def run(
    repository: git.Repository,
    options: Options,
    environ: Mapping[str, str],
    cache: Cache,
    say: Voice,
) -> Reset:
    """Reset the apps that `options` ask for. Files are written when the proof holds, or never."""
    # A bare repository is refused by the survey.
    if repository.top and (recovered := writing.recover(repository.top, environ)):
        say.remark(recovered)
    reset, changes = worked_out(repository, options, environ, cache, say)
    if options.dry_run or not changes:
        return reset
    assert repository.top
    writing.write(repository.top, changes, environ)
    return reset._replace(written=True)


def worked_out(
    repository: git.Repository,
    options: Options,
    environ: Mapping[str, str],
    cache: Cache,
    say: Voice,
    workshop: runtime.Workshop | None = None,
) -> Worked:
    """The reset that `options` ask for, proved; nothing is written.

    The project's code runs in the `workshop`, or else as the user's own.
    """
    start = ground.survey(repository, options, cache)
    if workshop:
        place = workshop.place
    else:
        place = drift.find(repository, start.project, options._replace(drift=True), environ)
    with Workbench(PARTS, place, workshop, options, environ, say.warn) as asked:
        if options.finish or options.strategy in ("rebase", "merge"):
            found = keeping.run(start, options, asked, say.progress)
        else:
            # What formats is run as the user, so the environment must be the user's.
            python = None if workshop else place.interpreter.argv[0]
            found = _squashed(start, options, (place.folder, python), asked, environ, say)
    return _concluded(start, options, found)


def _squashed(
    start: Ground,
    options: Options,
    project: tuple[str, str | None],
    asked: Workbench,
    environ: Mapping[str, str],
    say: Voice,
) -> Found:
    """`project` is its folder, and the interpreter beside which its formatter may be."""
    note = ""

    def formatted(files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        nonlocal note
        done, note = formatting.formatted(start.top, *project, files, environ)
        return done

    def remark(text: str) -> None:
        if options.verbose:
            say.remark(text)

    found = squash.Work(start, options, asked, formatted, say.progress, remark).run()
    if note and found.changes:
        say.remark(note)
    return found


def _concluded(start: Ground, options: Options, found: Found) -> Worked:
    checks: tuple[Check, ...] = found.judgement.checks if found.judgement else ()
    wanted = bool(found.changes) and _may_be_written(checks, options)
    reset = Reset(
        options.strategy,  # type: ignore[arg-type]
        start.base,
        found.apps,
        tuple(ChangedFile(each.path, each.action) for each in sorted(found.changes)),
        checks,
        (*found.warnings, *start.unreached),
        found.refused,
        False,
        options.dry_run,
        start.start,
        options.guard and not options.keep_replaced and options.strategy == "squash",
        options.keep_replaced,
        options.finish,
        found.carried,
        found.left_out,
        found.times,
        (),
        changes.diff(found.changes) if options.dry_run else "",
        found.idle,
    )
    return Worked(reset, tuple(found.changes) if wanted else ())


def _may_be_written(checks: Collection[Check], options: Options) -> bool:
    """Whether a proof is good enough: a difference can be accepted, a migration that fails not."""
    bad = ("failed",) if options.accept_differences else ("failed", "differs")
    return bool(checks) and all(check.result not in bad for check in checks)


def exit_code(reset: Reset, options: Options) -> int:
    """0 when files were written, or would be; else 1."""
    good = reset.written or (reset.dry_run and _may_be_written(reset.proof, options))
    return errors.OK if good and reset.files else errors.FINDINGS
