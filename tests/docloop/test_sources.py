"""What a person names on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from docloop.sources import expand, read_file, url_list
from ml_backend.errors import SetupError
from ml_backend.file_names import name_of


def test_folders_give_their_documents_in_order_and_urls_stay(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.pdf", "notes.txt", "sub/c.jpeg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    url = "https://example.org/x.png"
    assert list(expand([str(tmp_path), url])) == [*(str(tmp_path / n) for n in ("a.pdf", "b.PNG", "sub/c.jpeg")), url]


def test_a_folder_without_documents_is_said_and_a_missing_path_fails_when_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as empty:
        list(expand([str(tmp_path)]))
    missing = str(tmp_path / "missing.png")
    assert list(expand([missing])) == [missing]
    with pytest.raises(SetupError) as unread:
        read_file(missing)
    assert (empty.value.code, unread.value.code) == ("folder_without_documents", "file_unreadable")


def test_a_list_of_urls_skips_comments_and_quotes_a_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "urls.txt"
    path.write_text("# scans\nhttps://example.org/1.png\n\nhttp://example.org/2.png\n")
    assert url_list(path) == ["https://example.org/1.png", "http://example.org/2.png"]
    path.write_text("https://example.org/1.png\nftp://x\n")
    with pytest.raises(SetupError, match="line 2: 'ftp://x'"):
        url_list(path)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a/b/c.png", "c.png"),
        ("scans/Receipt #12?.png", "Receipt #12?.png"),
        ("https://x.org/a/c.png?token=1#p", "c.png"),
        ("https://x.org/a%20b.png", "a b.png"),
        ("https://x.org/", "x.org"),
        ("https://x.org/..%2F..%2Fescaped.png", "escaped.png"),
        ("https://x.org/%2Ftmp%2Fevil.png", "evil.png"),
        ("https://x.org/a%5C..%5Cevil.png", "evil.png"),
        ("https://x.org/a/..", "x.org"),
        ("https://x.org/%2E%2E", "x.org"),
        ("https://x.org/a%00b%0A.png", "a_b_.png"),
        ("https://x.org/" + "n" * 300 + ".png", "n" * 146 + ".png"),
        ("", "document"),
    ],
)
def test_the_short_name_is_a_name_and_never_a_way_out_of_a_folder(source: str, expected: str) -> None:
    assert name_of(source) == expected
