"""Makes a family of the demo `digits`' big network, one entry for each technique: pruned by neurons and by weights,
factored, quantised in part and throughout, converted, distilled.

It starts from the committed `big_mlp.onnx` and `data/train.csv`, so that nothing that exists is trained again. It is
seeded, as `digits.py` is. The ONNX files keep the graphs that they were made from, and differ in nothing but what the
technique changes.
"""

import csv
import os

# As in `digits.py`: before onnxruntime and numpy are imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy  # noqa: E402
import onnx  # noqa: E402
from onnx import helper, numpy_helper  # noqa: E402
from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: E402

from digits import BUNDLE, PIXEL_MAX, SEED, Rows, distorted  # noqa: E402
from tflite_graph import dense_network, quantized_network  # noqa: E402

STARTER = BUNDLE / "starter"
BIG = STARTER / "big_mlp.onnx"
SMALL = STARTER / "small_mlp.onnx"

KEPT_NEURONS = 128
KEPT_WEIGHTS = 0.1
RANK = 48
STUDENT_NEURONS = 48
# Probabilities of the teacher are flattened, so that the student sees what a digit nearly was.
TEMPERATURE = 2.0

BATCH = 64
WEIGHT_DECAY = 1e-5


def main():
    train = read_train()
    big = read_layers(BIG)
    images, labels = distorted(train, copies=8)
    images = images / PIXEL_MAX
    truth = numpy.eye(10)[labels]

    save(prune_neurons(big, images, truth), BIG, "big_mlp_pruned.onnx")
    save(prune_weights(big, images, truth), BIG, "big_mlp_sparse.onnx")
    save(factor(big), BIG, "big_mlp_low_rank.onnx", edit=add_factor)
    quantize_middle("big_mlp_middle_int8.onnx")
    convert(big, train)

    images, _ = distorted(train, copies=20)
    images = images / PIXEL_MAX
    save(distil(big, images), SMALL, "student.onnx")


def read_train():
    with open(BUNDLE / "data/train.csv", newline="") as file:
        rows = list(csv.reader(file))[1:]
    ids = numpy.array([row[0] for row in rows])
    values = numpy.array([row[1:] for row in rows], dtype=numpy.int64)
    return Rows(ids, values[:, :-1], values[:, -1])


def read_layers(path):
    """Weights and biases, layer by layer, for images scaled to at most 1; the division by 16 is exact."""
    tensors = {one.name: numpy_helper.to_array(one).astype(float) for one in onnx.load(path).graph.initializer}
    layers = []
    for name in ("", "1", "2"):
        layers.append([tensors[f"coefficient{name}"], tensors[f"intercepts{name}"].ravel()])
    layers[0][0] *= PIXEL_MAX
    return layers


def prune_neurons(layers, images, truth):
    """Leaves the hidden neurons that matter most: by how much they vary, and how much comes of it."""
    layers = [[weights.copy(), biases.copy()] for weights, biases in layers]
    activations = forward(layers, images)
    for number in range(len(layers) - 1):
        spread = activations[number + 1].std(axis=0)
        importance = spread * numpy.linalg.norm(layers[number + 1][0], axis=1)
        kept = numpy.sort(numpy.argsort(-importance, kind="stable")[:KEPT_NEURONS])
        layers[number] = [layers[number][0][:, kept], layers[number][1][kept]]
        layers[number + 1][0] = layers[number + 1][0][kept]
    return tune(layers, images, truth, epochs=8)


def prune_weights(layers, images, truth):
    """Sets the smallest weights of each layer to zero and leaves their places; they stay zero in the tuning."""
    layers = [[weights.copy(), biases.copy()] for weights, biases in layers]
    masks = []
    for weights, _ in layers:
        masks.append(numpy.abs(weights) > numpy.quantile(numpy.abs(weights), 1 - KEPT_WEIGHTS))
        weights *= masks[-1]
    return tune(layers, images, truth, epochs=8, masks=masks)


def factor(layers):
    """The 640 × 640 weights in the middle as the product of two narrow ones, by singular values."""
    (left, singular, right) = numpy.linalg.svd(layers[1][0], full_matrices=False)
    root = numpy.sqrt(singular[:RANK])
    factors = [[left[:, :RANK] * root, None], [root[:, None] * right[:RANK], layers[1][1]]]
    return [layers[0], *factors, layers[2]]


