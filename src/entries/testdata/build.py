"""Makes the small real models that the door check is tested with; needs onnx, onnxruntime, scikit-learn and skl2onnx."""

import tempfile
from pathlib import Path

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import quantize_dynamic
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

FOLDER = Path(__file__).resolve().parent


def zipmap():
    """What skl2onnx makes of a classifier by default."""
    rows = numpy.arange(12, dtype=numpy.float32).reshape(4, 3)
    model = LogisticRegression().fit(rows, ["no", "no", "yes", "yes"])
    return to_onnx(model, rows[:1], target_opset={"": 17, "ai.onnx.ml": 3})


def linear(ir_version=8, weights_are_inputs=False):
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 3])]
    if weights_are_inputs:
        inputs.append(helper.make_tensor_value_info("weights", TensorProto.FLOAT, [3, 2]))
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["features", "weights"], ["scores"])],
        "linear",
        inputs,
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(numpy.eye(3, 2, dtype=numpy.float32), "weights")],
    )
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 12)],
        ir_version=ir_version,
        producer_name="testdata",
    )


def weights_as_inputs():
    """What exporters made in the days of IR version 3."""
    return linear(ir_version=3, weights_are_inputs=True)


def int8():
    """What onnxruntime's quantisation makes."""
    with tempfile.TemporaryDirectory() as folder:
        plain, quantized = Path(folder, "plain.onnx"), Path(folder, "int8.onnx")
        onnx.save(linear(), plain)
        quantize_dynamic(plain, quantized)
        return onnx.load(quantized)


def branch_and_function():
    """A graph inside a graph, and an operator that the model explains itself."""
    def branch(value):
        constant = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(
            numpy.full(2, value, dtype=numpy.float32)))
        return helper.make_graph([constant], "branch", [], [
            helper.make_tensor_value_info("c", TensorProto.FLOAT, [2])])
    own = "com.example.own"
    function = helper.make_function(
        own, "Twice", ["x"], ["y"], [helper.make_node("Add", ["x", "x"], ["y"])],
        [helper.make_opsetid("", 17)])
    graph = helper.make_graph(
        [
            helper.make_node("If", ["flag"], ["c"], then_branch=branch(1), else_branch=branch(2)),
            helper.make_node("Twice", ["c"], ["scores"], domain=own),
        ],
        "branch",
        [helper.make_tensor_value_info("flag", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [2])],
    )
    return helper.make_model(
        graph,
        functions=[function],
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(own, 1)],
        ir_version=8,
    )


def main():
    for make in (zipmap, weights_as_inputs, int8, branch_and_function):
        path = FOLDER / f"{make.__name__}.onnx"
        path.write_bytes(make().SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
