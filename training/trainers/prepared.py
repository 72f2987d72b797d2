"""A sample made ready to learn from: its reading, the tag of every word, and the texts that were confirmed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ml_backend.document.bio_tags import OUTSIDE, bare, match_words
from ml_backend.document.fields import FieldSpec
from ml_backend.document.samples import Sample
from ml_backend.models.token_classifier.gazetteer import LINE, VALUE, WORD
from ml_backend.models.token_classifier.reading import Reading, read
from ml_backend.models.token_classifier.word_features import word_features

IGNORED = ""  # the tag of a word that says the same as a field but lies elsewhere: neither right nor wrong

_MARKS = ".,:;-()[]*#\"'"


@dataclass(frozen=True, slots=True)
class Prepared:
    """``tags[i]`` and ``features[i]`` are of token ``i``, ``truth[label]`` bare texts, ``fields[n]`` the tokens of field n."""

    sample: Sample
    reading: Reading
    tags: Sequence[str]
    features: Sequence[Sequence[str]]
    lines: Sequence[str]
    truth: Mapping[str, Sequence[str]]
    fields: Mapping[int, Sequence[int]]

    def confirmed(self, number: int) -> Iterator[tuple[int, str, str, str]]:
        """What a gazetteer remembers of the sample, which is document ``number``."""
        for at, words in self.fields.items():
            field = self.sample.fields[at]
            yield number, field.label, VALUE, field.text
            yield from ((number, field.label, WORD, word) for word in words_of(field.text))
            lines: dict[int, list[str]] = {}
            for word in words:
                token = self.reading.tokens[word]
                lines.setdefault(token.segment, []).append(token.text)
            for texts in lines.values():
                yield number, field.label, LINE, " ".join(texts)


def words_of(text: str) -> list[str]:
    """The words of a confirmed text that are remembered, each once."""
    return [word.strip(_MARKS) for word in set(text.split())]


def prepare(sample: Sample, specs: Sequence[FieldSpec], country: str) -> Prepared:
    """``sample`` with the labels of ``specs``; other labels are left out."""
    reading = read(sample.document, specs, country)
    asked = {spec.label for spec in specs}
    matched = match_words(sample.document, sample.fields)
    tags, fields = [OUTSIDE] * len(reading.tokens), dict[int, list[int]]()
    for number, token in enumerate(reading.tokens):
        label, at = matched[token.page].get(token.index, ("", -1))
        if label in asked:
            tags[number] = f"{'I' if at in fields else 'B'}-{label}"
            fields.setdefault(at, []).append(number)
    truth: dict[str, list[str]] = {}
    for field in sample.fields:
        if field.label in asked:
            truth.setdefault(field.label, []).append(bare(field.text))
    said = {text for texts in truth.values() for text in texts}
    for number, token in enumerate(reading.tokens):
        if tags[number] == OUTSIDE and bare(token.text) in said:
            tags[number] = IGNORED
    lines = [segment.text for segment in reading.segments]
    return Prepared(sample, reading, tags, word_features(reading), lines, truth, fields)
