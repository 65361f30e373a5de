"""Reads the predictions of each row from the output that holds them, and writes them down."""

import csv
from collections import Counter

import numpy

from manifest import Manifest
from protocol import Refused
from tensors import Tensor, dtype_name, show_list, show_shape

# What the runtime says of an output that is a list of one dictionary per row, as scikit-learn's ZipMap makes.
ZIPMAP = "seq(map("
# How far the probabilities of a row may be from 1 together: float16 has three digits.
SUM_TOLERANCE = 1e-3


def prediction_reader(tensor, task, manifest=Manifest()):
    """What turns the chosen output into predictions for a task: for each row a list, with a cell for each column."""
    if task.kind == "label" and manifest.threshold is not None:
        return ThresholdReader(tensor, task.classes, manifest.threshold)
    if task.kind == "label":
        return LabelReader(tensor, task.classes)
    if task.kind == "probability":
        return ProbabilityReader(tensor, task.classes, manifest.activation)
    return ValueReader(tensor, len(task.columns))


class LabelReader:
    """Predictions of one label out of a list, from the labels themselves or from one score per class."""

    def __init__(self, tensor, classes):
        self._tensor = tensor
        self._classes = classes
        if not _is_zipmap(tensor):
            self._check_kind(tensor)
            if tensor.shape:
                self._check_shape(tensor)

    def predictions(self, chunks, rows):
        """One label per row, as text.

        `chunks` has what each batch returned, with the number of rows that were fed.
        """
        if _is_zipmap(self._tensor):
            return self._zipmap_labels(chunks, rows)
        values = _joined(self._tensor, chunks, rows)
        actual = _actual(self._tensor, values)
        self._check_kind(actual)
        self._check_shape(actual)
        if values.dtype.kind == "f":
            _check_finite(self._tensor, values)
            return [[self._classes[index]] for index in values.argmax(axis=1)]
        return self._known(map(str, values.astype(object).ravel()))

    def _check_kind(self, tensor):
        if _kind(tensor) not in ("float", "integer", "text"):
            raise Refused(
                "output_kind",
                f"Output {tensor} cannot be read as a label. {self._fix()}",
            )

    def _check_shape(self, tensor):
        per_row = tensor.shape[1:]
        if _kind(tensor) != "float":
            if per_row not in ((), (1,)) and not _free(per_row):
                raise Refused(
                    "output_shape",
                    f"Output {tensor} has more than one label per row. {self._fix()}",
                )
            return
        if per_row in ((), (1,)):
            raise Refused(
                "output_kind",
                f"Output {tensor} is one number per row, which does not say where one class ends and the next begins. "
                f"{self._fix()}",
            )
        if len(per_row) != 1:
            raise Refused(
                "output_shape",
                f"Output {tensor} is not one score per class and row. {self._fix()}",
            )
        if not _free(per_row) and per_row != (len(self._classes),):
            raise Refused(
                "output_classes",
                f"Output {tensor} scores {per_row[0]} classes, but the competition has {len(self._classes)}. "
                f"{self._fix()}",
            )

    def _zipmap_labels(self, chunks, rows):
        labels, nonfinite = [], 0
        for returned, fed in chunks:
            _check_rows(self._tensor, len(returned), fed)
            for scores in returned:
                nonfinite += sum(not numpy.isfinite(score) for score in scores.values())
                labels.append(str(max(scores, key=scores.get)) if scores else "")
        if nonfinite:
            _refuse_nonfinite(self._tensor, nonfinite)
        return self._known(labels[:rows])

    def _known(self, labels):
        labels = list(labels)
        counts = Counter(labels)
        unknown = sum(count for label, count in counts.items() if label not in set(self._classes))
        if unknown:
            raise Refused(
                "output_classes",
                f"{unknown} of {len(labels)} labels in output {self._tensor} are not in the competition's list of "
                f"classes: {show_list(self._classes)}. Train on the labels as they stand in the training data.",
            )
        return [[label] for label in labels]

    def _fix(self):
        return (
            "Return [N] or [N, 1] integers or text from the list of classes, or one float score per class, "
            f"[N, {len(self._classes)}], in this order: {show_list(self._classes)}."
        )


