"""The whole network's training on a network of 300 weights that reads characters of 8 by 48 pixels."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from ml_backend.errors import ModelRejected
from ml_backend.ocr.recogniser.graph import Graph
from training.reading.lines import SeenLine, packed
from training.reading.reading_back import Errors, errors, read_lines
from training.reading.whole.learning import compare
from training.reading.whole.options import WholeOptions

pytestmark = pytest.mark.slow  # importing torch takes seconds
pytest.importorskip("torch")

CHARACTERS = "abcdeX"
CHANNELS = 12
ONE = {"strides": [1, 1], "dilations": [1, 1], "group": 1}
FAST = WholeOptions(
    rate=1e-2, whole_rate=1e-2, last_layer=3.0, epochs=1, least_steps=40, whole_steps=20, batch=8, looks=2
)


def tiny_graph(seed: int = 0) -> Graph:
    """A recogniser with each part that is treated apart: bias, GELU, batch norm, padding on one side, a computed shape."""
    from onnx import TensorProto, helper, numpy_helper

    chance = np.random.default_rng(seed)
    weights = {
        "c1": chance.normal(0, 0.1, (8, 3, 8, 8)),
        "b1": chance.normal(0, 0.1, (1, 8, 1, 1)),
        "root": np.float32(2**0.5),
        "one": np.float32(1.0),
        "half": np.float32(0.5),
        "c2.w": chance.normal(0, 0.3, (CHANNELS, 8, 2, 2)),
        "scale": chance.uniform(0.5, 1.5, CHANNELS),
        "shift": chance.normal(0, 0.1, CHANNELS),
        "mean": chance.normal(0, 0.1, CHANNELS),
        "variance": chance.uniform(0.5, 1.5, CHANNELS),
        "c3": chance.normal(0, 0.3, (CHANNELS, CHANNELS, 1, 3)),
        "m": chance.normal(0, 0.5, (CHANNELS, len(CHARACTERS) + 2)),
        "mb": chance.normal(0, 0.1, len(CHARACTERS) + 2),
    }
    arrays = {name: np.asarray(value, np.float32) for name, value in weights.items()}
    arrays |= {"zero": np.array([0]), "two": np.array([2]), "rest": np.array([-1])}
    make = helper.make_node
    nodes = [
        make("Conv", ["x", "c1"], ["n1"], kernel_shape=[8, 8], strides=[8, 8], pads=[0] * 4, dilations=[1, 1], group=1),
        make("Add", ["n1", "b1"], ["n2"]),
        make("Identity", ["n2"], ["n3"]),
        make("Div", ["n3", "root"], ["n4"]),
        make("Erf", ["n4"], ["n5"]),
        make("Add", ["n5", "one"], ["n6"]),
        make("Mul", ["n3", "n6"], ["n7"]),
        make("Mul", ["n7", "half"], ["n8"]),
        make("Conv", ["n8", "c2.w"], ["n9"], kernel_shape=[2, 2], auto_pad="SAME_UPPER", **ONE),
        make("BatchNormalization", ["n9", "scale", "shift", "mean", "variance"], ["n10"], epsilon=1e-5),
        make("AveragePool", ["n10"], ["n11"], kernel_shape=[6, 1], strides=[6, 1], pads=[0] * 4, count_include_pad=0),
        make("Conv", ["n11", "c3"], ["n12"], kernel_shape=[1, 3], pads=[0, 1, 0, 1], **ONE),
        make("Sigmoid", ["n12"], ["n13"]),
        make("Mul", ["n12", "n13"], ["n14"]),
        make("Shape", ["n14"], ["s1"]),
        make("Slice", ["s1", "zero", "two", "zero"], ["s2"]),
        make("Concat", ["s2", "rest"], ["s3"], axis=0),
        make("Reshape", ["n14", "s3"], ["n15"]),
        make("Transpose", ["n15"], ["n16"], perm=[0, 2, 1]),
        make("MatMul", ["n16", "m"], ["n17"]),
        make("Add", ["n17", "mb"], ["n18"]),
        make("Softmax", ["n18"], ["y"], axis=2),
    ]  # fmt: skip
    floats = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", floats, [None, 3, 48, None])],
        [helper.make_tensor_value_info("y", floats, [None, None, len(CHARACTERS) + 2])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=7)
    helper.set_model_props(model, {"character": "\n".join(CHARACTERS)})
    return Graph(bytes(model.SerializeToString()))


def drawn(text: str, seed: int = 0) -> np.ndarray:
    """A line in which each character is a pattern of 16 by 48 pixels, with some noise."""
    shapes = np.random.default_rng(7).integers(0, 2, (len(CHARACTERS) + 1, 6, 2)) * 200 + 20
    parts = [np.kron(shapes[(CHARACTERS + " ").index(character)], np.ones((8, 8))) for character in text]
    grey = np.concatenate(parts, axis=1) + np.random.default_rng(seed).normal(0, 4, (48, 16 * len(text)))
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def texts(number: int) -> list[str]:
    chance = np.random.default_rng(number)
    return ["".join(chance.choice(list("abcde"), chance.integers(3, 7))) for _ in range(number)]


def material(lines: int = 40):
    from training.reading.whole.fitting import Material, Picture

    pictures = [Picture(drawn(text, seed), text) for seed, text in enumerate(texts(lines))]
    return Material(pictures[8:], pictures[:8], [drawn("X a", 1), drawn("XXX", 2)])


def fitted(options: WholeOptions = FAST, clock: Callable[[], float] = lambda: 0.0):
    from training.reading.whole.fitting import fit_network
    from training.reading.whole.network import Network

    graph = tiny_graph()
    network = Network(graph.body())
    return graph, network, fit_network(network, (graph.head, graph.head), material(), options, clock=clock)


def test_torch_and_the_file_answer_alike_with_what_was_trained() -> None:
    graph, network, best = fitted()
    lines = [SeenLine(np.zeros((1, 1), np.float16), "", "", packed(drawn(text))) for text in ("abcX", "e", "dd X")]
    compare(network, graph.with_weights(network.arrays()), best.head, lines)
    with pytest.raises(ModelRejected, match="do not answer alike"):
        compare(network, graph, best.head, lines)
    network.load(best.weights)
    compare(network, graph.with_weights(best.weights), best.head, lines)


def test_all_weights_are_trained_but_the_statistics_and_the_file_has_nothing_else_changed() -> None:
    graph, network, _ = fitted()
    written = graph.with_weights(network.arrays())
    before, after = ({one.name: one for one in each._model.graph.initializer} for each in (graph, written))
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"c1", "b1", "c2.w", "scale", "shift", "c3"}
    assert [*before] == [*after]
    assert [node.name for node in written._model.graph.node] == [node.name for node in graph._model.graph.node]


def test_it_reads_what_it_could_not_and_classes_that_no_line_has_stay_bit_for_bit() -> None:
    graph, _, best = fitted(replace(FAST, least_steps=150, whole_steps=250))
    assert min(best.looks) < best.looks[0] / 2
    alphabet = graph.head.alphabet
    trained = [0, *alphabet.encode("abcde ")]
    others = np.setdiff1d(np.arange(alphabet.classes), trained)
    assert (best.head.weights[:, others] == graph.head.weights[:, others]).all()
    assert (best.head.bias[others] == graph.head.bias[others]).all()
    assert not (best.head.weights[:, trained] == graph.head.weights[:, trained]).all()


def test_the_same_seed_gives_the_same_network_and_another_one_does_not() -> None:
    one, same, other = (fitted(replace(FAST, seed=seed))[1].arrays() for seed in (1, 1, 2))
    assert all((one[name] == same[name]).all() for name in one)
    assert not any((one[name] == other[name]).all() for name in one)


def test_out_of_time_the_best_network_so_far_is_the_result() -> None:
    from training.reading.whole.views import features_of

    ticks = count()
    endless = replace(FAST, minutes=1.0, least_steps=10_000, whole_steps=10_000)
    _, network, best = fitted(endless, lambda: float(next(ticks)))
    assert 0 < best.steps < 60  # seconds
    network.load(best.weights)
    choosing = material().choosing
    read = read_lines(best.head, features_of(network, [one.pixels for one in choosing]))
    assert sum(errors(read, [one.text for one in choosing]), Errors()).edits == min(best.looks)


def test_weights_of_another_shape_or_name_are_refused() -> None:
    graph = tiny_graph()
    for name, values in (
        ("c1", np.zeros((8, 3, 8, 7))),
        ("nothing", np.zeros(3)),
        ("shift", np.full(CHANNELS, np.nan)),
    ):
        with pytest.raises(ValueError, match="does not fit"):
            graph.with_weights({name: values})
