"""What the bot says on GitHub: every answer to a command, and the text of its pull request.

Short, kind and exact, and all in one place. What comes from a commenter, the project or GitHub goes
through `escape`; texts end with their mark, which `cut` never loses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.report import reset_markdown
from remigrate.report import reset_words as words
from remigrate.report.escape import cell, code, cut, fence, prose, visible_lines
from remigrate.report.words import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from remigrate.model import Finding, Fix
    from remigrate.outcome import Reset
    from remigrate.steps import Step

HELP = """\
The first line of a comment, by somebody who may write to this repository:

```
/reset-migrations [APP,APP…|all] [strategy=squash|rebase|merge|fresh] [sha=COMMIT]
                  [keep-replaced] [dry-run] [force] [help]
```

| Word | What it does |
|---|---|
| `APP,APP` | labels of the apps; without them, the apps that the check found something in |
| `all` | every app |
| `strategy=squash` | one short history for what has landed; new migrations stand on top |
| `strategy=rebase` | new migrations are renumbered and put on top of what has landed |
| `strategy=merge` | a merge migration, where the order of the two sides does not matter |
| `strategy=fresh` | an initial migration and nothing else: for projects without databases to keep |
| `sha=COMMIT` | the commit of this pull request that you have looked at, 12 digits or more |
| `keep-replaced` | a squash keeps the files that it replaces |
| `dry-run` | shows the change and its proof here, and pushes nothing |
| `force` | replaces the bot's branch although somebody else has pushed to it |
| `help` | this text |

Without a strategy it is `squash`, or `rebase` where base has migrations that the branch lacks.
"""
LIMIT = 60_000
LONGEST_PATCH = 40_000
_LONGEST = 2_000


def started(run_url: str, step: str) -> str:
    """While it runs."""
    log = f" · [log]({run_url})" if run_url else ""
    return f"👀 {prose(step)}{log}"


def helped() -> str:
    """The answer to ``help``."""
    return HELP


def misunderstood(why: Sequence[str]) -> str:
    """Words that mean nothing; nothing was run."""
    items = "\n".join(f"- {prose(cut(each, _LONGEST))}" for each in why[:10])
    return f"😕 I did not understand that, and ran nothing.\n\n{items}\n\n{HELP}"


def not_allowed(login: str) -> str:
    """Somebody without the right to write asked for a reset."""
    return (
        f"Sorry, {code(login)}: `/reset-migrations` writes to this repository, so only people who "
        "may do that themselves can ask for it. Ask a maintainer to comment it here, or run it on "
        "your machine:\n\n```sh\npip install remigrate\nremigrate reset --help\n```\n"
    )


def from_fork(command: str) -> str:
    """A pull request from another repository: nothing is run or pushed for it."""
    return (
        "👎 This pull request comes from another repository, where this job may not push, and "
        "whose code it does not run. On your machine, in that branch:\n\n"
        f"{fence(f'pip install remigrate{chr(10)}{command}', 'sh')}\n"
    )


def patched(reset: Reset, head: str, patch: bytes, command: str) -> str:
    """A pull request from another repository: what it needs is a patch."""
    text = _shown_whole(patch)
    if text:
        top = (
            "👍 This pull request comes from another repository, where this job may not push. "
            "What it would push there is this patch. Save it as `reset.patch` and, in that branch "
            f"at {code(head[:12])}:\n\n```sh\ngit apply --index reset.patch\n```\n\n"
            f"<details><summary>The patch</summary>\n\n{fence(text, 'diff')}\n\n</details>\n\n"
        )
    else:
        top = (
            "👍 This pull request comes from another repository, where this job may not push, and "
            "a patch cannot be shown here: it is too long, or has characters that a comment would "
            f"not keep. On your machine, in that branch at {code(head[:12])}:\n\n"
            f"{fence(f'pip install remigrate{chr(10)}{command}', 'sh')}\n\n"
        )
    return top + reset_markdown.render(reset, LIMIT - len(top) - 300)


def _shown_whole(patch: bytes) -> str:
    """The patch, if a comment shows it to the last byte; else nothing."""
    try:
        text = patch.decode().removesuffix("\n")
    except UnicodeDecodeError:
        return ""
    return text if len(text) <= LONGEST_PATCH and visible_lines(text) == text else ""


def which_commit(head: str, line: str) -> str:
    """Nobody has said which commit was looked at."""
    return (
        f"😕 This pull request is at {code(head[:12])} now, and no report of mine is about that "
        "commit. A reset runs its code, so look at it first; then say that you did:\n\n"
        f"{fence(f'{line} sha={head[:12]}')}\n"
    )


def moved(before: str, now: str) -> str:
    """Commits were pushed to the pull request meanwhile."""
    return (
        f"👎 The pull request was at {code(before[:12])} and is at {code(now[:12])} now. Nothing "
        "was pushed. Look at the new commits, then give the command again."
    )


def closed() -> str:
    """The pull request is closed."""
    return "👎 This pull request is closed, so there is nothing to push to."


def of_the_bot() -> str:
    """The command was given below a pull request of the bot's own."""
    return (
        "😕 This is the bot's own pull request. Give the command below the one that it is for; "
        "this one is updated then."
    )


