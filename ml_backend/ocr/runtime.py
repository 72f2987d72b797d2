"""Runs the PP-OCRv6 networks of the rapidocr wheel under ONNX Runtime or OpenVINO.

What this file knows is how a network is loaded so that it costs few cores and little memory; what goes into it and what its
answer means is known by ``detect`` and ``recognise``. RapidOCR's own sessions are not used: they hold one request for the whole
process, so that two pages cannot be read at once, and they would download a model that is missing.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml_backend.errors import EngineUnavailable

Array = npt.NDArray[np.float32]

# OpenVINO makes its tables of types at their first use (a C++ static), and lets other Python threads run meanwhile: two that
# are at it at once wait for each other for ever. Seen with 2026.4.
_TYPES = threading.Lock()

# A loaded network: one float32 batch in, one float32 batch out. It serves one thread at a time, and what it returned is
# overwritten by its next run.
Network = Callable[[Array], Array]

RUNTIMES = ("onnxruntime", "openvino")
DETECTOR = "PP-OCRv6_det_small.onnx"
RECOGNISER = "PP-OCRv6_rec_small.onnx"


@dataclass(frozen=True)
class Networks:
    """The two networks that read a page, and the characters that the recogniser's classes 1, 2, ... stand for (0 is blank)."""

    detector: Network
    recogniser: Network
    characters: tuple[str, ...]


def choose_runtime(runtime: str) -> str:
    """``runtime``, or for ``auto`` OpenVINO where it is installed and ONNX Runtime elsewhere.

    Raises:
        EngineUnavailable: an unknown runtime, or one whose package is missing.
    """
    if runtime == "auto":
        return "openvino" if _installed("openvino") else "onnxruntime"
    if runtime not in RUNTIMES:
        known = ", ".join(("auto", *RUNTIMES))
        raise EngineUnavailable("unknown_runtime", f"There is no OCR runtime {runtime!r}.", f"Known ones: {known}.")
    if not _installed(runtime):
        extra = "docloop[openvino]" if runtime == "openvino" else runtime
        raise EngineUnavailable(
            "runtime_missing", f"The OCR runtime {runtime} is not installed.", f"Run: pip install '{extra}'"
        )
    return runtime


def load_detector(runtime: str, threads: int) -> Network:
    """The wheel's detector, using ``threads`` cores. Takes a quarter of a second.

    Raises:
        EngineUnavailable: the file is not where the rapidocr wheel puts it.
    """
    return _LOADERS[runtime](model_path(DETECTOR), threads)[0]


def load_recogniser(path: Path | None, runtime: str, threads: int) -> tuple[Network, tuple[str, ...]]:
    """A recogniser (None: the wheel's), and the characters of its classes 1, 2, ... Takes a quarter of a second.

    Raises:
        EngineUnavailable: the file is not where the rapidocr wheel puts it.
    """
    network, characters = _LOADERS[runtime](path or model_path(RECOGNISER), threads)
    return network, (*characters.split("\n"), " ")


def load_network(model: bytes, runtime: str, threads: int) -> Network:
    """One network of an ONNX file in memory, using ``threads`` cores."""
    return _LOADERS[runtime](model, threads)[0]


def _load_onnxruntime(model: Path | bytes, threads: int) -> tuple[Network, str]:
    """The network, and the characters its file names."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # the arena keeps the largest page's memory for ever
    options.add_session_config_entry(
        "session.intra_op.allow_spinning", "0"
    )  # waiting threads must not eat the web's cores
    source = str(model) if isinstance(model, Path) else model
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(batch: Array) -> Array:
        return session.run(None, {name: batch})[0]  # type: ignore[no-any-return]

    return run, session.get_modelmeta().custom_metadata_map.get("character", "")


def _load_openvino(model: Path | bytes, threads: int) -> tuple[Network, str]:
    """The network, and the characters its file names."""
    # Importing openvino sends a usage message unless this optional package of its is missing; then it uses its own stub.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    with _TYPES:
        openvino.Tensor(np.zeros(1, np.float32)).get_element_type().to_dtype()
    core = openvino.Core()
    hints = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,  # otherwise every reader sits on the same core
        "CPU_RUNTIME_CACHE_CAPACITY": 200,  # plans for shapes seen before; unbounded they cost 200 MB a reader and save nothing
    }
    read = core.read_model(model)
    request = core.compile_model(read, "CPU", hints).create_infer_request()

    def run(batch: Array) -> Array:
        request.infer([batch], share_inputs=True)
        return request.get_output_tensor().data  # type: ignore[no-any-return]

    named = read.has_rt_info(["framework", "character"])
    return run, read.get_rt_info(["framework", "character"]).value if named else ""


_LOADERS: dict[str, Callable[[Path | bytes, int], tuple[Network, str]]] = {
    "onnxruntime": _load_onnxruntime,
    "openvino": _load_openvino,
}


def model_path(name: str) -> Path:
    """Where the rapidocr wheel has put a model. Raises EngineUnavailable if it has not."""
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or spec.origin is None:
        raise EngineUnavailable(
            "package_missing", "The package rapidocr is not installed.", "Run: pip install rapidocr"
        )
    path = Path(spec.origin).parent / "models" / name
    if not path.is_file():
        raise EngineUnavailable(
            "model_missing",
            f"The installed rapidocr has no model {name}.",
            "Run: pip install --force-reinstall 'rapidocr>=3.10,<4'",
        )
    return path


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
