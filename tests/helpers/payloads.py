"""Payloads for model files: what would run, were it let, and where it is put."""

import keras
import tensorflow as tf

TRACE = "trace"  # A file that each payload makes, if it is run.


class Pickled:
    def __reduce__(self):
        return open, (TRACE, "w")


def _bytecode():
    """A function as Keras saves those that have no name: as its bytes."""
    layer = keras.layers.Lambda(lambda *x: [x[0], open("trace", "w").close()][0])
    return keras.saving.serialize_keras_object(layer)["config"]["function"]


def _named_function(module, name):
    about = {"class_name": "function", "config": name, "registered_name": name}
    return {"module": module, **about}


def _object(module, class_name, **config):
    about = {"class_name": class_name, "config": config, "registered_name": None}
    return {"module": module, **about}


def _lambda_layer(function):
    return _object("keras.layers", "Lambda", name="a", function=function, arguments={})


def _wrapped(*layers):
    """A model of Keras's own that holds layers."""
    start = _object("keras.layers", "InputLayer", batch_shape=[None, 6], name="x")
    return _object("keras", "Sequential", name="a", layers=[start, *layers])


def _a_graph_that_writes():
    class Writer(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 6))])
        def __call__(self, x):
            tf.io.write_file(TRACE, "")
            return x

    writer = Writer()
    tf.saved_model.save(writer, "writer", signatures=writer.__call__)
    endpoint = {"filepath": "writer", "call_endpoint": "serving_default"}
    return _wrapped(_object("keras.layers", "TFSMLayer", name="a", **endpoint))


# What stands in for an object of a configuration.
PAYLOADS = {
    "bytecode": _bytecode,
    "a layer of bytecode": lambda: _lambda_layer(_bytecode()),
    "a function of the system": lambda: _named_function("os", "system"),
    "a class of the system": lambda: _object(
        "subprocess", "Popen", args=["touch", TRACE]
    ),
    "a module on the path": lambda: _object("foreign", "Thing"),
    "a function of a module on the path": lambda: _named_function("foreign", "function"),
    "a function that fetches files": lambda: _named_function("keras.utils", "get_file"),
    "a function that allows all": lambda: _named_function(
        "keras.config", "enable_unsafe_deserialization"
    ),
    "a layer in a model": lambda: _wrapped(_lambda_layer(_bytecode())),
    "a layer of a function of the system": lambda: _wrapped(
        _lambda_layer(_named_function("os", "system"))
    ),
    "a graph that writes": _a_graph_that_writes,
}


def be_all(config, payload):
    config.clear()
    config.update(payload)


def _in_settings(name):
    def put(config, payload):
        config["config"][name] = payload

    return put


def _in_compiled(name):
    def put(config, payload):
        config["compile_config"][name] = payload

    return put


def _in_layer(kind, name):
    def put(config, payload):
        layers = config["config"]["layers"]
        layer = next(layer for layer in layers if layer["class_name"] == kind)
        layer["config"][name] = payload

    return put


def _be_a_layer(config, payload):
    config["config"]["layers"][2] = {**payload, "name": "a", "inbound_nodes": []}


# Of which model, and where the payload is put.
PLACES = {
    "the model": ("network", be_all),
    "a regularizer": ("network", _in_settings("kernel_regularizer")),
    "a temperature": ("network", _in_settings("prior_temperature")),
    "the policy": ("network", _in_settings("dtype")),
    "the architecture": ("network", _in_settings("architecture")),
    "the estimator": ("network", _in_settings("estimator")),
    "the optimizer": ("network", _in_compiled("optimizer")),
    "a layer": ("own model", _be_a_layer),
    "an activation": ("own model", _in_layer("Dense", "activation")),
    "a temperature of a layer": (
        "own model",
        _in_layer("ConcreteSample", "temperature"),
    ),
    "an estimator of a layer": (
        "own model",
        _in_layer("MultiSampleBound", "estimator"),
    ),
    "the loss": ("own model", _in_compiled("loss")),
}
