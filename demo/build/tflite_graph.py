"""Writes TensorFlow Lite files of dense networks, with the tables of LiteRT's own package and without TensorFlow.

Run by itself, it converts the demo's small network to `small_mlp.tflite` and `small_mlp_int8.tflite`.
"""

from pathlib import Path

import flatbuffers
import numpy
from ai_edge_litert import schema_py_generated as schema

STARTER = Path(__file__).resolve().parents[1] / "digits/starter"

TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "int32": schema.TensorType.INT32,
    "int64": schema.TensorType.INT64,
    "int8": schema.TensorType.INT8,
}


class Graph:
    """A model of one graph, to which tensors and operators are added in the order in which they run."""

    def __init__(self, description=""):
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.description = description
        # By convention the first buffer is empty, and what is computed refers to it.
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.graph.inputs, self.graph.outputs = [], []
        self.graph.name = "main"
        self.model.subgraphs = [self.graph]

    def tensor(self, name, dtype, shape, signature=None, quantization=None, values=None, is_variable=False):
        """Adds a tensor and gives its number. With `values` it is constant; `quantization` is (scales, zero points)."""
        tensor = schema.TensorT()
        tensor.name, tensor.type, tensor.shape = name, TYPES[dtype], list(shape)
        tensor.shapeSignature = signature
        tensor.isVariable = is_variable
        tensor.buffer = 0
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = numpy.frombuffer(numpy.ascontiguousarray(values).tobytes(), numpy.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        if quantization is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = map(list, quantization)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def constant(self, name, values, quantization=None):
        return self.tensor(name, values.dtype.name, values.shape, quantization=quantization, values=values)

    def operator(self, kind, inputs, outputs, options=None, options_type=0, custom=None):
        """Adds an operator, by its number in `schema.BuiltinOperator`."""
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = kind, min(kind, 127), 1
        code.customCode = custom
        self.model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs, operator.outputs = inputs, outputs
        operator.builtinOptions, operator.builtinOptionsType = options, options_type
        self.graph.operators.append(operator)

    def dense(self, inputs, output, relu=False):
        options = schema.FullyConnectedOptionsT()
        activation = schema.ActivationFunctionType
        options.fusedActivationFunction = activation.RELU if relu else activation.NONE
        self.operator(
            schema.BuiltinOperator.FULLY_CONNECTED,
            inputs,
            [output],
            options,
            schema.BuiltinOptions.FullyConnectedOptions,
        )

    def sign(self, inputs, outputs):
        """Adds the signature by which programs call the graph: names of inputs and outputs."""

        def maps(names):
            for name, index in names.items():
                one = schema.TensorMapT()
                one.name, one.tensorIndex = name, index
                yield one

        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = "serving_default", 0
        signature.inputs, signature.outputs = list(maps(inputs)), list(maps(outputs))
        self.model.signatureDefs = [signature]

    def bytes(self):
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def dense_network(layers, description=""):
    """A network of layers (weights [inputs, outputs], biases) in float32, ReLU between them, scores at the end."""
    graph = Graph(description)
    width = len(layers[0][0])
    given = graph.tensor("serving_default_features", "float32", [1, width], signature=[-1, width])
    current = given
    for number, (weights, biases) in enumerate(layers):
        is_last = number == len(layers) - 1
        inputs = [
            current,
            graph.constant(f"weights_{number}", weights.T.astype(numpy.float32)),
            graph.constant(f"biases_{number}", biases.astype(numpy.float32)),
        ]
        width = len(biases)
        current = graph.tensor(f"layer_{number}", "float32", [1, width], signature=[-1, width])
        graph.dense(inputs, current, relu=not is_last)
    graph.graph.inputs, graph.graph.outputs = [given], [current]
    graph.sign({"features": given}, {"scores": current})
    return graph


def quantized_network(layers, images, description=""):
    """The same in whole numbers throughout: int8 weights, one scale per output; int8 activations, scaled by what the
    images make of them; int32 biases."""
    graph = Graph(description)
    values = images.astype(numpy.float64)
    scale, zero = activation_scale(values)
    width = values.shape[1]
    given = graph.tensor(
        "serving_default_features", "int8", [1, width], signature=[-1, width], quantization=([scale], [zero])
    )
    current = given
    for number, (weights, biases) in enumerate(layers):
        is_last = number == len(layers) - 1
        # A neuron that nothing leads to has no scale of its own.
        weight_scales = numpy.maximum(numpy.abs(weights).max(axis=0), 1e-6) / 127
        whole = numpy.rint(weights / weight_scales).astype(numpy.int8).T
        bias_scales = weight_scales * scale
        whole_biases = numpy.rint(biases / bias_scales).astype(numpy.int32)
        weight_quantization = schema_scales(weight_scales)
        inputs = [
            current,
            graph.constant(f"weights_{number}", whole, weight_quantization),
            graph.constant(f"biases_{number}", whole_biases, schema_scales(bias_scales)),
        ]
        values = values @ weights + biases
        if not is_last:
            values = numpy.maximum(values, 0)
        scale, zero = activation_scale(values)
        width = len(biases)
        current = graph.tensor(
            f"layer_{number}", "int8", [1, width], signature=[-1, width], quantization=([scale], [zero])
        )
        graph.dense(inputs, current, relu=not is_last)
    graph.graph.inputs, graph.graph.outputs = [given], [current]
    graph.sign({"features": given}, {"scores": current})
    return graph


def activation_scale(values):
    """Scale and zero point that spread these values over the 256 numbers of int8, with 0 among them."""
    low, high = min(values.min(), 0.0), max(values.max(), 0.0)
    scale = (high - low) / 255
    return float(scale), int(numpy.rint(-128 - low / scale))


def schema_scales(scales):
    return [float(scale) for scale in scales], [0] * len(scales)


def convert_starter():
    import csv

    import onnx
    from onnx import numpy_helper

    model = onnx.load(STARTER / "small_mlp.onnx")
    weights = {one.name: numpy_helper.to_array(one).astype(numpy.float64) for one in model.graph.initializer}
    layers = [
        (weights["coefficient"], weights["intercepts"].ravel()),
        (weights["coefficient1"], weights["intercepts1"].ravel()),
    ]
    with open(STARTER.parent / "data/train.csv", newline="") as file:
        rows = list(csv.reader(file))[1:]
    images = numpy.array([row[1:-1] for row in rows], dtype=numpy.float64)
    (STARTER / "small_mlp.tflite").write_bytes(dense_network(layers, "small_mlp.onnx, converted").bytes())
    (STARTER / "small_mlp_int8.tflite").write_bytes(
        quantized_network(layers, images, "small_mlp.onnx, in int8").bytes()
    )


if __name__ == "__main__":
    convert_starter()
