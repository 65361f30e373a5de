"""Makes the demo competition `digits`: splits scikit-learn's handwritten digits, and trains the starter entries.

Everything is seeded, so that running it again with the pinned packages on the same kind of processor writes the same
files. `competition.toml` and the texts are written by hand.
"""

import csv
import os
import warnings
from pathlib import Path

# Must be set before onnxruntime is imported: its wheel collects usage for its maker.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# Sums are taken in the same order whatever the number of cores.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy  # noqa: E402
import onnx  # noqa: E402
from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: E402
from scipy.ndimage import affine_transform  # noqa: E402
from skl2onnx import convert_sklearn  # noqa: E402
from skl2onnx.common.data_types import FloatTensorType  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402
from sklearn.ensemble import RandomForestClassifier  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402
from sklearn.neural_network import MLPClassifier  # noqa: E402
from sklearn.svm import SVC  # noqa: E402

BUNDLE = Path(__file__).resolve().parents[1] / "digits"

SEED = 2026
TEST_ROWS = 797
PUBLIC_SHARE = 0.4
SAMPLE_ROWS = 50
SIDE = 8
PIXEL_MAX = 16
OPSET = {"": 17, "ai.onnx.ml": 3}

PIXELS = [f"pixel_{row}_{column}" for row in range(SIDE) for column in range(SIDE)]


def main():
    for folder in ("data", "hidden", "starter"):
        (BUNDLE / folder).mkdir(parents=True, exist_ok=True)
    train, test = split()
    write_data(train, test)
    write_starters(train)


class Rows:
    """Images with their ids and labels, in the order of their ids."""

    def __init__(self, ids, images, labels):
        order = numpy.argsort(ids)
        self.ids, self.images, self.labels = ids[order], images[order], labels[order]

    def take(self, chosen):
        return Rows(self.ids[chosen], self.images[chosen], self.labels[chosen])


def split():
    """Train and test rows; the ids are dealt out at random, so that they tell neither the label nor the split."""
    images, labels = load_digits(return_X_y=True)
    numbers = numpy.random.default_rng(SEED).permutation(len(labels)) + 1
    ids = numpy.array([f"digit_{number:04}" for number in numbers])
    rows = Rows(ids, images.astype(numpy.int64), labels)
    train, test = train_test_split(
        numpy.arange(len(ids)),
        test_size=TEST_ROWS,
        stratify=rows.labels,
        random_state=SEED,
    )
    return rows.take(train), rows.take(test)


def write_data(train, test):
    data, hidden = BUNDLE / "data", BUNDLE / "hidden"
    _, sample = train_test_split(
        numpy.arange(len(train.ids)),
        test_size=SAMPLE_ROWS,
        stratify=train.labels,
        random_state=SEED,
    )
    _, public = train_test_split(
        numpy.arange(len(test.ids)),
        test_size=PUBLIC_SHARE,
        stratify=test.labels,
        random_state=SEED,
    )
    usage = numpy.full(len(test.ids), "Private", dtype=object)
    usage[public] = "Public"

    write_csv(data / "train.csv", ["id", *PIXELS, "label"], lines(train, labels=True))
    write_csv(data / "sample_test.csv", ["id", *PIXELS], lines(train.take(sample)))
    write_csv(
        data / "sample_submission.csv", ["id", "label"], [(id, 0) for id in test.ids]
    )
    write_csv(hidden / "test.csv", ["id", *PIXELS], lines(test))
    write_csv(
        hidden / "solution.csv",
        ["id", "label", "Usage"],
        zip(test.ids, test.labels, usage),
    )


def lines(rows, labels=False):
    for id, image, label in zip(rows.ids, rows.images, rows.labels):
        yield [id, *image, label] if labels else [id, *image]


def write_csv(path, header, lines):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)


def write_starters(train):
    """The entries that the demo's board opens with, from cheap to dear."""
    starter = BUNDLE / "starter"

    model = LogisticRegression(C=0.01, max_iter=2000)
    save(model.fit(train.images, train.labels), starter / "logistic_regression.onnx")

    save(perceptron(train, (32,), copies=20, epochs=30), starter / "small_mlp.onnx")

    save(perceptron(train, (640, 640), copies=8, epochs=15), starter / "big_mlp.onnx")
    quantize(starter / "big_mlp.onnx", starter / "big_mlp_int8.onnx")

    model = SVC(C=10, gamma=0.2 / PIXEL_MAX**2)
    save(model.fit(train.images, train.labels), starter / "svc.onnx")

    model = RandomForestClassifier(60, max_leaf_nodes=120, random_state=SEED)
    save(
        model.fit(train.images, train.labels),
        starter / "random_forest.onnx",
        zipmap=True,
    )


def perceptron(train, layers, copies, epochs):
    """A perceptron trained on the images and on distorted copies of them, scaled to at most 1.

    The first layer then takes the scaling in, so that the model eats pixels as they come.
    """
    images, labels = distorted(train, copies)
    model = MLPClassifier(layers, alpha=1e-4, batch_size=64, max_iter=epochs, random_state=SEED)
    with warnings.catch_warnings():
        # The number of epochs is what we want; that it could go on is no news.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(images / PIXEL_MAX, labels)
    model.coefs_[0] /= PIXEL_MAX
    return model


def distorted(rows, copies):
    """The images, and `copies` of each that are turned, stretched, slanted and moved a little."""
    random = numpy.random.default_rng(SEED)
    center = numpy.full(2, (SIDE - 1) / 2)
    images = [rows.images]
    for _ in range(copies):
        for image in rows.images.reshape(-1, SIDE, SIDE).astype(float):
            angle, slant = random.normal(0, 0.1), random.normal(0, 0.1)
            matrix = numpy.array(
                [
                    [numpy.cos(angle), slant - numpy.sin(angle)],
                    [numpy.sin(angle), numpy.cos(angle)],
                ]
            ) * random.normal(1, 0.1, 2)
            offset = center - matrix @ center + random.normal(0, 0.3, 2)
            image = affine_transform(image, matrix, offset, order=1)
            images.append(image.reshape(1, -1))
    return numpy.concatenate(images), numpy.tile(rows.labels, copies + 1)


def save(model, path, zipmap=False):
    """Converts a model to one ONNX file that takes the pixels as float32 and returns `label` and probabilities."""
    converted = convert_sklearn(
        model,
        name=path.stem,
        initial_types=[("features", FloatTensorType([None, len(PIXELS)]))],
        options={id(model): {"zipmap": zipmap}},
        target_opset=OPSET,
    )
    # The converter keeps the domains in a set, whose order changes from run to run.
    converted.opset_import.sort(key=lambda opset: opset.domain)
    path.write_bytes(converted.SerializeToString(deterministic=True))


def quantize(path, quantized_path):
    """Turns the weights into int8, of seven bits, so that processors without VNNI do not overflow."""
    quantize_dynamic(
        path,
        quantized_path,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
    )
    model = onnx.load(quantized_path)
    quantized_path.write_bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
