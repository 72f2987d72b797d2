"""The loader keeps working whatever happens to its children: hung, killed, crashed, out of memory, lying."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hostile.hostile_files import png
from PIL import Image

from ml_backend.errors import ImageRejected, SetupError
from ml_backend.images.decode import load_pages
from ml_backend.images.limits import Limits
from ml_backend.images.loader import PageLoader

# A child whose decoder does what the file's last byte says, after the picture: h hangs, x crashes, m asks for memory,
# l answers nonsense, 0 answers no page, s takes .3 s a page,
# 2 crashes at the second page. Any other file is decoded as usual.
NAUGHTY = """
import os, sys, time
from ml_backend.images import child
usual = child.decode
def decode(data, limits):
    last = data[-1:]
    if last == b"h":
        time.sleep(60)
    if last == b"x":
        os.abort()
    if last == b"m":
        return [bytearray(limits.memory)]
    if last == b"l":
        child.wire.send(sink, {"width": 1_000_000, "height": "many"}, b"123")
    if last == b"0":
        return []
    if last == b"s":
        return (time.sleep(0.3) or image for image in usual(data, limits))
    if last == b"2":
        return (os.abort() if number else image for number, image in enumerate(usual(data, limits)))
    return usual(data, limits)
child.decode = decode
fdopen = os.fdopen
def remember(*arguments):
    global sink
    sink = fdopen(*arguments)
    return sink
