"""VIMCO's bounds without one sample."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from keras_concrete.estimators import vimco

log_weight = st.floats(-50, 50, width=32, allow_subnormal=False)


@settings(deadline=None, max_examples=50, derandomize=True)
@given(arrays("float32", (3, 4), elements=log_weight))
def test_leave_one_out_bounds_replace_a_weight_by_the_geometric_mean_of_the_others(w):
    expected = np.empty(w.shape)
    for row, i in np.ndindex(*w.shape):
        others = np.delete(np.float64(w[row]), i)
        replaced = np.append(others, others.mean())
        expected[row, i] = np.logaddexp.reduce(replaced) - np.log(4)
    ours = vimco.leave_one_out_bounds(w)
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=2e-5)
