"""How the service and its decoding child talk over two pipes: frames of a JSON header and raw bytes.

JSON and bytes only: nothing that arrives from a child, which may have been taken over by a hostile file, can run code here.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import IO, Any

_LENGTHS = struct.Struct(">IQ")  # bytes of the header, bytes of the payload
_MAX_HEADER = 65_536


def send(stream: IO[bytes], header: Mapping[str, Any], payload: bytes = b"") -> None:
    """Write one frame."""
    text = json.dumps(header).encode()
    stream.write(_LENGTHS.pack(len(text), len(payload)) + text)
    stream.write(payload)
    stream.flush()


def receive(stream: IO[bytes], max_payload: int) -> tuple[dict[str, Any], bytearray]:
    """Read one frame.

    Raises:
        EOFError: the other side is gone.
        ValueError: what arrived is no frame, or its payload is over ``max_payload`` bytes.
    """
    header_size, payload_size = _LENGTHS.unpack(_exactly(stream, _LENGTHS.size))
    if header_size > _MAX_HEADER or payload_size > max_payload:
        raise ValueError(f"a frame of {header_size} + {payload_size} bytes")
    header = json.loads(_exactly(stream, header_size))
    if not isinstance(header, dict):
        raise ValueError("a frame without a header")
    return header, _exactly(stream, payload_size)


def _exactly(stream: IO[bytes], size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    got = 0
    while got < size:
        count = stream.readinto(view[got:])  # type: ignore[attr-defined]
        if not count:
            raise EOFError(f"{got} of {size} bytes")
        got += count
    return data
