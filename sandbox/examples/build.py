"""Makes the example entries that must be refused or must fail: one small ONNX file per reason.

They are written for the `digits` demo: one input `features` [N, 64], ten classes. Those in `broken/` pass the checks
at the door and fail when they run; `external_data.onnx`, `custom_op.onnx` and `running_mean.onnx` are refused at
the door.

Needs only the `onnx` package; running it again writes the same bytes.
"""

from pathlib import Path

import numpy
from onnx import TensorProto, helper, numpy_helper

EXAMPLES = Path(__file__).resolve().parent

PIXELS = 64
CLASSES = 10
OPSET = 17
IR_VERSION = 8


def constant(name, values, dtype=numpy.int64):
    return numpy_helper.from_array(numpy.array(values, dtype=dtype), name)


def weights(rows, columns):
    """A linear classifier's weights; what they are does not matter here."""
    return constant("weights", numpy.eye(rows, columns), numpy.float32)


def model(
    nodes,
    initializers,
    features=("N", PIXELS),
    scores=("N", CLASSES),
    domain=None,
):
    """A model from `features` to `scores`, both float32."""
    graph = helper.make_graph(
        nodes,
        "broken",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, features)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, scores)],
        initializers,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    if domain:
        opsets.append(helper.make_opsetid(domain, 1))
    return helper.make_model(
        graph,
        opset_imports=opsets,
        ir_version=IR_VERSION,
        producer_name="leanboard-examples",
    )


def linear(scores="scores"):
    return helper.make_node("MatMul", ["features", "weights"], [scores])


def unknown_operator():
    """An operator that no version of ONNX has."""
    return model(
        [linear("raw"), helper.make_node("Teleport", ["raw"], ["scores"])],
        [weights(PIXELS, CLASSES)],
    )


def input_shape():
    """Wants 10 values per row where the competition has 64."""
    return model([linear()], [weights(10, CLASSES)], features=("N", 10))


def output_classes():
    """Scores 7 classes where the competition has 10."""
    return model([linear()], [weights(PIXELS, 7)], scores=("N", 7))


def output_rows():
    """Adds the rows of a batch together, so that one prediction comes back for all of them."""
    return model(
        [
            linear("raw"),
            helper.make_node("ReduceSum", ["raw", "rows"], ["scores"], keepdims=1),
        ],
        [weights(PIXELS, CLASSES), constant("rows", [0])],
        scores=("M", CLASSES),
    )


def output_nan():
    """Takes the square root of negative numbers: every score is NaN."""
    return model(
        [
            linear("raw"),
            helper.make_node("Abs", ["raw"], ["size"]),
            helper.make_node("Sub", ["minus_one", "size"], ["negative"]),
            helper.make_node("Sqrt", ["negative"], ["scores"]),
        ],
        [weights(PIXELS, CLASSES), constant("minus_one", -1, numpy.float32)],
    )


def run_error():
    """Takes the pixels of a row as places in a list of ten, and pixels go up to 16."""
    return model(
        [
            linear("raw"),
            helper.make_node("Cast", ["features"], ["pixels"], to=TensorProto.INT64),
            helper.make_node("Gather", ["ten", "pixels"], ["places"], name="look_up"),
            helper.make_node("ReduceSum", ["places", "columns"], ["sum"], keepdims=1),
            helper.make_node("Add", ["raw", "sum"], ["scores"]),
        ],
        [
            weights(PIXELS, CLASSES),
            constant("ten", numpy.arange(10), numpy.float32),
            constant("columns", [1]),
        ],
    )


def endless_loop():
    """A Loop of 2^63 - 1 turns: it needs next to no memory and never ends."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["going_on"]),
            helper.make_node("Add", ["sum", "one"], ["sum_out"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum", TensorProto.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("going_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum_out", TensorProto.FLOAT, []),
        ],
        [constant("one", 1, numpy.float32)],
    )
    return model(
        [
            linear("raw"),
            helper.make_node("Loop", ["turns", "forever", "zero"], ["sum"], body=body),
            helper.make_node("Add", ["raw", "sum"], ["scores"]),
        ],
        [
            weights(PIXELS, CLASSES),
            constant("turns", numpy.iinfo(numpy.int64).max),
            constant("forever", True, numpy.bool_),
            constant("zero", 0, numpy.float32),
        ],
    )


def memory_bomb():
    """Fills 8 GiB with ones. The size hangs on the input, so that no optimiser can fill it when the model is loaded."""
    return model(
        [
            linear("raw"),
            helper.make_node("ReduceSum", ["features"], ["total"], keepdims=0),
            helper.make_node("Cast", ["total"], ["whole"], to=TensorProto.INT64),
            helper.make_node("Max", ["whole", "two_billion"], ["size"]),
            helper.make_node(
                "ConstantOfShape",
                ["size"],
                ["bomb"],
                value=helper.make_tensor("one", TensorProto.FLOAT, [1], [1]),
            ),
            helper.make_node("ReduceMax", ["bomb"], ["largest"], keepdims=0),
            helper.make_node("Add", ["raw", "largest"], ["scores"]),
        ],
        [weights(PIXELS, CLASSES), constant("two_billion", [2**31])],
    )


def external_data():
    """Keeps its weights in a second file, which a submission cannot have."""
    outside = weights(PIXELS, CLASSES)
    outside.ClearField("raw_data")
    outside.data_location = TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="weights.bin")
    return model([linear()], [outside])


def custom_op():
    """Uses an operator of a domain that the runtime does not know."""
    return model(
        [
            linear("raw"),
            helper.make_node("Sharpen", ["raw"], ["scores"], domain="com.example"),
        ],
        [weights(PIXELS, CLASSES)],
        domain="com.example",
    )


def running_mean():
    """Normalises a batch in training mode: the runtime writes the mean into the model, where it outlives the run."""
    return model(
        [
            linear("raw"),
            helper.make_node(
                "BatchNormalization",
                ["raw", "ones", "zeros", "mean", "variance"],
                ["normalised", "running_mean", "running_variance"],
                training_mode=1,
            ),
            helper.make_node("Add", ["normalised", "running_mean"], ["scores"]),
        ],
        [weights(PIXELS, CLASSES)]
        + [constant(name, numpy.ones(CLASSES), numpy.float32) for name in ("ones", "variance")]
        + [constant(name, numpy.zeros(CLASSES), numpy.float32) for name in ("zeros", "mean")],
    )


def batch_mean():
    """Takes the mean of the batch off, so that a row's label depends on the rows beside it."""
    return model(
        [
            linear("raw"),
            helper.make_node("ReduceMean", ["raw"], ["mean"], axes=[0], keepdims=1),
            helper.make_node("Sub", ["raw", "mean"], ["scores"]),
        ],
        [weights(PIXELS, CLASSES)],
    )


BROKEN = [
    batch_mean,
    unknown_operator,
    input_shape,
    output_classes,
    output_rows,
    output_nan,
    run_error,
    endless_loop,
    memory_bomb,
]
REFUSED_AT_THE_DOOR = [external_data, custom_op, running_mean]


def main():
    folders = [(EXAMPLES / "broken", BROKEN), (EXAMPLES, REFUSED_AT_THE_DOOR)]
    for folder, makers in folders:
        folder.mkdir(exist_ok=True)
        for make in makers:
            path = folder / f"{make.__name__}.onnx"
            path.write_bytes(make().SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
