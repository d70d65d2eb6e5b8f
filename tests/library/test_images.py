"""Means of pixels, and many images as one."""

import numpy as np
import pytest

from keras_concrete.images import smoothed_mean, tile_images


@pytest.mark.parametrize("dtype", ["uint8", "bool", "float32"])
def test_the_mean_counts_one_image_more_of_each_kind(dtype):
    images = np.array([[0, 1, 1]] * 3 + [[0, 1, 0]] * 2, dtype)
    np.testing.assert_allclose(smoothed_mean(images), [1 / 7, 6 / 7, 4 / 7], rtol=1e-15)


def test_counts_beyond_the_type_of_the_images_do_not_wrap():
    images = np.ones((1000, 1), "uint8")
    np.testing.assert_allclose(smoothed_mean(images), [1001 / 1002], rtol=1e-15)


def test_the_mean_of_greys_is_theirs():
    greys = np.full((3, 2), 0.7)
    np.testing.assert_allclose(smoothed_mean(greys), (2.1 + 1) / 5, rtol=1e-15)


def test_the_mean_of_no_images_is_one_half():
    np.testing.assert_array_equal(smoothed_mean(np.zeros((0, 2), "uint8")), [0.5, 0.5])


def test_each_image_stands_at_its_place_with_two_lines_between():
    grid = np.random.default_rng(0).uniform(0.5, 1, (2, 3, 16))
    canvas = tile_images(grid)
    assert canvas.shape == (2 * 4 + 2, 3 * 4 + 2 * 2)
    is_gap = np.ones(canvas.shape, bool)
    for row, column in np.ndindex(2, 3):
        place = slice(6 * row, 6 * row + 4), slice(6 * column, 6 * column + 4)
        np.testing.assert_array_equal(canvas[place].ravel(), grid[row, column])
        is_gap[place] = False
    assert len(np.unique(canvas[is_gap])) == 1 and canvas[is_gap][0] < 0.5


def test_what_is_not_square_is_drawn_as_a_row():
    grid = np.random.default_rng(0).uniform(0.5, 1, (3, 1, 5))
    canvas = tile_images(grid)
    assert canvas.shape == (3 + 2 * 2, 5)
    np.testing.assert_array_equal(canvas[::3], grid[:, 0])


def test_one_image_alone_has_no_lines():
    image = np.random.default_rng(0).uniform(size=9)
    np.testing.assert_array_equal(tile_images(image[None, None]), image.reshape(3, 3))
