"""What to do next with a project: published rules, each with a reason and the command to run.

The table in docs/statistics.md says the same, and a test compares the two. The numbers are those of the training itself; it lies
above this package, so a test compares these, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil

MEMORY_FROM = 1  # confirmed documents from which the layout memory answers for others like them
ASKED_FROM = 5  # from which docloop train trains
TRAINED_FROM = 20  # from which training starts by itself, unless DOCLOOP_MIN_TRAINING_SAMPLES says otherwise
GROWTH, LEAST_NEW = 0.20, 10  # by which they must have grown for the next one
HELD_OUT, HELD_OUT_SHARE = 25, 0.20  # documents that judge alone, and the share of all that is held out for it
JUDGED_FROM = ceil(HELD_OUT / HELD_OUT_SHARE)
READER_FROM = 20  # lines that the recogniser can be taught with
LAYOUT_FROM = (
    200  # below, a layout model must be trained three times, on halves: one for each half's answers, one to serve
)
OFTEN = 0.20  # of all corrections: a cause that common is worth a step of its own
SEEN_FROM = 20  # corrections with one cause, before it counts as common
SWAPPED_FROM = 10  # times that one field was shown as another one


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules look at.

    ``samples`` are confirmed documents that were read, ``trained`` their number at the last training (0: never), ``threshold``
    that at which the first one starts by itself. ``corrections`` are all, ``misread`` and ``missed`` those that OCR is to blame
    for. ``swapped`` is how often the field most often shown as another one was, ``exhausted`` says that the learning forecast
    promises nothing more, ``has_layout_model`` that a version has one, ``nothing_open`` that every document is annotated.
    """

    documents: int
    samples: int
    trained: int = 0
    threshold: int = TRAINED_FROM
    corrections: int = 0
    misread: int = 0
    missed: int = 0
    swapped: int = 0
    exhausted: bool = False
    has_layout_model: bool = False
    nothing_open: bool = False

    def often(self, number: int) -> bool:
        """Whether so many corrections with one cause are worth a step."""
        return number >= SEEN_FROM and number >= OFTEN * self.corrections

    @property
    def next_training(self) -> int:
        """The number of samples at which training starts by itself."""
        if not self.trained:
            return self.threshold
        return max(self.threshold, self.trained + max(LEAST_NEW, ceil(GROWTH * self.trained)))


@dataclass(frozen=True, slots=True)
class Rule:
    """``when`` it applies and which ``step`` follows, both for the table; ``why`` may have figures of the situation in braces."""

    name: str
    when: str
    step: str
    why: str
    command: str
    applies: Callable[[Situation], bool]


@dataclass(frozen=True, slots=True)
class NextStep:
    """A step that a rule recommends."""

    rule: str
    step: str
    reason: str
    command: str


RULES = (
    Rule(
        "import",
        "no documents",
        "Import documents",
        "There is nothing to annotate yet.",
        "docloop import FILES --project {project}",
        lambda now: not now.documents,
    ),
    Rule(
        "memory",
        f"fewer than {MEMORY_FROM} confirmed documents, some open",
        "Confirm a first document",
        "From the first one on, the layout memory pre-fills others that look like it.",
        "docloop next --project {project}",
        lambda now: now.samples < MEMORY_FROM and not now.nothing_open,
    ),
    Rule(
        "first training",
        f"fewer than {TRAINED_FROM} confirmed documents, some open",
        "Confirm more documents",
        "Training starts by itself at {threshold} confirmed documents; {samples} are there."
        f" From {ASKED_FROM} on it can be asked to, with little to expect.",
        "docloop next --project {project}",
        lambda now: now.samples < now.threshold and not now.nothing_open,
    ),
    Rule(
        "train",
        f"{TRAINED_FROM} confirmed documents, then {GROWTH:.0%} and at least {LEAST_NEW} more than at the last training",
        "Train",
        "There are {samples} confirmed documents, and the last training had {trained}. A running worker trains by itself.",
        "docloop train --project {project}",
        lambda now: now.samples >= now.next_training,
    ),
    Rule(
        "reading",
        f"{READER_FROM} or more corrections of misread characters, and {OFTEN:.0%} of all",
        "Teach the OCR engine your print",
        f"{{misread}} of {{corrections}} corrections put misread characters right; the recogniser learns from {READER_FROM}"
        " lines on.",
        "docloop train-ocr --project {project}",
        lambda now: now.misread >= READER_FROM and now.often(now.misread),
    ),
    Rule(
        "detection",
        f"{SEEN_FROM} or more corrections where OCR saw nothing, and {OFTEN:.0%} of all",
        "Try another OCR engine",
        "In {missed} of {corrections} corrections OCR had no words where the field is.",
        "docloop predict FILE --engine tesseract --draw out",
        lambda now: now.often(now.missed),
    ),
    Rule(
        "labels",
        f"one field shown as another one {SWAPPED_FROM} times or more",
        "Say what tells the two fields apart",
        "{swapped} times the same field was shown as another one and changed; people may not agree on it either.",
        "docloop corrections --project {project}",
        lambda now: now.swapped >= SWAPPED_FROM,
    ),
    Rule(
        "enough",
        "the learning forecast says that there is no more to gain",
        "Use what was confirmed",
        "Twice the documents would hardly make the fields better.",
        "docloop export --project {project} --out truth.jsonl",
        lambda now: now.exhausted,
    ),
    Rule(
        "nothing open",
        "no open documents",
        "Import more documents",
        "Every document of the project is annotated; {samples} confirmed ones are there to learn from.",
        "docloop import FILES --project {project}",
        lambda now: now.nothing_open,
    ),
    Rule(
        "held-out gate",
        f"fewer than {JUDGED_FROM} confirmed documents, some open",
        "Confirm more documents",
        f"{{samples}} are confirmed. From about {JUDGED_FROM} on, docloop keeps {HELD_OUT} of them apart, which no version learns"
        " from: how good a version is, is then known more surely.",
        "docloop next --project {project}",
        lambda now: now.samples < JUDGED_FROM and not now.nothing_open,
    ),
    Rule(
        "layout model",
        f"{LAYOUT_FROM} confirmed documents and no layout model",
        "Train a layout model, too",
        f"From about {LAYOUT_FROM} on, one training is enough for LayoutLMv3 or LiLT; {{samples}} are there. It needs the extra"
        " layout, and hours without a GPU.",
        "DOCLOOP_LAYOUT_MODEL=true docloop serve",
        lambda now: now.samples >= LAYOUT_FROM and not now.has_layout_model,
    ),
    Rule(
        "more",
        "some open",
        "Confirm what is asked first",
        "The documents that teach most come first.",
        "docloop next --project {project}",
        lambda now: not now.nothing_open,
    ),
)


def next_steps(now: Situation, project: int) -> Iterator[NextStep]:
    """The steps whose rules apply, the one to take first at the top; of several with one command only the first."""
    figures = {name: getattr(now, name) for name in now.__slots__}
    said = set[str]()
    for rule in RULES:
        if rule.applies(now) and rule.command not in said:
            said.add(rule.command)
            yield NextStep(rule.name, rule.step, rule.why.format(**figures), rule.command.format(project=project))
