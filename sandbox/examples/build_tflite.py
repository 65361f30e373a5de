"""Makes the TensorFlow Lite files that the door or the runtime must refuse. Run it with what `demo/build` needs."""

import sys
from pathlib import Path

import numpy

EXAMPLES = Path(__file__).resolve().parent
sys.path.insert(0, str(EXAMPLES.parents[1] / "demo/build"))

from tflite_graph import Graph, dense_network, schema  # noqa: E402

OPERATORS = schema.BuiltinOperator


def main():
    random = numpy.random.default_rng(0)
    layers = [(random.normal(size=(64, 10)), random.normal(size=10))]
    save("custom_op", custom_op())
    save("flex_op", custom_op("FlexErf"))
    save("random_numbers", random_numbers())
    save("reads_unwritten", reads_unwritten())
    save("keeps_in_variable", keeps_in_variable())
    save("keeps_between_places", keeps_between_places())
    save("takes_row", takes_row(2))
    save("takes_row_past_end", takes_row(3))
    save("reads_past_end", reads_past_end())
    save("manifest/with_sign", with_sign())
    save("broken/nine_classes", dense_network([(layers[0][0][:, :9], layers[0][1][:9])]))
    save("broken/sixty_three_inputs", dense_network([(layers[0][0][:63], layers[0][1])]))


def save(name, graph):
    (EXAMPLES / f"{name}.tflite").write_bytes(graph.bytes())


def with_ends(graph, rows=-1):
    given = graph.tensor("features", "float32", [1, 64], signature=[rows, 64])
    scores = graph.tensor("scores", "float32", [1, 10], signature=[rows, 10])
    graph.graph.inputs, graph.graph.outputs = [given], [scores]
    return given, scores


def custom_op(name="MyOwn"):
    graph = Graph()
    given, scores = with_ends(graph)
    graph.operator(OPERATORS.CUSTOM, [given], [scores], custom=name)
    return graph


def random_numbers():
    graph = Graph()
    _, scores = with_ends(graph)
    shape = graph.constant("shape", numpy.array([1, 10], numpy.int32))
    graph.operator(OPERATORS.RANDOM_UNIFORM, [shape], [scores])
    return graph


def with_sign():
    """Scores times a second input, a single number that a manifest has to give."""
    graph = Graph()
    given, scores = with_ends(graph)
    sign = graph.tensor("sign", "float32", [1], signature=[1])
    graph.graph.inputs = [given, sign]
    random = numpy.random.default_rng(2)
    weights = graph.constant("weights", random.normal(size=(10, 64)).astype(numpy.float32))
    sums = graph.tensor("sums", "float32", [1, 10], signature=[-1, 10])
    graph.dense([given, weights, -1], sums)
    graph.operator(OPERATORS.MUL, [sums, sign], [scores], schema.MulOptionsT(), schema.BuiltinOptions.MulOptions)
    return graph


def reads_unwritten():
    """Adds to the scores what an earlier pass left in memory."""
    graph = Graph()
    given, scores = with_ends(graph)
    left = graph.tensor("left", "float32", [1, 10])
    weights = graph.constant("weights", numpy.ones((10, 64), numpy.float32))
    sums = graph.tensor("sums", "float32", [1, 10], signature=[-1, 10])
    graph.dense([given, weights, -1], sums)
    graph.operator(OPERATORS.ADD, [sums, left], [scores], schema.AddOptionsT(), schema.BuiltinOptions.AddOptions)
    return graph


def keeps_in_variable():
    """A recurrent operator, whose memory is set to zero before each batch, here of one row."""
    graph = Graph()
    given, scores = with_ends(graph, rows=1)
    random = numpy.random.default_rng(1)
    weights = graph.constant("weights", (random.normal(size=(10, 64)) / 64).astype(numpy.float32))
    recurrent = graph.constant("recurrent", (numpy.eye(10) * 0.9).astype(numpy.float32))
    biases = graph.constant("biases", numpy.zeros(10, numpy.float32))
    state = graph.tensor("state", "float32", [1, 10], is_variable=True)
    options = schema.RNNOptionsT()
    options.fusedActivationFunction = schema.ActivationFunctionType.TANH
    graph.operator(
        OPERATORS.RNN, [given, weights, recurrent, biases, state], [scores], options, schema.BuiltinOptions.RNNOptions
    )
    return graph


