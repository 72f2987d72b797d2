"""What a project's labelling interface asks for, and by which tag names the answer must go.

Any tag names work. Supported: ``Image`` (``value`` or ``valueList``) with ``RectangleLabels``, ``PolygonLabels``, or ``Labels``
with ``Rectangle`` or ``Polygon``; texts go into a ``TextArea perRegion="true"``. Whatever cannot be served is refused with the
name of the tag and the fix.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Literal
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ml_backend.document.fields import FIELD_TYPES, FieldSpec
from ml_backend.errors import ConfigUnsupported

Shape = Literal["rectangle", "polygon"]

# What the Community editor does with these pages instead of boxes was tried: shared/label_studio.md, part 6.
_CANNOT_SHOW = {
    "Pdf": "Label Studio Community cannot draw boxes on <Pdf>. Use <Image valueList=\"$pages\">; docloop import makes the pages.",
    "HyperText": "Boxes need a picture. Use <Image value=\"$image\"> instead of <HyperText>.",
    "Text": "Boxes need a picture. Use <Image value=\"$image\"> instead of <Text>.",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LabelControl:
    """One tag that holds labels. ``shape_name`` is the tag that draws: itself, or the Rectangle/Polygon beside a Labels tag."""

    name: str
    result_type: Literal["rectanglelabels", "polygonlabels", "labels"]
    shape: Shape
    shape_name: str
    specs: tuple[FieldSpec, ...]


@dataclass(frozen=True, slots=True)
class Interface:
    """The part of a labelling interface that docloop talks to.

    ``image`` is the Image tag's name, ``data_key`` the key of the task's data that holds its URL (or list of URLs when
    ``paged``), ``text`` the per-region TextArea's name or empty.
    """

    image: str
    data_key: str
    paged: bool
    controls: tuple[LabelControl, ...]
    text: str

    @property
    def specs(self) -> tuple[FieldSpec, ...]:
        """All labels, in the order of the interface; one that several controls offer counts once."""
        first: dict[str, FieldSpec] = {}
        for control in self.controls:
            for spec in control.specs:
                first.setdefault(spec.label, spec)
        return tuple(first.values())

    @property
    def fingerprint(self) -> str:
        """Eight characters that change with everything docloop's answers depend on, and with nothing else (colours, hotkeys)."""
        return hashlib.sha256(json.dumps(astuple(self)).encode()).hexdigest()[:8]

    def control_of(self, label: str) -> LabelControl | None:
        """The control that offers ``label``; the first one, when several do."""
        return next((c for c in self.controls for spec in c.specs if spec.label == label), None)


def parse_interface(xml: str, guess_type: Callable[[str], str]) -> Interface:
    """Read a labelling interface; ``guess_type`` names the field type of a label that declares none.

    Raises:
        ConfigUnsupported: codes ``config_not_xml``, ``config_without_image``, ``config_without_boxes``,
            ``config_field_type_unknown``; the message names the tag, the fix says what to write.
    """
    try:
        root = fromstring(xml)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise ConfigUnsupported(
            "config_not_xml",
            f"The labelling interface is not XML: {error}.",
            "Correct the file, or the project's Settings > Labeling Interface.",
        ) from None
    image = _image(root)
    name = image.get("name", "")
    controls = tuple(_controls(root, name, guess_type))
    if not controls:
        raise ConfigUnsupported(
            "config_without_boxes",
            f'No label tag draws boxes on <Image name="{name}">.',
            f'Add <RectangleLabels name="label" toName="{name}"> with one <Label> for each field.',
        )
    source = image.get("valueList") or image.get("value") or ""
    text = next((t for t in _aimed_at(root, "TextArea", name) if t.get("perRegion") == "true"), None)
    return Interface(
        image=name,
        data_key=source.strip().lstrip("$"),
        paged=image.get("valueList") is not None,
        controls=controls,
        text="" if text is None else text.get("name", ""),
    )


def _image(root: Element) -> Element:
    image = root.find(".//Image")
    if image is None:
        for tag, fix in _CANNOT_SHOW.items():
            if root.find(f".//{tag}") is not None:
                raise ConfigUnsupported(
                    "config_without_image", f"The labelling interface shows <{tag}>, not <Image>.", fix
                )
        raise ConfigUnsupported(
            "config_without_image",
            "The labelling interface has no <Image>.",
            'Add <Image name="image" value="$image"/>.',
        )
    if not (image.get("value") or image.get("valueList") or "").strip().startswith("$"):
        raise ConfigUnsupported(
            "config_without_image",
            f'<Image name="{image.get("name")}"> names no task data.',
            'Add value="$image" to it.',
        )
    return image


def _aimed_at(root: Element, tag: str, image: str) -> list[Element]:
    return [element for element in root.iter(tag) if _aims_at(element, image)]


def _aims_at(element: Element, image: str) -> bool:
    return image in (element.get("toName") or "").split(",")


def _controls(root: Element, image: str, guess_type: Callable[[str], str]) -> list[LabelControl]:
    controls = []
    for element in root.iter():
        if not _aims_at(element, image):
            continue
        name = element.get("name", "")
        specs = tuple(_spec(label, guess_type) for label in element.iter("Label"))
        match element.tag:
            case "RectangleLabels":
                controls.append(LabelControl(name, "rectanglelabels", "rectangle", name, specs))
            case "PolygonLabels":
                controls.append(LabelControl(name, "polygonlabels", "polygon", name, specs))
            case "Labels":
                for tag, shape in (("Rectangle", "rectangle"), ("Polygon", "polygon")):
                    drawing = _aimed_at(root, tag, image)
                    if drawing:
                        shape_name = drawing[0].get("name", "")
                        controls.append(LabelControl(name, "labels", shape, shape_name, specs))  # type: ignore[arg-type]
                        break
    return [control for control in controls if control.specs]


def _spec(label: Element, guess_type: Callable[[str], str]) -> FieldSpec:
    value = label.get("value", "")
    declared = label.get("field_type", "")
    if declared and declared not in FIELD_TYPES:
        raise ConfigUnsupported(
            "config_field_type_unknown",
            f'<Label value="{value}" field_type="{declared}"> names a field type docloop does not know.',
            f"Known types: {', '.join(FIELD_TYPES)}.",
        )
    return FieldSpec(
        label=value,
        type=declared or guess_type(value),
        required=label.get("required") == "true",
        repeats=label.get("repeats") == "true",
    )