def distil(teacher, images):
    """A small network that is trained on what the big one says of images, and never on a label."""
    random = numpy.random.default_rng(SEED)
    widths = [images.shape[1], STUDENT_NEURONS, 10]
    student = [
        [random.uniform(-1, 1, (before, after)) * numpy.sqrt(6 / (before + after)), numpy.zeros(after)]
        for before, after in zip(widths, widths[1:])
    ]
    targets = numpy.concatenate(
        [softmax(forward(teacher, part)[-1] / TEMPERATURE) for part in numpy.array_split(images, 20)]
    )
    student = tune(student, images, targets, epochs=30, rate=2e-3)
    return student


def forward(layers, values):
    """What comes in and what each layer makes of it, the last without its softmax."""
    found = [values]
    for number, (weights, biases) in enumerate(layers):
        values = values @ weights + biases
        if number < len(layers) - 1:
            values = numpy.maximum(values, 0)
        found.append(values)
    return found


def softmax(scores):
    powers = numpy.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def tune(layers, images, targets, epochs, rate=5e-4, masks=None):
    """Trains on by Adam, the rate falling to nothing; with `masks`, only weights that these let through."""
    random = numpy.random.default_rng(SEED)
    layers = [[part.astype(numpy.float32) for part in layer] for layer in layers]
    images, targets = images.astype(numpy.float32), targets.astype(numpy.float32)
    means = [[numpy.zeros_like(part) for part in layer] for layer in layers]
    squares = [[numpy.zeros_like(part) for part in layer] for layer in layers]
    steps, step = epochs * (len(images) // BATCH), 0
    for _ in range(epochs):
        order = random.permutation(len(images))
        for chosen in order[: len(order) // BATCH * BATCH].reshape(-1, BATCH):
            step += 1
            slowed = rate * (1 - (step - 1) / steps)
            for number, gradients in slopes(layers, images[chosen], targets[chosen]):
                if masks is not None:
                    gradients[0] *= masks[number]
                for part, gradient, mean, square in zip(layers[number], gradients, means[number], squares[number]):
                    mean += 0.1 * (gradient - mean)
                    square += 0.001 * (gradient**2 - square)
                    part -= slowed * (mean / (1 - 0.9**step)) / (numpy.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return layers


def slopes(layers, images, targets):
    """The gradients of the cross-entropy, from the last layer to the first."""
    activations = forward(layers, images)
    slope = (softmax(activations[-1]) - targets) / len(images)
    for number in reversed(range(len(layers))):
        weights = layers[number][0]
        gradients = [activations[number].T @ slope + WEIGHT_DECAY * weights, slope.sum(axis=0)]
        if number:
            slope = (slope @ weights.T) * (activations[number] > 0)
        yield number, gradients


def save(layers, original, name, edit=None):
    """Puts the layers into the graph of another model."""
    model = onnx.load(original)
    layers = [list(layer) for layer in layers]
    layers[0][0] = layers[0][0] / PIXEL_MAX
    if edit is not None:
        layers = edit(model.graph, layers)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for number, (weights, biases) in enumerate(layers):
        suffix = number or ""
        replace(tensors[f"coefficient{suffix}"], weights)
        replace(tensors[f"intercepts{suffix}"], biases[None])
    model.graph.name = name.removesuffix(".onnx")
    write(model, name)


def replace(tensor, values):
    tensor.CopyFrom(numpy_helper.from_array(numpy.ascontiguousarray(values, numpy.float32), tensor.name))


def add_factor(graph, layers):
    """Multiplies by the first factor before the graph's own second product, which takes the other one."""
    first, (narrow, _), (wide, biases), last = layers
    product = next(node for node in graph.node if "coefficient1" in node.input)
    factor = helper.make_node("MatMul", [product.input[0], "factor"], ["factored"], "Factor")
    graph.node.insert(list(graph.node).index(product), factor)
    # Inserting has copied the nodes behind it.
    next(node for node in graph.node if "coefficient1" in node.input).input[0] = "factored"
    graph.initializer.append(numpy_helper.from_array(narrow.astype(numpy.float32), "factor"))
    return [first, [wide, biases], last]


def quantize_middle(name):
    """As `digits.py` quantises the whole network, but only the product of 640 × 640."""
    quantize_dynamic(
        BIG,
        STARTER / name,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        nodes_to_quantize=["MatMul1"],
    )
    write(onnx.load(STARTER / name), name)


def convert(layers, train):
    first = [layers[0][0] / PIXEL_MAX, layers[0][1]]
    layers = [first, *layers[1:]]
    (STARTER / "big_mlp.tflite").write_bytes(dense_network(layers, "big_mlp.onnx, converted").bytes())
    whole = quantized_network(layers, train.images, "big_mlp.onnx, in int8")
    (STARTER / "big_mlp_int8.tflite").write_bytes(whole.bytes())


def write(model, name):
    onnx.checker.check_model(model)
    (STARTER / name).write_bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
