"""How much one file may ask of us. The numbers are chosen for documents: A4 at 600 dpi passes, a decompression bomb does not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may be.

    ``bytes``: size of the file. ``pixels``, ``side``: area and longest side of one page, in pixels. ``pages``: pages of a PDF or
    TIFF. ``total_pixels``: area of all pages that are read of one file; who holds them all takes 4 bytes of memory a pixel.
    ``dpi``, ``pdf_pixels``: PDF pages are drawn at this resolution, or at less where they would have more pixels than this (A4
    at 200 dpi has 3.9 million). ``seconds``, ``memory``: wall-clock time and address space (bytes) of the decoding process.
    """

    bytes: int = 50_000_000
    pixels: int = 40_000_000
    side: int = 20_000
    pages: int = 50
    total_pixels: int = 200_000_000
    dpi: int = 200
    pdf_pixels: int = 4_000_000
    seconds: float = 25.0
    memory: int = 800_000_000


DEFAULT_LIMITS = Limits()
