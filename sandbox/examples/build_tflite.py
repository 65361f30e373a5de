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


if __name__ == "__main__":
    main()