os.fdopen = remember
child.main()
"""


def picture(colour: str = "white", size: tuple[int, int] = (6, 4)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def tiff(pages: int) -> bytes:
    first, *rest = [Image.new("RGB", (6, 4), (shade, 0, 0)) for shade in range(pages)]
    buffer = io.BytesIO()
    first.save(buffer, "TIFF", save_all=True, append_images=rest)
    return buffer.getvalue()


def naughty_loader(**limits: float) -> PageLoader:
    return PageLoader(Limits(**limits), children=1, child=("-c", NAUGHTY))  # type: ignore[arg-type]


def test_the_child_gives_the_same_pages_as_decoding_here() -> None:
    data = picture("red")
    with PageLoader(children=1) as loader:
        pages = loader.load(data)
    assert pages == load_pages(data)
    assert pages[0].image.tobytes() == load_pages(data)[0].image.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("deed", "code"),
    [
        (b"h", "image_timeout"),
        (b"x", "image_broken"),
        (b"m", "image_out_of_memory"),
        (b"l", "image_broken"),
        (b"0", "image_broken"),
    ],
)
def test_a_child_that_misbehaves_costs_its_own_file_and_no_other(deed: bytes, code: str) -> None:
    with naughty_loader(seconds=1.0) as loader:
        assert loader.load(picture())[0].width == 6
        with pytest.raises(ImageRejected) as caught:
            loader.load(picture() + deed)
        assert caught.value.code == code
        assert caught.value.fix
        assert loader.load(picture())[0].width == 6


def test_only_the_pages_that_are_asked_for_are_decoded_and_the_child_is_ready_for_the_next_file() -> None:
    with naughty_loader() as loader:
        pages = loader.pages(tiff(3) + b"2")
        assert next(pages).width == 6
        pages.close()
        (child,) = loader._idle
        assert loader.load(picture("red")) == load_pages(picture("red"))
        assert loader._idle == [child]
        with pytest.raises(ImageRejected, match="crash"):
            loader.load(tiff(3) + b"2")


@pytest.mark.slow
def test_the_time_of_all_pages_counts_together_but_not_what_is_done_with_them() -> None:
    with naughty_loader(seconds=0.8) as loader:
        pages = loader.pages(tiff(2))
        next(pages)
        time.sleep(0.9)
        assert [page.number for page in pages] == [1]
        with pytest.raises(ImageRejected) as caught:
            loader.load(tiff(3) + b"s")
    assert caught.value.code == "image_timeout"


def test_a_child_that_dies_while_a_page_is_looked_at_is_replaced() -> None:
    with PageLoader(children=1) as loader:
        for goes_on in (True, False):
            loader.load(picture())
            (child,) = loader._idle
            pages = loader.pages(tiff(2))
            next(pages)
            child._process.kill()
            child._process.wait()
            if goes_on:
                with pytest.raises(ImageRejected, match="exit code -9"):
                    next(pages)
            pages.close()
            assert loader.load(picture())[0].width == 6


def test_the_kernel_takes_memory_away_from_a_real_decoder() -> None:
    with PageLoader(Limits(memory=200_000_000), children=1) as loader:
        with pytest.raises(ImageRejected) as caught:
            loader.load(png(6000, 6000))
        assert caught.value.code == "image_out_of_memory"
        assert loader.load(picture())[0].width == 6


def test_a_child_killed_in_the_middle_of_a_file_is_replaced() -> None:
    with naughty_loader(seconds=30.0) as loader, ThreadPoolExecutor(1) as threads:
        loader.load(picture())
        (child,) = loader._idle
        work = threads.submit(loader.load, picture() + b"h")
        while child._between_files:
            time.sleep(0.001)
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(ImageRejected, match="exit code -9"):
            work.result(20)
        assert loader.load(picture())[0].width == 6


def test_a_child_that_died_between_two_files_does_not_fail_the_second() -> None:
    with PageLoader(children=1) as loader:
        loader.load(picture())
        loader._idle[0]._process.kill()
        loader._idle[0]._process.wait()
        assert loader.load(picture())[0].width == 6


def test_many_threads_share_two_children_and_each_gets_its_own_picture() -> None:
    colours = ["red", "lime", "blue", "black", "white", "yellow"] * 5
    with PageLoader(children=2) as loader, ThreadPoolExecutor(8) as threads:
        pages = list(threads.map(lambda colour: loader.load(picture(colour))[0], colours))
        assert len(loader._idle) <= 2
    assert pages == [load_pages(picture(colour))[0] for colour in colours]


def test_a_stop_of_the_whole_group_does_not_take_the_children_from_a_parent_that_still_works() -> None:
    with PageLoader(children=1) as loader:
        loader.load(picture())
        (child,) = loader._idle
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(child.pid, each)
        assert loader.load(picture())[0].width == 6
        assert loader._idle == [child]


def test_closing_ends_the_children_and_also_one_that_was_busy() -> None:
    loader = naughty_loader(seconds=1.0)
    loader.load(picture())
    (child,) = loader._idle
    loader.close()
    assert child._process.poll() is not None
    pages = loader.load(picture())
    assert pages[0].width == 6
    assert loader._idle == []


def test_a_child_holds_no_secret_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCLOOP_PASSWORD", "hidden")
    with PageLoader(children=1) as loader:
        loader.load(picture())
        environment = Path(f"/proc/{loader._idle[0].pid}/environ").read_bytes()
    assert b"hidden" not in environment


def test_the_child_imports_decoders_only_and_its_parent_none_of_pdfs() -> None:
    heavy = {"numpy", "pydantic", "flask", "httpx", "pypdfium2", "PIL"}
    program = f"import sys; import MODULE; print(*sorted(set(sys.modules) & {heavy}))"
    found = {
        module: subprocess.run(
            [sys.executable, "-c", program.replace("MODULE", module)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout.split()
        for module in ("ml_backend.images.child", "ml_backend.images.loader")
    }
    assert found == {"ml_backend.images.child": ["PIL", "pypdfium2"], "ml_backend.images.loader": ["PIL"]}


def test_a_child_that_cannot_start_says_so() -> None:
    with (
        PageLoader(children=1, child=("-c", "raise SystemExit(3)")) as loader,
        pytest.raises(SetupError, match="exit code 3"),
    ):
        loader.load(picture())


def test_children_end_when_their_parent_is_killed() -> None:
    program = (
        "import io, os, signal; from PIL import Image; from ml_backend.images.loader import PageLoader\n"
        "data = io.BytesIO(); Image.new('RGB', (2, 2)).save(data, 'PNG')\n"
        "loader = PageLoader(children=1); loader.load(data.getvalue())\n"
        "print(loader._idle[0].pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    child = Path(f"/proc/{int(done.stdout)}/stat")
    for _ in range(1000):
        if not child.exists() or child.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.01)
    pytest.fail("the child outlived its parent by 10 seconds")


def test_a_forked_process_starts_children_of_its_own() -> None:
    program = (
        "import io, os, sys; from PIL import Image; from ml_backend.images.loader import PageLoader\n"
        "data = io.BytesIO(); Image.new('RGB', (2, 2)).save(data, 'PNG')\n"
        "loader = PageLoader(children=1); loader.load(data.getvalue()); theirs = loader._idle[0].pid\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    loader.load(data.getvalue()); mine = loader._idle[0].pid; loader.close(); os._exit(mine == theirs)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) or loader.load(data.getvalue())[0].width - 2)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_refusals_that_need_no_decoder_start_no_child() -> None:
    with PageLoader(Limits(bytes=100), children=1) as loader:
        for data in (b"", b"\x89PNG\r\n\x1a\n" + bytes(100), b"GIF89a"):
            with pytest.raises(ImageRejected):
                loader.load(data)
        assert loader._idle == []
