"""From transcribed lines to a judged recogniser: the order of the steps, each of which is a file of its own.

Either its last layer alone is trained, in seconds, or the whole network, which begins there (``training/reading/whole``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ml_backend.errors import ModelRejected
from ml_backend.ocr.recogniser.features import FeatureReader, line_of
from ml_backend.ocr.recogniser.graph import Graph
from ml_backend.ocr.recogniser.head import Head
from training.reading.fitting import Options, fit_lines
from training.reading.gate import Judged, ReadingVerdict, judge
from training.reading.general import general_lines
from training.reading.lines import SeenLine, TranscribedLine, divide, packed, see, seen_by
from training.reading.reading_back import Errors, errors, read_lines
from training.reading.targets import ignores_case
from training.reading.whole.learning import How, learn_whole, need_torch
from training.trainers.base import Progress

LEAST_LINES = 20
JUDGED = 1500  # held-out lines that judge: reading a line with all 18,710 classes takes as long as training on it
LOOKED_AT = 300  # lines that show whether the print has small letters
REPLAYED, JUDGING = 400, 300  # general lines, of two seeds so that none is in both
_REPLAY_SEED, _JUDGE_SEED = 1, 2
WHEEL = "the recogniser of the wheel"


@dataclass(frozen=True, slots=True)
class Champion:
    """The recogniser that serves: the wheel's own, or an earlier version. ``body`` is set where it is not the wheel's."""

    version: str
    head: Head
    body: Graph | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for: the new version's name, whom it must beat (None is the wheel's recogniser), how to train."""

    version: str
    champion: Champion | None = None
    options: Options = field(default_factory=Options)

    @property
    def needs_pictures(self) -> bool:
        """Whether lines are shown to other networks than the wheel's."""
        return self.options.whole is not None or (self.champion is not None and self.champion.body is not None)


@dataclass(frozen=True, slots=True)
class Learned:
    """A new last layer and what is to be said of it: ``learned`` lines were trained on, ``characters`` are new.

    ``graph`` is the network before that layer: the wheel's, or the one that was trained.
    """

    graph: Graph
    head: Head
    verdict: ReadingVerdict
    learned: int
    documents: int
    any_case: bool
    characters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GeneralSeen:
    """General lines as the wheel's network sees them, with their pictures: those that are replayed, and those that judge."""

    replayed: Sequence[SeenLine]
    judging: Sequence[SeenLine]


def learn(
    graph: Graph,
    lines: Iterable[TranscribedLine],
    order: Order,
    progress: Progress = lambda stage, share: None,
) -> Learned:
    """A recogniser made of ``graph`` (the wheel's), trained on ``lines`` and judged against the champion.

    Training always begins at the wheel's own network: versions do not pile up what earlier ones forgot.

    Raises:
        ModelRejected: there are too few lines, none is wide enough for its text, or what was trained cannot be written.
        EngineUnavailable: the whole network shall be trained, and torch is not installed.
    """
    if order.options.whole is not None:
        need_torch()
    reader = FeatureReader(graph)
    seen = list(see(reader, lines, order.needs_pictures))
    if len(seen) < LEAST_LINES:
        raise ModelRejected(
            "too_few_lines",
            f"Learning to read needs {LEAST_LINES} lines, but there are: {len(seen)}.",
            "Transcribe more lines, or confirm more documents.",
        )
    return learn_seen(graph, seen, see_general(reader, progress), order, progress)


def see_general(reader: FeatureReader, progress: Progress = lambda stage, share: None) -> GeneralSeen:
    """The general lines through the network; takes about 20 ms a line."""
    replayed, judging = general_lines(REPLAYED, _REPLAY_SEED), general_lines(JUDGING, _JUDGE_SEED)
    seen = []
    for number, line in enumerate((*replayed, *judging)):
        progress("general", number / (REPLAYED + JUDGING))
        seen.append(SeenLine(reader.read(line.image), line.text, "", packed(line_of(line.image))))
    return GeneralSeen(seen[:REPLAYED], seen[REPLAYED:])


def learn_seen(
    graph: Graph,
    lines: Sequence[SeenLine],
    general: GeneralSeen,
    order: Order,
    progress: Progress = lambda stage, share: None,
) -> Learned:
    """As ``learn``, from features that are there already, and pictures where ``order.needs_pictures``."""
    base = graph.head
    learning, apart = divide(lines)
    held, some = _spread(apart, JUDGED), _spread(learning, LOOKED_AT)
    any_case = ignores_case([one.text for one in learning], list(read_lines(base, [one.features for one in some])))
    try:
        if order.options.whole is not None:
            how = How(any_case, order.options, order.options.whole)
            body, head = learn_whole(graph, learning, general.replayed, how, progress)
        else:
            body, head = graph, fit_lines(base, learning, general.replayed, any_case, order.options, progress)
    except ValueError as error:
        raise ModelRejected("no_line_fits", f"Nothing can be learned from these lines: {error}.") from None
    progress("judge", 0.0)
    serving = order.champion or Champion(WHEEL, base)
    judged = Judged(
        before=judge_lines(serving.head, seen_by(serving.body, held) if serving.body else held, any_case),
        after=judge_lines(head, held if body is graph else seen_by(body, held), any_case),
        general_before=judge_lines(base, general.judging),
        general_after=judge_lines(head, general.judging if body is graph else seen_by(body, general.judging)),
    )
    return Learned(
        graph=body,
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


def judge_lines(head: Head, lines: Sequence[SeenLine], any_case: bool = False) -> list[Errors]:
    """What ``head`` misreads in each line."""
    return errors(read_lines(head, [one.features for one in lines]), [one.text for one in lines], any_case)
