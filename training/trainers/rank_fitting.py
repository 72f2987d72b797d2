"""Fits the regression that chooses between candidates, and the curves that make its probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log, sqrt

import numpy as np

from ml_backend.document.bio_tags import bare
from ml_backend.document.fields import FieldSpec
from ml_backend.models.token_classifier.answering import Options
from ml_backend.models.token_classifier.choosing import LEAST, MORE_IF_RARE, POOLED, Calibration, Choice, choose
from ml_backend.models.token_classifier.linear import Floats, sigmoid
from ml_backend.models.token_classifier.ranking import OPINION_SIZE, LabelFacts, RankModel, widen
from training.trainers.prepared import Prepared

STRENGTH = 0.3  # inverse of the L2 penalty
PRIOR = 4.0  # how freely the first number, the baseline's opinion, moves compared with the others
ROUNDS = 200
HALF_LEARNED = 10  # documents from which the ranking counts as much as the baseline
LOOSE = 10.0  # inverse of the penalty of a curve
FLATTEST = 0.05  # slope of a curve; more evidence never means less confidence
USUAL = (0.4, 0.0)  # slope and offset that curves have on receipts
PRIOR_EVIDENCE: Floats = np.array(
    [float(step) for step in range(-4, 11)]
)  # made-up answers that hold a curve near the one expected
OWN_CURVE = 60  # answers from which a label has a curve of its own
DOCUMENTS = 20  # from which a document's score is learned
SMOOTH = 2.0


def label_facts(documents: Sequence[Prepared], labels: Sequence[str]) -> dict[str, LabelFacts]:
    """What the values of each label are like; labels that stand on no word of any document have no facts."""
    facts: dict[str, LabelFacts] = {}
    for label in labels:
        sizes: list[float] = []
        lines: list[int] = []
        for prepared in documents:
            for at, words in prepared.fields.items():
                if prepared.sample.fields[at].label == label:
                    sizes.append(log(1 + len(words)))
                    lines.append(len({prepared.reading.tokens[word].segment for word in words}))
        if not sizes:
            continue
        mean = sum(sizes) / len(sizes)
        spread = sqrt((0.2 + sum((size - mean) ** 2 for size in sizes)) / (1 + len(sizes)))
        presence = sum(label in prepared.truth for prepared in documents) / len(documents)
        facts[label] = LabelFacts(mean, max(0.1, spread), sum(lines) / len(lines), presence, len(sizes))
    return facts


def is_right(prepared: Prepared, options: Options) -> list[bool]:
    """For each candidate whether it says what the annotator left."""
    truth = set(prepared.truth.get(options.label, ()))
    return [bare(option.text) in truth for option in options.candidates]


def fit_ranking(documents: Sequence[tuple[Prepared, Sequence[Options]]], labels: Sequence[str], seed: int) -> RankModel:
    """The model that scores candidates, learned from all candidates of these documents."""
    from sklearn.linear_model import LogisticRegression

    groups = [
        (options, is_right(prepared, options)) for prepared, some in documents for options in some if len(options.rows)
    ]
    if not groups:
        return RankModel(tuple(labels), np.zeros(0), np.zeros(0), np.zeros(0), 0.0)
    rows = np.concatenate([options.rows for options, _ in groups])
    right = np.array([value for _, values in groups for value in values])
    of = [options.label for options, values in groups for _ in values]
    means, scales = rows.mean(axis=0), np.maximum(0.05, rows.std(axis=0))
    scales[0] /= PRIOR
    wide = widen(rows, of, labels, means, scales)
    if right.all() or not right.any():
        weights = np.zeros(wide.shape[1])
        weights[0] = 1.0 / PRIOR
        return RankModel(tuple(labels), means, scales, weights, 0.0)
    model = LogisticRegression(C=STRENGTH, max_iter=ROUNDS, random_state=seed)
    model.fit(wide, right)
    # few documents: a mixture with the baseline's opinion alone, which is the first number
    learned = len(documents) / (len(documents) + HALF_LEARNED)
    weights, bias = learned * model.coef_[0], learned * float(model.intercept_[0])
    weights[0] += (1 - learned) * OPINION_SIZE * scales[0]
    return RankModel(tuple(labels), means, scales, weights, bias + (1 - learned) * OPINION_SIZE * float(means[0]))


Curve = tuple[float, float]
"""Slope and offset from evidence to log odds."""

Answer = Mapping[str, Sequence[tuple[Choice, bool]]]
"""For each label the choices made in a document that the models had not seen, and whether each was right."""


def answer(prepared: Prepared, some: Sequence[Options], model: RankModel, specs: Mapping[str, FieldSpec]) -> Answer:
    """What ``model`` chooses for one document."""
    answers: dict[str, list[tuple[Choice, bool]]] = {}
    for options in some:
        chosen = choose(options.candidates, model.chances(options.label, options.rows), specs[options.label].repeats)
        truth = set(prepared.truth.get(options.label, ()))
        answers[options.label] = [(choice, bare(choice.candidate.text) in truth) for choice in chosen]
    return answers


def calibrate(
    answers: Sequence[tuple[Prepared, Answer]], facts: Mapping[str, LabelFacts], specs: Mapping[str, FieldSpec]
) -> Calibration:
    """Curves from honest answers."""
    pairs = {
        label: [(choice.evidence, right) for _, given in answers for choice, right in given.get(label, ())]
        for label in facts
    }
    pooled = platt([pair for some in pairs.values() for pair in some], USUAL)
    curves = {POOLED: pooled}
    curves |= {label: platt(some, pooled) for label, some in pairs.items() if len(some) >= OWN_CURVE}
    least = {label: LEAST + MORE_IF_RARE * (1 - own.presence) for label, own in facts.items()}
    draft = Calibration(curves, least, {}, None)
    absent = {label: _absent(answers, draft, label, specs[label].repeats) for label in facts}
    draft = Calibration(curves, least, absent, None)
    if len(answers) < DOCUMENTS:
        return draft
    judged = [_judged(prepared, given, draft, specs) for prepared, given in answers]
    return Calibration(curves, least, absent, platt(judged))


def shown(
    given: Answer, calibration: Calibration, specs: Mapping[str, FieldSpec]
) -> dict[str, list[tuple[Choice, float, bool]]]:
    """The choices sure enough to be shown, with their confidence and whether they are right."""
    out: dict[str, list[tuple[Choice, float, bool]]] = {}
    for label, some in given.items():
        sure = [(choice, calibration.confidence(label, choice), right) for choice, right in some]
        out[label] = [item for item in sure if calibration.shown(label, specs[label].repeats, item[1])]
    return out


def _absent(answers: Sequence[tuple[Prepared, Answer]], draft: Calibration, label: str, repeats: bool) -> float:
    """How often a document that gets no field of this label has none."""
    empty = [
        label not in prepared.truth
        for prepared, given in answers
        if not any(draft.shown(label, repeats, draft.confidence(label, choice)) for choice, _ in given.get(label, ()))
    ]
    absent = sum(label not in prepared.truth for prepared, _ in answers) / max(1, len(answers))
    return (sum(empty) + SMOOTH * absent) / (len(empty) + SMOOTH)


def _judged(
    prepared: Prepared, given: Answer, draft: Calibration, specs: Mapping[str, FieldSpec]
) -> tuple[float, bool]:
    """A document's doubt, and whether nothing at all is to be corrected."""
    some = shown(given, draft, specs)
    doubt = draft.doubt({label: [sure for _, sure, _ in items] for label, items in some.items()})
    said = {label: sorted(bare(choice.candidate.text) for choice, _, _ in items) for label, items in some.items()}
    return doubt, all(
        said.get(label, []) == sorted(prepared.truth.get(label, ())) for label in {*said, *prepared.truth}
    )


def platt(pairs: Sequence[tuple[float, bool]], prior: Curve | None = None) -> Curve:
    """Slope and offset of the logistic curve through (evidence, right).

    Few answers say little: made-up ones all along the curve ``prior``, or else one right and one wrong in the middle, keep it
    from being too sure.
    """
    from sklearn.linear_model import LogisticRegression

    middle = float(np.mean([evidence for evidence, _ in pairs])) if pairs else 0.0
    made_up = PRIOR_EVIDENCE if prior else np.array([middle])
    chances: Floats = sigmoid(prior[0] * made_up + prior[1]) if prior else np.array([0.5])
    evidence = np.concatenate([[e for e, _ in pairs], made_up, made_up])
    right = np.array([r for _, r in pairs] + [True] * len(made_up) + [False] * len(made_up))
    weights = np.concatenate([np.ones(len(pairs)), chances, 1.0 - chances])
    model = LogisticRegression(C=LOOSE, max_iter=ROUNDS)
    model.fit((evidence - middle).reshape(-1, 1), right, sample_weight=weights)
    slope = max(FLATTEST, float(model.coef_[0, 0]))
    return slope, float(model.intercept_[0]) - slope * middle
