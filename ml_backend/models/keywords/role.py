"""What is printed near a value, in several languages: one ``Role`` for each meaning that a label can have.

A role's names serve twice: to guess what a label means (``label_guess``), and to know the value on the paper by the words beside
it. The longest phrase wins everywhere, so that "total tax" is a tax and "subtotal" is no total. The roles
themselves are data, one file a kind (``roles_money`` ...); matching is in ``matching``. Phrases are written as ``normalise``
leaves them: lower case, no accents, no punctuation.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Role:
    """One meaning of a value. ``names`` may name a label or stand beside the value; ``near`` only stand beside it."""

    name: str
    type: str
    names: tuple[str, ...]
    near: tuple[str, ...] = ()

    @property
    def phrases(self) -> tuple[str, ...]:
        return self.names + self.near


def role(name: str, kind: str, names: str, near: str = "") -> Role:
    """The role with its phrases written in one text each, parted by commas."""
    return Role(name, kind, _phrases(names), _phrases(near))


def _phrases(text: str) -> tuple[str, ...]:
    """The phrases of a text of any number of lines."""
    return tuple(" ".join(phrase.split()) for phrase in text.split(",") if phrase.strip())