class ThresholdReader:
    """Predictions of one of two labels, from one number per row: the second from the threshold on."""

    def __init__(self, tensor, classes, threshold):
        self._tensor = tensor
        self._classes = classes
        self._threshold = threshold
        self._check_kind(tensor)
        if tensor.shape:
            self._check_shape(tensor)

    def predictions(self, chunks, rows):
        """One label per row, as text. The threshold is rounded to the type of the output."""
        values = _joined(self._tensor, chunks, rows)
        actual = _actual(self._tensor, values)
        self._check_kind(actual)
        self._check_shape(actual)
        _check_finite(self._tensor, values)
        is_second = values.ravel() >= values.dtype.type(self._threshold)
        return [[self._classes[int(second)]] for second in is_second]

    def _check_kind(self, tensor):
        if _kind(tensor) != "float":
            raise Refused("output_kind", f"Output {tensor} is no float that a threshold could stand beside. {_ONE_FLOAT}")

    def _check_shape(self, tensor):
        per_row = tensor.shape[1:]
        if per_row not in ((), (1,)) and not _free(per_row):
            raise Refused("output_shape", f"Output {tensor} has more than one number per row. {_ONE_FLOAT}")


_ONE_FLOAT = "With a threshold in the manifest, return one float per row, [N] or [N, 1]."


class ProbabilityReader:
    """Predictions of how likely each class is: a cell for each, or of two classes the second one's alone.

    An `activation` makes probabilities of the output first: "softmax" of a score for each class, "sigmoid" of one
    number per row.
    """

    def __init__(self, tensor, classes, activation=None):
        self._tensor = tensor
        self._classes = classes
        self._activation = activation
        if not _is_zipmap(tensor):
            self._check_kind(tensor)
            if tensor.shape:
                self._check_shape(tensor)

    def predictions(self, chunks, rows):
        """The probabilities of each row, as decimals."""
        values = self._zipmap_values(chunks, rows) if _is_zipmap(self._tensor) else self._values(chunks, rows)
        _check_finite(self._tensor, values)
        values = self._activated(values)
        self._check_probabilities(values)
        if len(self._classes) == 2:
            values = values.reshape(len(values), -1)[:, -1:]
        return values.astype(str).tolist()

    def _values(self, chunks, rows):
        values = _joined(self._tensor, chunks, rows)
        actual = _actual(self._tensor, values)
        self._check_kind(actual)
        self._check_shape(actual)
        return values

    def _activated(self, values):
        if self._activation is None:
            return values
        is_single = values.ndim == 1 or values.shape[1] == 1
        if is_single != (self._activation == "sigmoid"):
            raise Refused(
                "output_shape",
                f"Output {_actual(self._tensor, values)} does not go with the manifest's activation "
                f"'{self._activation}': a softmax is taken of one score per class, [N, {len(self._classes)}], a "
                "sigmoid of one number per row, [N] or [N, 1].",
            )
        return _sigmoid(values) if is_single else _softmax(values)

    def _zipmap_values(self, chunks, rows):
        filled = []
        for returned, fed in chunks:
            _check_rows(self._tensor, len(returned), fed)
            for scores in returned:
                by_class = {str(label): score for label, score in scores.items()}
                if set(by_class) != set(self._classes):
                    raise Refused(
                        "output_classes",
                        f"Output {self._tensor} has other classes than the competition's: "
                        f"{show_list(self._classes)}. Train on the labels as they stand in the training data.",
                    )
                filled.append([by_class[label] for label in self._classes])
        return numpy.array(filled[:rows], dtype=numpy.float64)

    def _check_kind(self, tensor):
        if _kind(tensor) != "float":
            raise Refused("output_kind", f"Output {tensor} cannot be read as probabilities. {self._fix()}")

    def _check_shape(self, tensor):
        per_row = tensor.shape[1:]
        if _free(per_row) or per_row == (len(self._classes),):
            return
        if len(self._classes) == 2 and per_row in ((), (1,)):
            return
        code = "output_classes" if len(per_row) == 1 else "output_shape"
        raise Refused(code, f"Output {tensor} is not one probability per class and row. {self._fix()}")

    def _check_probabilities(self, values):
        outside = int(((values < 0) | (values > 1)).sum())
        if outside:
            raise Refused(
                "output_not_proba",
                f"Output {self._tensor} has {outside} values that are no probabilities, below 0 or above 1. End the "
                "model with a softmax or a sigmoid, or set the manifest's activation.",
            )
        if values.ndim == 2 and values.shape[1] > 1:
            wrong = int((numpy.abs(values.sum(axis=1, dtype=numpy.float64) - 1) > SUM_TOLERANCE).sum())
            if wrong:
                raise Refused(
                    "output_not_proba",
                    f"Output {self._tensor} has {wrong} rows whose probabilities do not add up to 1. End the model "
                    "with a softmax, or set the manifest's activation.",
                )

    def _fix(self):
        last = "" if len(self._classes) > 2 else ", or [N] or [N, 1] with that of the last"
        return (
            f"Return one float probability per class, [N, {len(self._classes)}], in this order: "
            f"{show_list(self._classes)}{last}."
        )


