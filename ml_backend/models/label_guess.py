"""What a label of the labelling interface means, guessed from its name, in several languages.

Used where the interface declares no ``field_type``, and to tell a total from a tax among labels of one type.
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import replace
from functools import lru_cache

from rapidfuzz.distance import Levenshtein

from ml_backend.models.keywords.role import Role
from ml_backend.models.keywords.roles import ROLES
from ml_backend.models.plain_text import normalise

GLUED_FROM = 5  # letters of a word that may end a compound such as "Abholdatum"

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_PARTICLES = _set("of the de del da do du d di van von der des la le l")
_NEUTRAL = _set("receipt invoice bill document doc order value sum field in eur euro usd text")
_ONE_MEANING = _set("phone email url iban ean serial model_number")
_HEADS = {
    "date": "date datum fecha data",
    "amount": "amount betrag summe montant importe importo valor bedrag total totale gesamt price preis prix precio prezzo",
    "address": "address adresse anschrift direccion indirizzo adres endereco",
    "phone": "phone telefon telephone telefono telefoon telefone mobile fax",
    "email": "email mail correo",
    "url": "website url webseite",
    "invoice_number": "number nummer numero nr no id num",
    "company": "company firma vendor supplier lieferant",
    "person": "person",
    "line": "line lines zeile zeilen ligne linea linha regel handwriting transcription",
}
"""Words that a compound label ends in or holds, for each type, in the order in which they are tried."""


def guess_type(label: str) -> str:
    """The field type that a label's name speaks of, one of ``FIELD_TYPES``; ``text`` when it speaks of none."""
    return guess_role(label).type


@lru_cache(maxsize=1024)
def guess_role(label: str, kind: str = "") -> Role:
    """The meaning of a label, first among those of type ``kind`` if it is given; the role has that type then.

    A label that no role knows gets one of its own, so that it is found by its own name on the paper; of a type with one meaning
    ("vendor_phone") also by the words of that.
    """
    name = _words(label)
    same_type = tuple(role for role in ROLES if role.type == kind)
    role = _known(name, same_type) or _known(name, ROLES)
    if role:
        return replace(role, type=kind) if kind and role.type != kind else role
    kind = kind or _head(name)
    if kind in _ONE_MEANING:
        plain = next(role for role in ROLES if role.type == kind)
        return replace(plain, names=(name, *plain.names)) if name else plain
    own = dict.fromkeys(phrase for phrase in (name, _without_head(name, kind)) if phrase)
    return Role(name or label, kind, tuple(own))


def _words(label: str) -> str:
    """``invoiceNo``, ``invoice_no`` and ``Invoice-No.`` are all "invoice no"."""
    return normalise(_CAMEL.sub(" ", label))


def _singular(name: str) -> set[str]:
    if name.endswith("ies"):
        return {name.removesuffix("ies") + "y"}
    return {name, name.removesuffix("s"), name.removesuffix("es"), name.removesuffix("n"), name.removesuffix("en")}


def _known(name: str, roles: tuple[Role, ...]) -> Role | None:
    """The role that has the name: exactly, glued, in the plural, or misspelt by one letter in seven."""
    for test in (_same, _glued, _plural, _same_words, _misspelt, _same_but_neutral):
        for role in roles:
            if any(test(name, known) for known in role.names):
                return role
    return None


def _same(name: str, known: str) -> bool:
    return name == known


def _glued(name: str, known: str) -> bool:
    return name.replace(" ", "") == known.replace(" ", "")


def _plural(name: str, known: str) -> bool:
    return known.replace(" ", "") in _singular(name.replace(" ", ""))


def _same_words(name: str, known: str) -> bool:
    """ "fecha vencimiento" is "fecha de vencimiento", and "date of purchase" is "purchase date"."""
    return _core(name, _PARTICLES) == _core(known, _PARTICLES) != []


def _same_but_neutral(name: str, known: str) -> bool:
    """ "receipt total" and "total in eur" are "total"."""
    return _core(name, _PARTICLES | _NEUTRAL) == _core(known, _PARTICLES) != []


def _core(name: str, leave_out: Set[str]) -> list[str]:
    return sorted(word for word in name.split() if word not in leave_out)


def _misspelt(name: str, known: str) -> bool:
    return len(known) >= 7 and Levenshtein.distance(name, known, score_cutoff=len(known) // 7) <= len(known) // 7


def _without_head(name: str, kind: str) -> str:
    """What may stand on the paper for a label such as "pickup date": "Pickup"."""
    heads = _HEADS.get(kind, "").split()
    return " ".join(word for word in name.split() if word not in heads)


def _head(name: str) -> str:
    """The type by the word that the name ends in ("Abholdatum") or begins with ("data scadenza"), else ``text``."""
    words = _set(name)
    for kind, known in _HEADS.items():
        heads = _set(known)
        if kind == "line":
            # "line item" is a part of a line, and no transcription
            if words and words <= heads:
                return kind
        elif words & heads or any(name.endswith(head) for head in heads if len(head) >= GLUED_FROM):
            return kind
    return "text"
