"""Results of cells, made up, for tables and curves."""


def made_result(estimator="concrete", num_samples=5, mean=95.0, **changes):
    cell = {
        "table": "table1",
        "data": "binarized_mnist",
        "architecture": "200H~784V",
        "arity": 2,
        "num_samples": num_samples,
        "estimator": estimator,
        "posterior_temperature": None,
        "paper": {"test": 89.5, "train": 88.1},
    }
    nll = {"num_samples": 1_000, "mean": mean, "standard_error": 0.25}
    result = {"cell": {**cell, **changes}, "steps": 2_000, "config": {"seed": 0}}
    result |= {"training_seconds": 120.0, "num_test_images": 10_000}
    result["curve"] = {"step": [1, 2], "bound": [-9.0, -8.0], "val_bound": [-9.0, -8.0]}
    return {**result, "discrete_nll": nll, "train_nll": {**nll, "mean": mean - 1}}
