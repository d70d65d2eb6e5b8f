"""The paper's figures, drawn from this package's own units and densities.

Each function writes a PDF, an SVG and a PNG and returns their paths. Figures 1 to 3
take about a second each; figure 4 shows runs, which its caller supplies. That of a
gradient report, which the paper does not have, is one PNG.
"""

from keras_concrete.experiments.figures.binary import save_binary_concrete
from keras_concrete.experiments.figures.gap import GapRecord, save_integrality_gap
from keras_concrete.experiments.figures.gradient_plane import save_gradient_plane
from keras_concrete.experiments.figures.graphs import save_sampling_graphs
from keras_concrete.experiments.figures.simplex import save_simplex_densities

__all__ = [
    "GapRecord",
    "save_binary_concrete",
    "save_gradient_plane",
    "save_integrality_gap",
    "save_sampling_graphs",
    "save_simplex_densities",
]