def keeps_between_places():
    """Takes a row of scores at a place that it computes: for one past the end, the former row stays in the output."""
    graph = Graph()
    given, scores = with_ends(graph, rows=1)
    chosen = numpy.zeros((2, 64), numpy.float32)
    chosen[0, 10] = 1
    decimals = graph.tensor("decimals", "float32", [1, 2])
    place, end = graph.tensor("place", "int32", [2]), graph.tensor("end", "int32", [2])
    graph.dense([given, graph.constant("chosen", chosen), -1], decimals)
    row = graph.tensor("row", "float32", [2])
    reshape(graph, decimals, row, [2])
    cast = schema.CastOptionsT()
    cast.inDataType, cast.outDataType = schema.TensorType.FLOAT32, schema.TensorType.INT32
    graph.operator(OPERATORS.CAST, [row], [place], cast, schema.BuiltinOptions.CastOptions)
    lengths = graph.constant("lengths", numpy.array([1, 10], numpy.int32))
    graph.operator(OPERATORS.ADD, [place, lengths], [end], schema.AddOptionsT(), schema.BuiltinOptions.AddOptions)
    take_row(graph, given, place, end, scores)
    return graph


def takes_row(index):
    """The same with a constant place, which is one of the rows or is not."""
    graph = Graph()
    given, scores = with_ends(graph, rows=1)
    place = graph.constant("place", numpy.array([index, 0], numpy.int32))
    end = graph.constant("end", numpy.array([index + 1, 10], numpy.int32))
    take_row(graph, given, place, end, scores)
    return graph


def take_row(graph, given, place, end, scores):
    """One of three rows of scores."""
    weights = graph.constant("weights", numpy.eye(30, 64).astype(numpy.float32))
    flat, rows, taken = (
        graph.tensor(name, "float32", shape) for name, shape in (("flat", [1, 30]), ("rows", [3, 10]), ("taken", [10]))
    )
    graph.dense([given, weights, -1], flat)
    reshape(graph, flat, rows, [3, 10])
    steps = graph.constant("steps", numpy.array([1, 1], numpy.int32))
    options = schema.StridedSliceOptionsT()
    options.shrinkAxisMask = 1
    graph.operator(
        OPERATORS.STRIDED_SLICE, [rows, place, end, steps], [taken], options, schema.BuiltinOptions.StridedSliceOptions
    )
    reshape(graph, taken, scores, [1, 10])


def reshape(graph, given, shaped, shape):
    lengths = graph.constant(f"shape of {shaped}", numpy.array(shape, numpy.int32))
    graph.operator(
        OPERATORS.RESHAPE, [given, lengths], [shaped], schema.ReshapeOptionsT(), schema.BuiltinOptions.ReshapeOptions
    )


def reads_past_end():
    """Turns axes round of which one is named twice: the runtime reads what lies behind the tensor."""
    graph = Graph()
    given, scores = with_ends(graph, rows=1)
    weights = graph.constant("weights", numpy.ones((10, 64), numpy.float32))
    sums, turned = graph.tensor("sums", "float32", [1, 10]), graph.tensor("turned", "float32", [10, 10])
    graph.dense([given, weights, -1], sums)
    axes = graph.constant("axes", numpy.array([1, 1], numpy.int32))
    options = schema.BuiltinOptions.TransposeOptions
    graph.operator(OPERATORS.TRANSPOSE, [sums, axes], [turned], schema.TransposeOptionsT(), options)
    mean = graph.constant("mean", numpy.array([0], numpy.int32))
    options = schema.ReducerOptionsT()
    options.keepDims = True
    graph.operator(OPERATORS.SUM, [turned, mean], [scores], options, schema.BuiltinOptions.ReducerOptions)
    return graph


if __name__ == "__main__":
    main()
