"""The combined model: each member answers on its own, the combiner decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ml_backend.document.elements import Document
from ml_backend.document.fields import Extraction, FieldSpec
from ml_backend.errors import ModelRejected
from ml_backend.models.base import FieldExtractor
from ml_backend.models.combined.combiner import Combiner
from ml_backend.models.combined.files import load_combiner, save_combiner
from ml_backend.models.memory import LayoutMemory

Loader = Callable[[Path], FieldExtractor]


class Combined:
    """One trained version made of several models; safe for threads if they are."""

    def __init__(self, combiner: Combiner, members: Mapping[str, FieldExtractor], version: str) -> None:
        self.combiner = combiner
        self.members = {name: members[name] for name in combiner.members}
        self._version = version

    @classmethod
    def load(cls, folder: Path, version: str, loaders: Mapping[str, Loader]) -> Combined:
        """The version in ``folder``; ``loaders`` make each kind of member from its own folder in it.

        Raises:
            ModelRejected: a file is not what it should be, or a member is of a kind that nobody knows.
        """
        combiner = load_combiner(folder)
        if unknown := [name for name in combiner.members if name not in loaders]:
            raise ModelRejected(
                "model_kind_unknown",
                f"Version {version} has a member of a kind that this docloop cannot load: {unknown[0][:40]!r}.",
                f"Known kinds: {', '.join(sorted(loaders))}.",
            )
        return cls(combiner, {name: loaders[name](folder / name) for name in combiner.members}, version)

    def remembering(self, memory: LayoutMemory) -> Combined:
        """This version with a ``memory`` of today; itself, if it has no memory among its members.

        How sure the memory's answers are was learned with the version, so its curves stay.
        """
        learned = self.members.get("memory")
        if not isinstance(learned, LayoutMemory):
            return self
        return Combined(self.combiner, {**self.members, "memory": memory.calibrated(learned.curves)}, self._version)

    def save(self, folder: Path, savers: Mapping[str, Callable[[Path], None]]) -> None:
        """Write the combiner, and each member that has files (by its saver) into a folder of its own."""
        save_combiner(self.combiner, folder)
        for name, save in savers.items():
            (folder / name).mkdir()
            save(folder / name)

    @property
    def version(self) -> str:
        return self._version

    def extract(self, document: Document, specs: Sequence[FieldSpec]) -> Extraction:
        """Each label's field that is most likely right by what all members say, with that chance as its confidence."""
        answers = {name: member.extract(document, specs) for name, member in self.members.items()}
        choice = self.combiner.choose({name: answer.fields for name, answer in answers.items()}, specs)
        word_labels = answers[self.combiner.members[0]].word_labels
        absent = self.combiner.absences(choice.fields, specs)
        return Extraction(choice.fields, word_labels, choice.score, choice.disagreement, absent)