def behind(base: str, missing: Sequence[str]) -> str:
    """Base has migrations that the branch lacks, and a squash cannot take them along."""
    names = listed([code(name) for name in missing[:5]])
    return (
        f"😕 {code(base)} has {names}, which this branch lacks. Update the branch first (the "
        "button below, or `git merge`), then give the command again; or use `strategy=rebase`, "
        "which puts this branch's migrations on top of them."
    )


def nothing_to_do(why: str) -> str:
    """There is nothing that a reset would change."""
    return f"👍 Nothing was changed: {prose(cut(why, _LONGEST))}"


def human(branch: str, line: str) -> str:
    """Somebody else has pushed to the bot's branch."""
    return (
        f"👎 Somebody has pushed to {code(branch)}, and I do not overwrite that. Merge it, delete "
        f"the branch, or replace what is there:\n\n{fence(f'{line} force')}\n"
    )


def failed(why: str, hint: str, pushed: str, run_url: str) -> str:
    """It could not be done, for a reason that somebody can do something about."""
    log = f"\n\n[What the job said]({run_url})" if run_url else ""
    told = f"\n\n{fence(cut(visible_lines(hint), _LONGEST))}" if hint else ""
    return f"👎 {prose(cut(why, _LONGEST))}. {_so_far(pushed)}{told}{log}"


def broken(pushed: str, run_url: str) -> str:
    """A bug of ours."""
    log = f" [What the job said]({run_url}) tells more." if run_url else ""
    return f"👎 This is a bug of Remigrate; please report it. {_so_far(pushed)}{log}"


def stopped(pushed: str) -> str:
    """The job was cancelled."""
    return f"👎 The job was cancelled. {_so_far(pushed)} Give the command again if you want it."


def _so_far(pushed: str) -> str:
    """`pushed` is our branch, where it may be on GitHub already."""
    if not pushed:
        return "Nothing was pushed."
    return f"{code(pushed)} may be pushed already; the same command goes on from there."


def took(steps: Sequence[Step]) -> str:
    """Seconds by step, for the summary of the job."""
    rows = "".join(f"| {cell(each.text)} | {each.seconds:,.1f} |\n" for each in steps)
    total = sum(each.seconds for each in steps)
    return f"| Step | Seconds |\n|---|--:|\n{rows}| **All** | **{total:,.1f}** |\n"


def not_proved(reset: Reset) -> str:
    """The proof found differences: no pull request."""
    top = "👎 The new migrations do not build the same database, so nothing was pushed.\n\n"
    return top + reset_markdown.render(reset, LIMIT - len(top) - 300)


