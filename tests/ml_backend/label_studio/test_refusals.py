"""Refusals of the real Label Studio, as recorded, and what docloop makes of them."""

from __future__ import annotations

import pytest

from builders import recorded
from ml_backend.label_studio.refusals import TASK_GONE, explain

URL = "http://localhost:8080"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ssrf_default_ml_localhost", "label_studio_blocks_address"),
        ("ssrf_default_webhook_localhost", "label_studio_blocks_address"),
        ("unresolvable_ml_host", "label_studio_cannot_resolve"),
        ("webhook_dotless_host", "label_studio_wants_dot"),
        ("legacy_token_on_fresh_install", "label_studio_legacy_token"),
        ("connect_refused", "label_studio_cannot_reach_backend"),
        ("connect_health_500", "label_studio_cannot_reach_backend"),
        ("connect_setup_500", "label_studio_backend_refused"),
        ("second_PAT", "label_studio_refused"),
        ("page_past_end", "label_studio_not_found"),
    ],
)
def test_a_recorded_refusal_is_known(name: str, code: str) -> None:
    status, body = recorded("40_error_bodies.json")[name]
    error = explain(status, body, URL)
    assert error.code == code
    assert error.fix or code == "label_studio_refused"


def test_label_studios_own_words_are_quoted() -> None:
    status, body = recorded("40_error_bodies.json")["second_PAT"]
    assert "You already have a valid token" in str(explain(status, body, URL))


@pytest.mark.parametrize("body", [None, "", "<html>502</html>", [], {"detail": ""}, {"validation_errors": {"x": "y"}}])
def test_any_body_makes_an_error(body: object) -> None:
    assert explain(502, body, URL).code == "label_studio_refused"


def test_what_was_sent_is_not_quoted_back() -> None:
    """Label Studio puts the whole prediction into this refusal."""
    said = "{'task': 999, 'result': [{'value': {'text': ['IBAN DE89 3704']}}]} contains invalid \"task\" field: no 999"
    error = explain(400, {"validation_errors": {"non_field_errors": [said]}}, URL)
    assert error.code == TASK_GONE
    assert "DE89" not in str(error)
    assert len(str(explain(400, {"detail": "x" * 5000}, URL))) < 400


def test_tags_of_a_labelling_interface_stay_and_links_go() -> None:
    said = 'It shows <Pdf>, not <Image>. <a href="https://example.org">Learn more</a>. Additional info: Pool(host=1)'
    assert "<Pdf>" in str(explain(400, {"detail": said}, URL))
    assert "href" not in str(explain(400, {"detail": said}, URL))
    assert "Pool" not in str(explain(400, {"detail": said}, URL))


def test_a_proxys_404_is_told_from_label_studios_own() -> None:
    own = {
        "id": "5f2c",
        "status_code": 404,
        "version": "1.23.2",
        "detail": "No Project matches the given query.",
        "exc_info": None,
    }
    assert explain(404, own, URL).code == "label_studio_has_none"
    for other in (
        None,
        "404 page not found",
        {"detail": "Not found."},
        {"detail": "No backend matches the given query string"},
    ):
        assert explain(404, other, URL).code == "label_studio_not_found"
