"""What a run did, and how long each part took."""

from __future__ import annotations

import time

from remigrate.report import replies
from remigrate.steps import Step, Steps


def test_a_step_is_told_when_it_begins_and_ends_with_the_next_one() -> None:
    said: list[str] = []
    steps = Steps(said.append)
    assert steps.ended() == []
    steps.begin("Looking …")
    time.sleep(0.11)
    steps.begin("Pushing")
    assert [line.split(" s  ")[1] for line in said] == ["Looking", "Pushing"]
    assert float(said[1].split()[0]) >= 0.1
    looking, pushing = steps.ended()
    assert (looking.text, pushing.text) == ("Looking", "Pushing")
    assert looking.seconds >= 0.1 > pushing.seconds


def test_the_summary_has_a_line_for_each_and_one_for_all() -> None:
    assert replies.took([Step("Looking", 1.25), Step("Pushing", 1000)]).splitlines() == [
        "| Step | Seconds |",
        "|---|--:|",
        "| Looking | 1.2 |",
        "| Pushing | 1,000.0 |",
        "| **All** | **1,001.2** |",
    ]