class ValueReader:
    """Predictions of one number per row and column."""

    def __init__(self, tensor, columns):
        self._tensor = tensor
        self._columns = columns
        self._check_kind(tensor)
        if tensor.shape:
            self._check_shape(tensor)

    def predictions(self, chunks, rows):
        """The numbers of each row, as the shortest decimals that tell them from their neighbours."""
        values = _joined(self._tensor, chunks, rows)
        actual = _actual(self._tensor, values)
        self._check_kind(actual)
        self._check_shape(actual)
        _check_finite(self._tensor, values)
        return values.reshape(rows, self._columns).astype(str).tolist()

    def _check_kind(self, tensor):
        if _kind(tensor) not in ("float", "integer"):
            raise Refused("output_kind", f"Output {tensor} is not a number. {self._fix()}")

    def _check_shape(self, tensor):
        per_row = tensor.shape[1:]
        is_single = self._columns == 1 and per_row == ()
        if not _free(per_row) and per_row != (self._columns,) and not is_single:
            raise Refused("output_shape", f"Output {tensor} is not what is predicted for a row. {self._fix()}")

    def _fix(self):
        if self._columns == 1:
            return "Return one float or integer per row, [N] or [N, 1]."
        return f"Return {self._columns} floats or integers per row, [N, {self._columns}]."


def write_predictions(path, columns, predictions):
    """Writes the predictions of one row per line, under a header (RFC 4180)."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(columns)
        lines.writerows(predictions)


def _softmax(scores):
    """Along the classes; the largest is taken away first, so that nothing overflows."""
    powers = numpy.exp(scores.astype(numpy.float64) - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _sigmoid(values):
    """By the power that cannot overflow."""
    values = values.astype(numpy.float64)
    power = numpy.exp(-numpy.abs(values))
    return numpy.where(values >= 0, 1, power) / (1 + power)


def _is_zipmap(tensor):
    return tensor.dtype.startswith(ZIPMAP)


def _kind(tensor):
    """Whether a tensor holds "float", "integer" or "text"; None where it holds anything else."""
    if tensor.dtype == "string":
        return "text"
    if tensor.number is None:
        return None
    return {"f": "float", "i": "integer", "u": "integer"}.get(tensor.number.kind)


def _free(per_row):
    """Whether a declared shape leaves the one axis per row open."""
    return len(per_row) == 1 and not isinstance(per_row[0], int)


def _joined(tensor, chunks, rows):
    for values, fed in chunks:
        if values.ndim == 0:
            raise Refused(
                "output_rows",
                f"Output {tensor} is a single value, where {fed} rows were fed. {_KEEP_ROWS}",
            )
        _check_rows(tensor, len(values), fed)
    shapes = {values.shape[1:] for values, _ in chunks}
    if len(shapes) > 1:
        raise Refused(
            "output_shape",
            f"Output {tensor} has rows of different shapes in different batches: "
            f"{show_list([show_shape(('N', *shape)) for shape in sorted(shapes)])}.",
        )
    return numpy.concatenate([values for values, _ in chunks])[:rows]


_KEEP_ROWS = "Axis 0 of the output must be the row, as it is in the inputs: do not add up or drop rows."


def _check_rows(tensor, returned, fed):
    if returned != fed:
        raise Refused(
            "output_rows",
            f"Output {tensor} has {returned} rows, where {fed} were fed. {_KEEP_ROWS}",
        )


def _actual(tensor, values):
    """The output as it came, whatever the model declares."""
    return Tensor(tensor.name, dtype_name(values.dtype), ("N", *values.shape[1:]))


def _check_finite(tensor, values):
    nonfinite = values.size - int(numpy.isfinite(values).sum())
    if nonfinite:
        _refuse_nonfinite(tensor, nonfinite)


def _refuse_nonfinite(tensor, count):
    raise Refused(
        "output_nonfinite",
        f"Output {tensor} has {count} values that are NaN or infinite. Look for a division by zero, a logarithm or "
        "square root of a number below zero, or an overflow.",
    )
