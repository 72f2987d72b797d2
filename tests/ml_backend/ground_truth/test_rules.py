"""The rules of the next step: published as they are, with the numbers that training really goes by."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from docloop.cli import app
from ml_backend.document.splits import TEST_SHARE
from ml_backend.ground_truth import rules
from ml_backend.ground_truth.rules import RULES, Situation, next_steps
from training import decide
from training.reading.learning import LEAST_LINES
from training.splits import LEAST_HELD_OUT
from training.trainers.layout_model.options import LayoutTraining

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs/statistics.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("now", "first"),
    [
        (Situation(0, 0), "import"),
        (Situation(40, 0), "memory"),
        (Situation(40, 7), "first training"),
        (Situation(40, 5, trained=5), "first training"),  # asked for at 5: the next goal is 20, not 125
        (Situation(40, 19, threshold=15), "train"),
        (Situation(40, 20), "train"),
        (Situation(40, 29, trained=20), "held-out gate"),
        (Situation(40, 30, trained=20), "train"),
        (Situation(40, 29, trained=20, corrections=100, misread=20), "reading"),
        (Situation(40, 29, trained=20, corrections=101, misread=20), "held-out gate"),
        (Situation(40, 29, trained=20, corrections=50, missed=25), "detection"),
        (Situation(40, 29, trained=20, corrections=50, swapped=10), "labels"),
        (Situation(40, 29, trained=20, exhausted=True), "enough"),
        (Situation(400, 124, trained=120), "held-out gate"),
        (Situation(400, 125, trained=120), "more"),
        (Situation(400, 200, trained=190), "layout model"),
        (Situation(400, 200, trained=190, has_layout_model=True), "more"),
        (Situation(7, 0, nothing_open=True), "nothing open"),
        (Situation(7, 7, nothing_open=True), "nothing open"),
        (Situation(20, 20, nothing_open=True), "train"),
        (Situation(24, 24, trained=20, nothing_open=True), "nothing open"),
        (Situation(400, 125, trained=120, nothing_open=True), "nothing open"),
    ],
)
def test_the_first_rule_that_applies_is_the_step_to_take(now: Situation, first: str) -> None:
    assert next(next_steps(now, 7)).rule == first


def test_a_step_says_why_with_the_figures_of_the_project() -> None:
    step = next(next_steps(Situation(40, 7, threshold=15), 3))
    assert step.reason.startswith("Training starts by itself at 15 confirmed documents; 7 are there.")
    assert step.command == "docloop next --project 3"


def test_a_command_is_said_once_and_none_that_leads_nowhere() -> None:
    for samples in (0, 7, 20, 24, 130, 200):
        for trained in (0, 20, 120):
            for nothing_open in (True, False):
                now = Situation(400, samples, trained, nothing_open=nothing_open)
                commands = [step.command for step in next_steps(now, 7)]
                assert commands
                assert len(commands) == len(set(commands))
                assert ("docloop next --project 7" in commands) is not nothing_open


def test_the_numbers_are_those_that_training_goes_by() -> None:
    assert (decide.LEAST, decide.Situation(0).threshold) == (rules.ASKED_FROM, rules.TRAINED_FROM)
    for trained in (0, 20, 49, 50, 51, 300):
        assert Situation(1, 0, trained).next_training == decide.next_at(trained, rules.TRAINED_FROM)
    assert (rules.HELD_OUT, rules.HELD_OUT_SHARE) == (LEAST_HELD_OUT, TEST_SHARE)
    assert (LEAST_LINES, LayoutTraining().few_documents) == (rules.READER_FROM, rules.LAYOUT_FROM)


def test_the_document_has_the_very_table() -> None:
    wanted = [f"| {rule.name} | {rule.when} | {rule.step} | `{rule.command.format(project='N')}` |" for rule in RULES]
    table = DOCUMENT.split("| rule | when | step | command |\n|---|---|---|---|\n")[1]
    assert table.split("\n\n")[0].splitlines() == wanted


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_command_is_one(rule: rules.Rule) -> None:
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for words in re.findall(r"docloop [^&]+", rule.command):
        name, *rest = words.split()[1:]
        options = {option for parameter in known[name].params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= options