def rehearsed(reset: Reset) -> str:
    """The answer to a dry run."""
    top = "👍 A dry run: nothing was pushed.\n\n"
    return top + reset_markdown.render(reset, LIMIT - len(top) - 300)


def done(reset: Reset, number: int, *, is_new: bool) -> str:
    """The pull request is there."""
    verb = "opened" if is_new else "updated"
    _, became, proof = words.headline(reset)
    said = f"{became}; {proof}" if proof else became
    return f"🚀 I {verb} #{number}: {prose(said)}. Merging it updates this pull request."


def unlabelled(why: str, cure: str) -> str:
    """Below the answer: the pull request is there, and has no label."""
    return f"\n\n{prose(cut(why, _LONGEST))}. {prose(cure)}".rstrip()


def no_pull_request(reset: Reset, branch: str, compare: str, why: str, cure: str) -> str:
    """The branch is there, and GitHub does not let us open a pull request."""
    _, became, proof = words.headline(reset)
    return (
        f"👎 {prose(f'{became}, {proof}' if proof else became)}. The branch {code(branch)} is "
        f"pushed, but {prose(why)}.\n\n{prose(cure)} Or open it yourself: {compare}\n"
    )


def title(reset: Reset, number: int) -> str:
    """Title of the pull request; GitHub shows no Markdown there."""
    labels = [app.label for app in reset.apps]
    named = ", ".join(labels[:3]) + (f" and {len(labels) - 3} more" if labels[3:] else "")
    verb = {"squash": "Squash", "rebase": "Rebase", "merge": "Merge", "fresh": "Remake"}
    proved = all(check.result == "proved" for check in reset.proof)
    unproved = "" if proved else " (not everything is proved)"
    return cut(f"{verb[reset.strategy]} migrations of {named} for #{number}{unproved}", 200)


def proposal(reset: Reset, number: int, asker: str, head: str, mark: str) -> str:
    """Text of the pull request."""
    top = (
        f"{code(asker)} asked for this in #{number}. It is made from {code(head[:12])}; merging it "
        f"updates #{number}.\n\n"
    )
    merge = [f"git merge {reset.base}"] if reset.base else []
    command = ["git fetch origin", f"git switch --detach {head}", *merge, reproduced(reset)]
    below = f"\n#### The same on your machine\n\n{fence(chr(10).join(command), 'sh')}\n\n{mark}\n"
    return top + reset_markdown.render(reset, LIMIT - len(top) - len(below)) + below


def reproduced(reset: Reset) -> str:
    """The command that does the same, to be typed."""
    labels = [app.label for app in reset.apps]
    base = [f"--base {reset.base}"] if reset.base else []
    strategy = [] if reset.strategy == "squash" else [f"--strategy {reset.strategy}"]
    kept = ["--keep-replaced"] if reset.kept else []
    return " ".join(["remigrate reset", *labels, *base, *strategy, *kept])


def suggestion(finding: Finding, fix: Fix, line: str, left: Sequence[str], mark: str) -> str:
    """A review comment on the line that settles a finding."""
    stays = f" {listed(left)} of this file {'stays' if len(left) == 1 else 'stay'}." if left else ""
    return (
        f"This settles {finding.code} ({finding.rule}), tried on what base and this branch are "
        f"together.{stays} If the branch has no {code(fix.new[1])} yet, update it from its base "
        f"as well.\n\n{fence(line, 'suggestion')}\n\n{mark}\n"
    )


def superseded(number: int) -> str:
    """The bot's pull request is closed: what it was for has ended."""
    return f"#{number} needs this no more, so I close it and delete the branch."


def left(number: int, branch: str) -> str:
    """The same, with somebody else's commits on the branch."""
    return (
        f"#{number} needs this no more, so I close it. Somebody else has pushed to {code(branch)}, "
        "so the branch stays."
    )
