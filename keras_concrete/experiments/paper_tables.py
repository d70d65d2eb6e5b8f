"""The grid of the paper's results: what it ran, with which settings, and what it got.

Negative log-likelihoods of the discrete graph in nats per image, after 10,000,000 steps:
Table 1, Table 2, the table of Figure 4, and the numbers of sections 5.2 and 5.3.
"""

from collections.abc import Iterator

from keras_concrete.experiments.cell import Cell, PaperNLL

__all__ = ["NUM_STEPS", "TABLES"]

NUM_STEPS = 10_000_000

# Architecture, m: test Concrete, VIMCO, train Concrete, VIMCO, on MNIST, on Omniglot.
_TABLE_1 = """
200H-784V       1  107.3 104.4 107.5 104.2  118.7 115.7 117.0 112.2
200H-784V       5  104.9 101.9 104.9 101.5  118.0 113.5 115.8 110.8
200H-784V       50 104.3 98.8  104.2 98.3   118.9 113.0 115.8 110.0
200H-200H-784V  1  102.1 92.9  102.3 91.7   116.3 109.2 114.4 104.8
200H-200H-784V  5  99.9  91.7  100.0 90.8   116.0 107.5 113.5 103.6
200H-200H-784V  50 99.5  90.7  99.4  89.7   117.0 108.1 113.9 103.6
200H~784V       1  92.1  93.8  91.2  91.5   108.4 116.4 103.6 110.3
200H~784V       5  89.5  91.4  88.1  88.6   107.5 118.2 101.4 102.3
200H~784V       50 88.5  89.3  86.4  86.5   108.1 116.0 100.5 100.8
200H~200H~784V  1  87.9  88.4  86.5  85.8   105.9 111.7 100.2 105.7
200H~200H~784V  5  86.3  86.4  84.1  82.5   105.8 108.2 98.6  101.1
200H~200H~784V  50 85.7  85.5  83.1  81.8   106.8 113.2 97.5  95.2
"""

# Arity, architecture, m: test, train on MNIST, on Omniglot. The paper prints 1002.7 for
# 4-ary 240H~784V, m = 1, Omniglot train: read as 102.7.
_TABLE_2 = """
2 240H~784V       1  91.9 90.7  108.0  102.2
2 240H~784V       5  89.0 87.1  107.7  100.0
2 240H~784V       50 88.4 85.7  109.0  99.1
4 240H~784V       1  91.4 89.7  110.7  102.7
4 240H~784V       5  89.4 87.0  110.5  100.2
4 240H~784V       50 89.7 86.5  113.0  100.0
8 240H~784V       1  92.5 89.9  119.61 105.3
8 240H~784V       5  90.5 87.0  120.7  102.7
8 240H~784V       50 90.5 86.7  121.7  101.0
2 240H~240H~784V  1  87.9 86.0  106.6  99.0
2 240H~240H~784V  5  86.6 83.7  106.9  97.1
2 240H~240H~784V  50 86.0 82.7  108.7  95.9
4 240H~240H~784V  1  87.4 85.0  106.6  97.8
4 240H~240H~784V  5  86.7 83.3  108.3  97.3
4 240H~240H~784V  50 86.7 83.0  109.4  96.8
8 240H~240H~784V  1  88.2 85.9  111.3  102.5
8 240H~240H~784V  5  87.4 84.6  110.5  100.5
8 240H~240H~784V  50 87.2 84.0  111.1  99.5
"""

# Architecture, m: test Concrete, VIMCO, train Concrete, VIMCO.
_FIGURE_4 = """
392V-240H-240H-392V      1  58.5 61.4 54.2 59.3
392V-240H-240H-392V      5  54.3 54.5 49.2 52.7
392V-240H-240H-392V      50 53.4 51.8 48.2 49.6
392V-240H-240H-240H-392V 1  56.3 59.7 51.6 58.4
392V-240H-240H-240H-392V 5  52.7 53.5 46.9 51.6
392V-240H-240H-240H-392V 50 52.0 50.2 45.9 47.9
"""

# Arity: test, train, of section 5.3.
_ARITY_OF_PREDICTION = {4: (55.4, 46.0), 8: (54.7, 44.8)}

# Arity: test, train of the best logistic normal model of section 5.2.
_CONTROL = {4: (88.7, 85.0), 8: (89.1, 85.1)}

# For the right plot of Figure 4, which gives no numbers.
_TEMPERATURES = (0.1, 0.2, 0.5, 2 / 3, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)

_DATA = ("binarized_mnist", "omniglot")


def _score_function(num_samples: int) -> str:
    """What the paper's column VIMCO stands for."""
    return "nvil" if num_samples == 1 else "vimco"


def _rows(table: str) -> Iterator[list[str]]:
    return (line.split() for line in table.strip().splitlines())


def _pair(table: str, data: str, row: list[str]) -> Iterator[Cell]:
    """A row's cells, Concrete and score function."""
    architecture, num_samples = row[0], int(row[1])
    test, other_test, train, other_train = map(float, row[2:])
    for estimator, result in (
        ("concrete", PaperNLL(test, train)),
        (_score_function(num_samples), PaperNLL(other_test, other_train)),
    ):
        yield Cell(table, data, architecture, 2, num_samples, estimator, result)


def _table1() -> Iterator[Cell]:
    for i, data in enumerate(_DATA):
        for row in _rows(_TABLE_1):
            yield from _pair("table1", data, [*row[:2], *row[2 + 4 * i : 6 + 4 * i]])


def _table2() -> Iterator[Cell]:
    for i, data in enumerate(_DATA):
        for arity, architecture, num_samples, *numbers in _rows(_TABLE_2):
            result = PaperNLL(*map(float, numbers[2 * i : 2 * i + 2]))
            settings = (architecture, int(arity), int(num_samples))
            yield Cell("table2", data, *settings, "concrete", result)


def _figure4() -> Iterator[Cell]:
    for row in _rows(_FIGURE_4):
        yield from _pair("figure4", _DATA[0], row)


def _arity_of_prediction() -> Iterator[Cell]:
    for arity, numbers in _ARITY_OF_PREDICTION.items():
        settings = ("392V-240H-240H-392V", arity, 1, "concrete")
        yield Cell("arity-sp", _DATA[0], *settings, PaperNLL(*numbers))


def _control() -> Iterator[Cell]:
    for arity, numbers in _CONTROL.items():
        settings = ("240H~240H~784V", arity, 5, "logistic_normal")
        yield Cell("control", _DATA[0], *settings, PaperNLL(*numbers))


def _temperature() -> Iterator[Cell]:
    settings = ("392V-240H-240H-240H-392V", 2, 1, "concrete")
    for value in _TEMPERATURES:
        yield Cell("temperature", _DATA[0], *settings, posterior_temperature=value)


TABLES: dict[str, tuple[Cell, ...]] = {
    "table1": tuple(_table1()),
    "table2": tuple(_table2()),
    "figure4": tuple(_figure4()),
    "arity-sp": tuple(_arity_of_prediction()),
    "control": tuple(_control()),
    "temperature": tuple(_temperature()),
}
