"""The grid of cells is the paper's."""

from keras_concrete.experiments.paper_tables import TABLES


def test_the_grid_is_the_papers():
    sizes = {table: len(cells) for table, cells in TABLES.items()}
    assert sizes["table1"] == 2 * 4 * 3 * 2  # data, networks, m, estimators
    assert sizes["table2"] == 2 * 2 * 3 * 3  # data, networks, arities, m
    assert sizes["figure4"] == 2 * 3 * 2
    names = [cell.name for cells in TABLES.values() for cell in cells]
    assert len(set(names)) == len(names)
    # the corners of each table, as printed
    for name, test, train in [
        ("table1-binarized_mnist-200H-784V-m1-concrete", 107.3, 107.5),
        ("table1-omniglot-200H~200H~784V-m50-vimco", 113.2, 95.2),
        ("table1-omniglot-200H-784V-m1-nvil", 115.7, 112.2),
        ("table2-binarized_mnist-240H~784V-m1-concrete", 91.9, 90.7),
        ("table2-omniglot-240H~784V-4ary-m1-concrete", 110.7, 102.7),
        ("table2-omniglot-240H~240H~784V-8ary-m50-concrete", 111.1, 99.5),
        ("figure4-binarized_mnist-392V-240H-240H-240H-392V-m50-vimco", 50.2, 47.9),
        ("control-binarized_mnist-240H~240H~784V-8ary-m5-logistic_normal", 89.1, 85.1),
    ]:
        (cell,) = [c for cells in TABLES.values() for c in cells if c.name == name]
        assert (cell.paper.test, cell.paper.train) == (test, train)
