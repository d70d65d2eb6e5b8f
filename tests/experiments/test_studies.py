"""Studies beside the paper's grid: what each changes."""

from dataclasses import asdict

from keras_concrete.experiments.cell_jobs import Budget, Job
from keras_concrete.experiments.studies import STUDIES


def test_the_recipe_is_set_beside_the_papers_own_cells(tmp_path):
    paper = {"200H~784V": (89.5, 91.4), "200H~200H~784V": (86.3, 86.4)}
    kinds = [  # Variant, estimator, temperature, column of the paper.
        ("batch-128", "concrete", None, 0),
        ("equation-21", "gumbel_softmax", 0.5, 0),
        ("equation-22", "concrete_analytic_kl", 0.5, 0),
        ("equation-21-first", "concrete", None, 0),
        ("batch-128", "concrete_dreg", None, 0),
        ("wide-encoder", "concrete_dreg", None, 0),
        ("batch-128", "vimco", None, 1),
    ]
    cells = STUDIES["recipe"]
    configs = [Job(cell, Budget(), tmp_path).config() for cell in cells]
    for cell, config, kind in zip(cells, configs, 2 * kinds, strict=True):
        *settings, column = kind
        ours = [cell.variant, config.estimator, config.posterior_temperature]
        assert ours == settings
        assert cell.paper.test == paper[cell.architecture][column]
    assert {config.batch_size for config in configs} == {128}
    assert {config.num_samples for config in configs} == {5}
    assert {config.learning_rate_schedule for config in configs} == {"cosine"}
    for cell, config in zip(cells, configs, strict=True):
        wide = 784 if cell.variant == "wide-encoder" else None
        assert config.encoder_units == wide
    firsts = [config.of_epoch(0) for config in configs if config.first_epochs]
    assert [(c.estimator, c.posterior_temperature) for c in firsts] == 2 * [
        ("gumbel_softmax", 0.5)
    ]


def test_the_grid_is_that_of_appendix_d5(tmp_path):
    configs = [Job(cell, Budget(), tmp_path).config() for cell in STUDIES["grid"]]
    found = {(c.architecture, c.learning_rate, c.weight_decay) for c in configs}
    assert found == {
        (network, rate, decay)
        for network in ("200H-200H-784V", "200H~200H~784V")
        for rate in (1e-4, 3e-4, 1e-3)
        for decay in (0, 1e-2, 1e-1, 1)
    }
    assert {(c.num_samples, c.learning_rate_schedule) for c in configs} == {
        (5, "constant")
    }


def test_temperatures_of_the_control_are_searched_for(tmp_path):
    cells = STUDIES["control-grid"]
    configs = [Job(cell, Budget(), tmp_path).config() for cell in cells]
    pairs = {(c.arity, c.posterior_temperature, c.prior_temperature) for c in configs}
    assert len({cell.name for cell in cells}) == len(pairs) == 2 * 4 * 3
    assert {c.estimator for c in configs} == {"logistic_normal"}
    # Among them what Concrete has, and equal ones.
    assert {(4, 1.0, 2 / 3), (8, 2 / 3, 2 / 3)} <= pairs


def test_the_ablations_change_one_thing_each(tmp_path):
    configs = {
        cell.variant: Job(cell, Budget(), tmp_path).config()
        for cell in STUDIES["ablation"]
    }
    base = asdict(configs.pop("as-in-the-paper"))
    changed = {
        variant: {k for k, v in asdict(config).items() if v != base[k]}
        for variant, config in configs.items()
    }
    assert changed == {
        "no-centering": {"centering"},
        "one-temperature-0.5": {"posterior_temperature"},
        "one-temperature-0.67": {"prior_temperature"},
        "kl-of-equation-21": {"estimator", "restore_best_weights"},
        "kl-of-equation-22": {"estimator", "restore_best_weights"},
        "gumbels-as-node": {"estimator"},
    }
