"""Labelling interfaces: what is read from them, and what is refused how."""

from __future__ import annotations

import pytest

from builders import recorded_config
from docloop.presets import load_interface_xml
from ml_backend.document.fields import FieldSpec
from ml_backend.errors import ConfigUnsupported
from ml_backend.label_studio.label_config import Interface, LabelControl, parse_interface
from ml_backend.presets import preset_names

IMAGE = '<Image name="img" value="$scan"/>'
TEXT = '<TextArea name="txt" toName="img" perRegion="true"/>'


def parse(inside: str) -> Interface:
    return parse_interface(f"<View>{inside}</View>", lambda name: "amount" if "total" in name else "text")


def test_the_recorded_receipt_interface_is_read_whole() -> None:
    interface = parse_interface(recorded_config(), lambda name: "text")
    specs = (
        FieldSpec("vendor", "text", required=True),
        FieldSpec("address", "text"),
        FieldSpec("date", "date", required=True),
        FieldSpec("receipt_no", "text"),
        FieldSpec("item_name", "text"),
        FieldSpec("item_amount", "amount"),
        FieldSpec("tax", "amount"),
        FieldSpec("total", "amount", required=True),
    )
    control = LabelControl("label", "rectanglelabels", "rectangle", "label", specs)
    assert interface == Interface("image", "image", False, (control,), "transcription")


@pytest.mark.parametrize(
    ("inside", "expected", "why"),
    [
        (
            '<RectangleLabels name="a" toName="img"><Label value="x"/></RectangleLabels>',
            ("rectanglelabels", "rectangle", "a"),
            "drawing is labelling",
        ),
        (
            '<Labels name="a" toName="img"><Label value="x"/></Labels><Rectangle name="r" toName="img"/>',
            ("labels", "rectangle", "r"),
            "the OCR template",
        ),
        (
            '<Labels name="a" toName="img"><Label value="x"/></Labels>'
            '<Polygon name="p" toName="img"/><Rectangle name="r" toName="img"/>',
            ("labels", "rectangle", "r"),
            "a rectangle is preferred to a polygon",
        ),
        (
            '<Labels name="a" toName="img"><Label value="x"/></Labels><Polygon name="p" toName="img"/>',
            ("labels", "polygon", "p"),
            "a polygon alone",
        ),
        (
            '<PolygonLabels name="a" toName="img"><Label value="x"/></PolygonLabels>',
            ("polygonlabels", "polygon", "a"),
            "polygons that are labelled at once",
        ),
    ],
)
def test_every_way_to_draw_a_labelled_shape(inside: str, expected: tuple[str, str, str], why: str) -> None:
    control = parse(IMAGE + inside + TEXT).controls[0]
    assert (control.result_type, control.shape, control.shape_name) == expected, why


def test_attributes_of_a_label_are_read_and_its_type_is_guessed_without_one() -> None:
    interface = parse(
        IMAGE + '<RectangleLabels name="a" toName="img"><Label value="grand total" required="true"/>'
        '<Label value="phones" field_type="phone" repeats="true"/></RectangleLabels>'
    )
    assert interface.specs == (
        FieldSpec("grand total", "amount", required=True),
        FieldSpec("phones", "phone", repeats=True),
    )
    assert interface.text == ""


def test_pages_come_from_a_value_list() -> None:
    interface = parse(
        '<Image name="img" valueList="$pages"/><RectangleLabels name="a" toName="img"><Label value="x"/></RectangleLabels>'
    )
    assert (interface.paged, interface.data_key) == (True, "pages")


def test_only_a_text_area_of_this_image_and_of_its_regions_takes_the_texts() -> None:
    interface = parse(
        IMAGE + '<RectangleLabels name="a" toName="img"><Label value="x"/></RectangleLabels>'
        '<TextArea name="note" toName="img"/><TextArea name="txt" toName="img" perRegion="true"/>'
    )
    assert interface.text == "txt"


@pytest.mark.parametrize(
    ("xml", "code", "named"),
    [
        ("<View>", "config_not_xml", "no element found"),
        ('<!DOCTYPE x [<!ENTITY a "aa">]><View>&a;</View>', "config_not_xml", "Entit"),
        ("<View></View>", "config_without_image", "<Image"),
        ('<View><Pdf name="p" value="$pdf"/></View>', "config_without_image", "<Pdf>"),
        ('<View><HyperText name="p" value="$h"/></View>', "config_without_image", "<HyperText>"),
        ('<View><Image name="i" value="http://x/y.png"/></View>', "config_without_image", 'name="i"'),
        (f"<View>{IMAGE}{TEXT}</View>", "config_without_boxes", "RectangleLabels"),
        (
            f'<View>{IMAGE}<Labels name="a" toName="img"><Label value="x"/></Labels></View>',
            "config_without_boxes",
            "RectangleLabels",
        ),
        (
            f'<View>{IMAGE}<RectangleLabels name="a" toName="other"><Label value="x"/></RectangleLabels></View>',
            "config_without_boxes",
            'name="img"',
        ),
        (
            f'<View>{IMAGE}<RectangleLabels name="a" toName="img"><Label value="x" field_type="dat"/></RectangleLabels></View>',
            "config_field_type_unknown",
            "'dat'".strip("'"),
        ),
    ],
)
def test_a_config_that_cannot_be_served_is_refused_by_tag_and_with_the_fix(xml: str, code: str, named: str) -> None:
    with pytest.raises(ConfigUnsupported) as caught:
        parse_interface(xml, lambda name: "text")
    assert caught.value.code == code
    assert named in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_served(name: str) -> None:
    interface = parse_interface(load_interface_xml(name), lambda label: pytest.fail(f"{label} declares no field_type"))
    assert interface.text == "transcription"
    assert interface.specs


def test_a_label_of_two_controls_is_asked_for_once() -> None:
    interface = parse(
        IMAGE + '<RectangleLabels name="a" toName="img"><Label value="x"/><Label value="y"/></RectangleLabels>'
        '<PolygonLabels name="b" toName="img"><Label value="z"/><Label value="x"/></PolygonLabels>'
    )
    assert [spec.label for spec in interface.specs] == ["x", "y", "z"]
    control = interface.control_of("x")
    assert control is not None
    assert control.name == "a"


def test_the_fingerprint_changes_with_what_matters_only() -> None:
    one = '<RectangleLabels name="a" toName="img"><Label value="x"/></RectangleLabels>'
    coloured = one.replace('value="x"', 'value="x" background="red" hotkey="1"')
    renamed = one.replace('name="a"', 'name="b"')
    assert parse(IMAGE + one).fingerprint == parse(IMAGE + coloured).fingerprint
    assert parse(IMAGE + one).fingerprint != parse(IMAGE + renamed).fingerprint
    # The same on every machine and Python; another value makes every stored prediction of every user outdated.
    assert parse(IMAGE + one).fingerprint == "4d3b17d6"
