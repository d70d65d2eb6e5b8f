"""A model of Triton's Python backend: the exported model beside this file.

`*_rows.onnx` is run by ONNX Runtime, `saved_model/` by TensorFlow. Its endpoint has a
seed for each row, so that a row's answer does not depend on the rest of its batch.
"""

from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb

HERE = Path(__file__).parent
TYPES = {f"float{bits}": f"FP{bits}" for bits in (16, 32, 64)}
TYPES |= {f"int{bits}": f"INT{bits}" for bits in (8, 16, 32, 64)}
TYPES |= {f"uint{bits}": f"UINT{bits}" for bits in (8, 16, 32, 64)}
TYPES |= {"bool": "BOOL"}
# What ONNX calls them.
ONNX_TYPES = {f"tensor({name})": name for name in TYPES}
ONNX_TYPES |= {"tensor(float)": "float32", "tensor(double)": "float64"}


def load_onnx(file):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file))
    names = [output.name for output in session.get_outputs()]
    inputs, outputs = (
        {
            t.name: (
                ONNX_TYPES[t.type],
                [d if isinstance(d, int) else -1 for d in t.shape],
            )
            for t in tensors
        }
        for tensors in (session.get_inputs(), session.get_outputs())
    )
    return inputs, outputs, lambda x: dict(zip(names, session.run(names, x), strict=True))


def load_saved_model(folder):
    import tensorflow as tf

    signatures = tf.saved_model.load(str(folder)).signatures
    (function,) = (f for name, f in signatures.items() if name.endswith("_rows"))
    inputs, outputs = (
        {name: (t.dtype.name, [d or -1 for d in t.shape]) for name, t in tensors.items()}
        for tensors in (
            function.structured_input_signature[1],
            function.structured_outputs,
        )
    )

    def call(arrays):
        answer = function(**{name: tf.constant(a) for name, a in arrays.items()})
        return {name: tensor.numpy() for name, tensor in answer.items()}

    call.keep = signatures  # which own the variables
    return inputs, outputs, call


def load():
    for file in HERE.glob("*_rows.onnx"):
        return load_onnx(file)
    return load_saved_model(HERE / "saved_model")


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(config):
        inputs, outputs, _ = load()
        for add, tensors in ((config.add_input, inputs), (config.add_output, outputs)):
            for name, (dtype, shape) in tensors.items():
                # Triton adds the batch itself, and wants one more dimension at least.
                dims = shape[1:] or [1]
                add({"name": name, "data_type": f"TYPE_{TYPES[dtype]}", "dims": dims})
        return config

    def initialize(self, args):
        self.inputs, self.outputs, self.call = load()

    def execute(self, requests):
        arrays = [self.read(request) for request in requests]
        good = [a for a in arrays if not isinstance(a, str)]
        answers, start = {}, 0
        if good:
            try:
                batch = {
                    name: np.concatenate([a[name] for a in good]) for name in self.inputs
                }
                answers = self.call(batch)
            except Exception as error:  # The server shall live on.
                arrays = [str(error)] * len(arrays)
        responses = []
        for array in arrays:
            if isinstance(array, str):
                error = pb.TritonError(array, pb.TritonError.INVALID_ARG)
                responses.append(pb.InferenceResponse([], error))
                continue
            stop = start + len(array["seeds"])
            parts = [
                pb.Tensor(name, np.ascontiguousarray(answers[name][start:stop]))
                for name in self.outputs
            ]
            responses.append(pb.InferenceResponse(parts))
            start = stop
        return responses

    def read(self, request):
        """The arrays of a request, or what is wrong with them."""
        arrays = {}
        for name, (_, shape) in self.inputs.items():
            array = pb.get_input_tensor_by_name(request, name).as_numpy()
            if not np.all(np.isfinite(array)):
                return f"Input `{name}` must be finite. Received: NaN or infinity"
            arrays[name] = array.reshape(len(array), *shape[1:])
        return arrays
