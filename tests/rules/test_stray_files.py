import pytest

from remigrate import check, rules
from remigrate.facts import Stray, Strays
from remigrate.memory import NoCache
from tests.rules.verbs import MemoryTree, app, migration

STRAY = Stray("shop/migrations/0002 x.py", "shop", "0002 x", ".gitignore:3:*.py")


@pytest.mark.parametrize(
    ("rule", "strays", "severity", "words"),
    [
        (rules.untracked, Strays(untracked=(STRAY,)), "error", "not tracked by git"),
        (rules.ignored, Strays(ignored=(STRAY,)), "error", "`.gitignore:3:*.py`"),
        (rules.unstaged, Strays(unstaged=(STRAY,)), "warning", "not staged"),
    ],
)
def test_a_file_that_the_commit_will_not_hold(
    rule: rules.Rule, strays: Strays, severity: str, words: str
) -> None:
    tree = MemoryTree(app(_1_initial=migration()))
    facts, _ = check.weighed(tree, tree, None, NoCache(), {})
    assert list(rule.check(facts)) == []
    (finding,) = rule.check(facts._replace(strays=strays))
    assert (finding.code, finding.rule, finding.severity) == (rule.CODE, rule.NAME, severity)
    assert words in finding.message
    assert "`git add 'shop/migrations/0002 x.py'`" in finding.hint
