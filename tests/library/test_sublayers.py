"""All layers of a model are found, wherever its layers keep them."""

import keras

import keras_concrete as kc
from keras_concrete.sublayers import all_layers


class _Own(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.parts = {"a": [kc.BinaryConcreteSample(0.5, name="in_a_dict")]}
        self.cell = keras.layers.RNN(
            keras.layers.StackedRNNCells([keras.layers.GRUCell(2, name="cell")])
        )

    def build(self, shape):
        pass

    def call(self, inputs):
        return inputs


def test_layers_in_cells_wrappers_containers_and_nested_models():
    inner = keras.Sequential([keras.layers.Dense(3, name="nested")])
    wrapped = keras.layers.TimeDistributed(keras.layers.Dense(3, name="wrapped"))
    model = keras.Sequential([keras.Input((4, 3)), inner, wrapped, _Own()])
    found = list(all_layers(model))
    names = [layer.name for layer in found]
    assert found[0] is model
    assert {"nested", "wrapped", "in_a_dict", "cell"} <= set(names)
    assert len({id(layer) for layer in found}) == len(found)


def test_in_the_order_of_the_model():
    model = keras.Sequential([keras.layers.Dense(1, name=str(i)) for i in range(5)])
    names = [layer.name for layer in all_layers(model)]
    assert [name for name in names if name.isdigit()] == list("01234")
