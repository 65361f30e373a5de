"""Makes the data and the starter entries of `demo/template`, which `leanboard competition new` writes.

The data is made up: four numbers a row, and a class that follows from them by a rule with some noise. Everything is
seeded, so that running it again with the pinned packages writes the same files. `competition.toml` and the texts are
written by hand.
"""

import csv
import os
from pathlib import Path

# Sums are taken in the same order whatever the number of cores.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy  # noqa: E402
import onnx  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

BUNDLE = Path(__file__).resolve().parents[1] / "template"

SEED = 2026
TRAIN_ROWS = 400
TEST_ROWS = 300
SAMPLE_ROWS = 20
COLUMNS = ["width", "height", "weight", "age"]
CLASSES = ["small", "medium", "large"]
OPSET = 17
# An old one, which every runtime of the last years reads.
IR_VERSION = 8


def main():
    for folder in ("data", "hidden", "starter"):
        (BUNDLE / folder).mkdir(parents=True, exist_ok=True)
    rng = numpy.random.default_rng(SEED)
    ids = numpy.sort(rng.permutation(9000)[: TRAIN_ROWS + TEST_ROWS] + 1000)
    values = rng.uniform(0, 10, (len(ids), len(COLUMNS))).round(1)
    classes = grade(values, rng)
    is_test = numpy.zeros(len(ids), dtype=bool)
    is_test[rng.permutation(len(ids))[:TEST_ROWS]] = True
    write_data(ids, values, classes, is_test, rng)
    inputs, labels = values[~is_test], classes[~is_test]
    answers = classes[is_test]
    print("most frequent class:", numpy.bincount(answers).max() / len(answers))
    for name, layers in [("linear", []), ("network", [24, 24])]:
        weights = train(inputs, labels, layers, rng)
        right = forward(values[is_test], weights)[-1].argmax(1) == answers
        print(name, right.mean())
        onnx.save(model(name, weights), BUNDLE / "starter" / f"{name}.onnx")


def grade(values, rng):
    """A third of the rows in each class, by area and weight, and old things count for less."""
    width, height, weight, age = values.T
    size = width * height + 4 * weight - 0.4 * (age - 5) ** 2 + rng.normal(0, 3, len(values))
    return numpy.searchsorted(numpy.quantile(size, [1 / 3, 2 / 3]), size)


def write_data(ids, values, classes, is_test, rng):
    rows = [[f"row-{number}", *row] for number, row in zip(ids, values.tolist())]
    labels = [CLASSES[place] for place in classes]
    train = [(row, label) for row, label, hidden in zip(rows, labels, is_test) if not hidden]
    test = [(row, label) for row, label, hidden in zip(rows, labels, is_test) if hidden]
    write("data/train.csv", ["id", *COLUMNS, "size"], [[*row, label] for row, label in train])
    write("data/sample_test.csv", ["id", *COLUMNS], [row for row, _ in train[:SAMPLE_ROWS]])
    write("data/sample_submission.csv", ["id", "size"], [[row[0], CLASSES[0]] for row, _ in test])
    write("hidden/test.csv", ["id", *COLUMNS], [row for row, _ in test])
    is_public = numpy.zeros(len(test), dtype=bool)
    is_public[rng.permutation(len(test))[: len(test) // 2]] = True
    usages = ["Public" if public else "Private" for public in is_public]
    solution = [[row[0], label, usage] for (row, label), usage in zip(test, usages)]
    write("hidden/solution.csv", ["id", "size", "Usage"], solution)


def write(path, names, rows):
    with open(BUNDLE / path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)


def forward(inputs, weights):
    """What each layer returns: linear ones with ReLU in between."""
    values = [(inputs - 5) / 5]
    for at, (matrix, offset) in enumerate(weights):
        value = values[-1] @ matrix + offset
        values.append(numpy.maximum(value, 0) if at + 1 < len(weights) else value)
    return values


def train(inputs, labels, layers, rng):
    """Gradient descent with momentum (Adam) on the softmax loss."""
    sizes = [inputs.shape[1], *layers, len(CLASSES)]
    weights = [
        [rng.normal(0, (2 / before) ** 0.5, (before, after)), numpy.zeros(after)]
        for before, after in zip(sizes, sizes[1:])
    ]
    moments = [[[numpy.zeros_like(part), numpy.zeros_like(part)] for part in layer] for layer in weights]
    wanted = numpy.eye(len(CLASSES))[labels]
    for step in range(1, 1501):
        values = forward(inputs, weights)
        scores = numpy.exp(values[-1] - values[-1].max(1, keepdims=True))
        slope = (scores / scores.sum(1, keepdims=True) - wanted) / len(inputs)
        for at in reversed(range(len(weights))):
            slopes = [values[at].T @ slope + 1e-3 * weights[at][0], slope.sum(0)]
            slope = (slope @ weights[at][0].T) * (values[at] > 0)
            for part, (gradient, moment) in enumerate(zip(slopes, moments[at])):
                moment[0] = 0.9 * moment[0] + 0.1 * gradient
                moment[1] = 0.999 * moment[1] + 0.001 * gradient**2
                mean, square = moment[0] / (1 - 0.9**step), moment[1] / (1 - 0.999**step)
                weights[at][part] = weights[at][part] - 0.01 * mean / (square**0.5 + 1e-8)
    return weights


def model(name, weights):
    """From `features` [N, 4] to one score for each class."""
    tensors, nodes = [], []

    def constant(key, value):
        tensors.append(numpy_helper.from_array(numpy.asarray(value, numpy.float32), key))
        return key

    nodes.append(helper.make_node("Sub", ["features", constant("middle", 5)], ["centred"]))
    nodes.append(helper.make_node("Div", ["centred", "middle"], ["layer_0"]))
    for at, (matrix, offset) in enumerate(weights):
        last = at + 1 == len(weights)
        result = "scores" if last else f"sum_{at}"
        inputs = [f"layer_{at}", constant(f"matrix_{at}", matrix), constant(f"offset_{at}", offset)]
        nodes.append(helper.make_node("Gemm", inputs, [result]))
        if not last:
            nodes.append(helper.make_node("Relu", [result], [f"layer_{at + 1}"]))
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", len(COLUMNS)])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["rows", len(CLASSES)])],
        tensors,
    )
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="leanboard")
    whole.ir_version = IR_VERSION
    onnx.checker.check_model(whole)
    return whole


if __name__ == "__main__":
    main()
