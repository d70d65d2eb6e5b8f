"""Pictures of runs are files, and look alike whatever the user's settings."""

import matplotlib
import numpy as np
import pytest

from keras_concrete.experiments import run_pictures

HISTORY = {
    "epoch": [0, 1, 2],
    "bound": [-200.0, -120.0, -110.0],
    "val_bound": [-180.0, -125.0, -118.0],
}
IMAGES = np.linspace(0, 1, 5 * 16).reshape(5, 16)
SAVERS = {
    "learning curve": lambda path: run_pictures.save_learning_curve(path, HISTORY, 5),
    "square images": lambda path: run_pictures.save_image_grid(
        path, IMAGES, "five images"
    ),
    "latent usage": lambda path: run_pictures.save_latent_usage(
        path,
        [IMAGES, np.full((5, 3, 4), 0.25)],
        2 * (IMAGES > 0.5) - 1,
        -np.ones((5, 16)),
    ),
    "rows": lambda path: run_pictures.save_image_grid(path, IMAGES[:, :15], "five rows"),
}


@pytest.mark.parametrize("save", SAVERS.values(), ids=SAVERS)
def test_pictures_do_not_depend_on_the_users_settings(save, tmp_path):
    save(tmp_path / "one.png")
    with matplotlib.rc_context({"font.size": 30, "axes.grid": True}):
        save(tmp_path / "other.png")
    content = (tmp_path / "one.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert content == (tmp_path / "other.png").read_bytes()
