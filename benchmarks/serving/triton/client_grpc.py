import sys

import numpy as np
import tritonclient.grpc as triton

client = triton.InferenceServerClient(sys.argv[1] if sys.argv[1:] else "localhost:8001")
x = triton.InferInput("x", (2, 784), "FP32")
x.set_data_from_numpy(np.zeros((2, 784), "float32"))
seeds = triton.InferInput("seeds", (2, 1), "INT32")
seeds.set_data_from_numpy(np.array([[1], [2]], "int32"))
print(client.infer("onnx", [x, seeds]).as_numpy("codes_1"))
