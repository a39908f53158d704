from pathlib import Path

import pytest

from remigrate import rules


def test_codes_and_names_are_unique_and_in_order() -> None:
    codes = [rule.CODE for rule in rules.ALL]
    assert codes == sorted(set(codes))
    assert len({rule.NAME for rule in rules.ALL}) == len(codes)


@pytest.mark.parametrize("rule", rules.ALL, ids=lambda rule: rule.CODE)
def test_each_rule_has_one_name_everywhere(rule: rules.Rule, root: Path) -> None:
    name = rule.NAME.replace("-", "_")
    assert (root / "src/remigrate/rules" / f"{name}.py").is_file()
    own = root / "tests/rules" / f"test_{name}.py"
    assert own.is_file() or name in (root / "tests/rules/test_stray_files.py").read_text()


@pytest.mark.parametrize("rule", rules.ALL, ids=lambda rule: rule.CODE)
def test_each_rule_says_what_why_and_how(rule: rules.Rule) -> None:
    assert rule.__doc__ is not None
    summary, why, *rest = rule.__doc__.split("\n\n")
    assert summary.endswith(".")
    assert why.startswith("Why it hurts: ")
    assert rest[0].startswith("How to fix: ")


def test_every_module_of_the_package_is_a_rule_in_the_table() -> None:
    folder = Path(rules.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert modules == {rule.NAME.replace("-", "_") for rule in rules.ALL}


@pytest.mark.parametrize(
    ("select", "ignore", "expected"),
    [
        ((), (), [rule.CODE for rule in rules.ALL]),
        (("RM101",), (), ["RM101"]),
        (("RM2",), ("RM203",), ["RM201", "RM202", "RM204"]),
        (("cycle", "untracked"), (), ["RM103", "RM302"]),
        ((), ("RM",), []),
    ],
)
def test_rules_are_chosen_by_code_prefix_and_name(
    select: tuple[str, ...], ignore: tuple[str, ...], expected: list[str]
) -> None:
    assert [rule.CODE for rule in rules.chosen(select, ignore)] == expected


def test_words_that_choose_nothing_are_not_known() -> None:
    assert rules.is_known("RM1")
    assert rules.is_known("landed-edited")
    assert not rules.is_known("RM9")
    assert not rules.is_known("")
