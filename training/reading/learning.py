"""From transcribed lines to a judged last layer: the order of the steps, each of which is a file of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ml_backend.errors import ModelRejected
from ml_backend.ocr.recogniser.direction import turned
from ml_backend.ocr.recogniser.features import FeatureReader, Features
from ml_backend.ocr.recogniser.graph import Graph
from ml_backend.ocr.recogniser.head import Head
from training.reading.fitting import Example, Options, fit_head
from training.reading.gate import Judged, ReadingVerdict, judge
from training.reading.general import general_lines
from training.reading.lines import SeenLine, TranscribedLine, divide, see
from training.reading.reading_back import Errors, errors, read_lines
from training.reading.targets import ignores_case
from training.trainers.base import Progress

LEAST_LINES = 20
JUDGED = 1500  # held-out lines that judge: reading a line with all 18,710 classes takes as long as training on it
LOOKED_AT = 300  # lines that show whether the print has small letters
REPLAYED, JUDGING = 400, 300  # general lines, of two seeds so that none is in both
_REPLAY_SEED, _JUDGE_SEED = 1, 2
WHEEL = "the recogniser of the wheel"


@dataclass(frozen=True, slots=True)
class Champion:
    """The recogniser that serves: the wheel's own, or an earlier version."""

    version: str
    head: Head


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for: the new version's name, whom it must beat (None is the wheel's recogniser), how to train."""

    version: str
    champion: Champion | None = None
    options: Options = field(default_factory=Options)


@dataclass(frozen=True, slots=True)
class LearnedHead:
    """A new last layer and what is to be said of it: ``learned`` lines were trained on, ``characters`` are new."""

    head: Head
    verdict: ReadingVerdict
    learned: int
    documents: int
    any_case: bool
    characters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GeneralSeen:
    """General lines as the network sees them: replayed ones, and judging ones with their truth."""

    replayed: Sequence[Features]
    judging: Sequence[Features]
    truths: Sequence[str]


def learn(
    graph: Graph,
    lines: Iterable[TranscribedLine],
    order: Order,
    progress: Progress = lambda stage, share: None,
) -> LearnedHead:
    """A last layer for ``graph`` (the wheel's recogniser), trained on ``lines`` and judged against the champion.

    Training always begins at the wheel's own layer: versions do not pile up what earlier ones forgot.

    Raises:
        ModelRejected: there are too few lines, or none is wide enough for its text.
    """
    reader = FeatureReader(graph)
    seen = list(see(reader, lines))
    if len(seen) < LEAST_LINES:
        raise ModelRejected(
            "too_few_lines",
            f"Learning to read needs {LEAST_LINES} lines, but there are: {len(seen)}.",
            "Transcribe more lines.",
        )
    return learn_seen(graph.head, seen, see_general(reader, progress), order, progress)


def see_general(reader: FeatureReader, progress: Progress = lambda stage, share: None) -> GeneralSeen:
    """The general lines through the network; takes about 20 ms a line."""
    replayed, judging = general_lines(REPLAYED, _REPLAY_SEED), general_lines(JUDGING, _JUDGE_SEED)
    features = []
    for number, line in enumerate((*replayed, *judging)):
        progress("general", number / (REPLAYED + JUDGING))
        features.append(reader.read(line.image))
    return GeneralSeen(features[:REPLAYED], features[REPLAYED:], [line.text for line in judging])


def learn_seen(
    base: Head,
    lines: Sequence[SeenLine],
    general: GeneralSeen,
    order: Order,
    progress: Progress = lambda stage, share: None,
) -> LearnedHead:
    """As ``learn``, from features that are there already."""
    learning, apart = divide(lines)
    held, some = _spread(apart, JUDGED), _spread(learning, LOOKED_AT)
    any_case = ignores_case([one.text for one in learning], list(read_lines(base, [one.features for one in some])))
    examples = [Example(one.features, turned(one.text)) for one in learning]
    try:
        head = fit_head(base, examples, general.replayed, any_case, order.options, lambda share: progress("fit", share))
    except ValueError as error:
        raise ModelRejected("no_line_fits", f"Nothing can be learned from these lines: {error}.") from None
    progress("judge", 0.0)
    serving = order.champion or Champion(WHEEL, base)
    judged = Judged(
        before=judge_lines(serving.head, held, any_case),
        after=judge_lines(head, held, any_case),
        general_before=errors(read_lines(base, general.judging), general.truths),
        general_after=errors(read_lines(head, general.judging), general.truths),
    )
    return LearnedHead(
        head=head,
        verdict=judge(judged, serving.version, order.version, order.options.seed),
        learned=len(learning),
        documents=len({one.document for one in lines}),
        any_case=any_case,
        characters=head.alphabet.characters[len(base.alphabet) :],
    )


def _spread(lines: Sequence[SeenLine], most: int) -> Sequence[SeenLine]:
    """At most ``most`` of the lines, from all over."""
    return lines[:: max(1, -(-len(lines) // most))]


def judge_lines(head: Head, lines: Sequence[SeenLine], any_case: bool) -> list[Errors]:
    """What ``head`` misreads in each line."""
    return errors(read_lines(head, [one.features for one in lines]), [one.text for one in lines], any_case)
