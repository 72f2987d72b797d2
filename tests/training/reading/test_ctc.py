from itertools import product

import numpy as np
import pytest

from training.reading.ctc import ctc, fits


def collapsed(path: tuple[int, ...]) -> list[int]:
    """What a path of classes says: repeats are one, blanks are nothing."""
    return [c for i, c in enumerate(path) if c and (i == 0 or c != path[i - 1])]


def by_hand(probabilities: np.ndarray, target: list[int]) -> tuple[float, np.ndarray]:
    """Loss and shares by going through every path."""
    columns, classes = probabilities.shape
    total, shares = 0.0, np.zeros(probabilities.shape)
    for path in product(range(classes), repeat=columns):
        if collapsed(path) == target:
            chance = float(np.prod(probabilities[np.arange(columns), path]))
            total += chance
            shares[np.arange(columns), path] += chance
    return -np.log(total), shares / total


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ([1], "one character"),
        ([1, 2], "two that differ may touch"),
        ([1, 1], "two that are equal need a blank between them"),
        ([2, 1, 2], "a character may come twice"),
        ([1, 2, 1, 2, 1], "no room for a blank"),
        ([], "a line without text is all blank"),
    ],
)
def test_loss_and_shares_are_those_of_all_paths(target: list[int], why: str) -> None:
    probabilities = np.random.default_rng(len(target)).dirichlet(np.ones(3), 5)
    # A second line, longer and with more characters, must not be felt.
    other = np.random.default_rng(9).dirichlet(np.ones(3), 8)
    batch = np.ones((2, 8, 3)) / 3
    batch[0, :5], batch[1] = probabilities, other
    losses, shares = ctc(np.log(batch), [5, 8], [target, [1, 2, 2, 1]])
    loss, expected = by_hand(probabilities, target)
    assert losses[0] == pytest.approx(loss), why
    assert shares[0, :5] == pytest.approx(expected), why
    assert not shares[0, 5:].any()


@pytest.mark.slow  # importing torch takes seconds
def test_loss_and_gradient_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    chance = np.random.default_rng(1)
    targets = [[1, 1, 2], [3], [2, 2, 2], [1, 2, 3, 4, 1], [], [4, 4]]
    columns = [12, 10, 7, 12, 5, 9]
    logits = torch.tensor(chance.normal(size=(6, 12, 5)) * 3, requires_grad=True)
    logs = torch.log_softmax(logits, -1)
    lengths = torch.tensor([len(target) for target in targets])
    flat = torch.tensor([c for target in targets for c in target])
    theirs = torch.nn.functional.ctc_loss(logs.transpose(0, 1), flat, torch.tensor(columns), lengths, reduction="none")
    theirs.sum().backward()
    losses, shares = ctc(logs.detach().numpy(), columns, targets)
    gradient = logs.detach().exp().numpy() - shares
    for line, end in enumerate(columns):
        gradient[line, end:] = 0
    assert losses == pytest.approx(theirs.detach().numpy())
    assert gradient == pytest.approx(logits.grad.numpy(), abs=1e-12)


def test_certain_columns_give_finite_numbers() -> None:
    logs = np.full((1, 4, 3), -1e4)
    logs[0, [0, 1, 2, 3], [1, 0, 1, 0]] = 0.0
    losses, shares = ctc(logs, [4], [[1, 1]])
    assert losses[0] == pytest.approx(0.0)
    assert np.isfinite(shares).all()


@pytest.mark.parametrize(("columns", "target", "fit"), [(2, [1, 2], True), (2, [1, 1], False), (3, [1, 1], True)])
def test_a_text_fits_with_a_column_a_character_and_one_between_equal_ones(
    columns: int, target: list[int], fit: bool
) -> None:
    assert fits(columns, target) is fit
