"""Makes models that need a manifest, out of the demo's smallest network: one ONNX file each, for the tests to zip.

Needs only the `onnx` package; running it again writes the same bytes.
"""

from pathlib import Path

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

EXAMPLES = Path(__file__).resolve().parent
NETWORK = EXAMPLES.parents[1] / "demo/digits/starter/small_mlp.onnx"
# The most rows that `at_most_forty` can be given at once.
ROWS = 40


def network():
    """The network up to the probabilities, its own graph to be added to."""
    model = onnx.load(NETWORK)
    graph = model.graph
    last = [node.output[0] for node in graph.node].index("probabilities")
    del graph.node[last + 1 :]
    del graph.output[:]
    return model


def constant(graph, name, values, dtype):
    graph.initializer.append(numpy_helper.from_array(numpy.array(values, dtype=dtype), name))
    return name


def add(graph, operator, inputs, output, **attributes):
    graph.node.append(helper.make_node(operator, inputs, [output], **attributes))
    return output


def output(graph, name, shape=("N", 10)):
    graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))


def at_most_forty():
    """Takes a place in a list of forty for each row, and says so no other way: a larger batch fails."""
    model = network()
    graph = model.graph
    add(graph, "Shape", ["features"], "axes")
    add(graph, "Gather", ["axes", constant(graph, "first", 0, numpy.int64)], "rows")
    add(graph, "Sub", ["rows", constant(graph, "one", 1, numpy.int64)], "place")
    add(graph, "Gather", [constant(graph, "places", numpy.zeros(ROWS), numpy.float32), "place"], "nothing")
    add(graph, "Add", ["probabilities", "nothing"], "scores")
    output(graph, "scores")
    return model


def odd_inputs():
    """Three inputs that no array is named like: the pixels, a switch that spoils all, and two numbers a row."""
    model = network()
    graph = model.graph
    for node in graph.node:
        node.input[:] = ["X:0" if name == "features" else name for name in node.input]
    del graph.input[:]
    graph.input.extend(
        [
            helper.make_tensor_value_info("X:0", TensorProto.FLOAT, ("N", 1, 8, 8)),
            helper.make_tensor_value_info("is training", TensorProto.BOOL, (1,)),
            helper.make_tensor_value_info("weights", TensorProto.FLOAT, ("N", 2)),
        ]
    )
    # The network wants rows of 64.
    add(graph, "Reshape", ["X:0", constant(graph, "flat", [0, 64], numpy.int64)], "pixels")
    graph.node.insert(0, graph.node.pop())
    for node in list(graph.node)[1:]:
        node.input[:] = ["pixels" if name == "X:0" else name for name in node.input]
    add(graph, "Cast", ["is training"], "spoils", to=TensorProto.FLOAT)
    add(graph, "Sub", [constant(graph, "one", 1, numpy.float32), "spoils"], "keeps")
    add(graph, "Mul", ["probabilities", "keeps"], "kept")
    add(graph, "ReduceSum", ["weights", constant(graph, "columns", [1], numpy.int64)], "weight", keepdims=1)
    add(graph, "Mul", ["kept", "weight"], "scores")
    output(graph, "scores")
    return model


def two_outputs():
    """The scores, and before them the scores the wrong way round."""
    model = network()
    graph = model.graph
    add(graph, "Neg", ["probabilities"], "wrong")
    add(graph, "Identity", ["probabilities"], "right")
    output(graph, "wrong")
    output(graph, "right")
    return model


def how_high():
    """How likely the digit is five or more: one number for each row, and its logit."""
    model = network()
    graph = model.graph
    high = constant(graph, "high", [[0.0]] * 5 + [[1.0]] * 5, numpy.float32)
    low = constant(graph, "low", [[1.0]] * 5 + [[0.0]] * 5, numpy.float32)
    add(graph, "MatMul", ["probabilities", high], "likely")
    add(graph, "MatMul", ["probabilities", low], "unlikely")
    # No logarithm of 0.
    tiny = constant(graph, "tiny", 1e-6, numpy.float32)
    add(graph, "Log", [add(graph, "Add", ["likely", tiny], "likely_at_all")], "log_likely")
    add(graph, "Log", [add(graph, "Add", ["unlikely", tiny], "unlikely_at_all")], "log_unlikely")
    add(graph, "Sub", ["log_likely", "log_unlikely"], "logit")
    add(graph, "Concat", ["log_unlikely", "log_likely"], "logits", axis=1)
    output(graph, "likely", ("N", 1))
    output(graph, "logit", ("N", 1))
    output(graph, "logits", ("N", 2))
    return model


def eight_rows():
    """Fixes how many rows it takes at once."""
    model = network()
    graph = model.graph
    graph.input[0].type.tensor_type.shape.dim[0].dim_value = 8
    add(graph, "Identity", ["probabilities"], "scores")
    output(graph, "scores", (8, 10))
    return model


def main():
    for build in (at_most_forty, odd_inputs, two_outputs, how_high, eight_rows):
        model = build()
        onnx.checker.check_model(model, full_check=True)
        path = EXAMPLES / "manifest" / f"{build.__name__}.onnx"
        path.write_bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
