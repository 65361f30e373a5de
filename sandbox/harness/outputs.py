"""Chooses the output of a model that is its prediction, and reads one prediction per row from it."""

import csv
from collections import Counter

import numpy

from protocol import Refused
from tensors import Tensor, dtype_name, show_list, show_shape

# What converters call the output that holds the prediction, best first.
PREDICTION_NAMES = ("label", "output_label", "variable")
# What the runtime says of an output that is a list of one dictionary per row, as scikit-learn's ZipMap makes.
ZIPMAP = "seq(map("


def choose_output(outputs, wanted=None):
    """The output named by the manifest, else the only one, else the one with a converter's usual name."""
    by_name = {tensor.name: tensor for tensor in outputs}
    if wanted is not None:
        if wanted not in by_name:
            raise Refused(
                "output_unknown",
                f"The manifest takes output '{wanted}', which the model does not have. It has: {show_list(outputs)}.",
            )
        return by_name[wanted]
    if len(outputs) == 1:
        return outputs[0]
    for name in PREDICTION_NAMES:
        if name in by_name:
            return by_name[name]
    raise Refused(
        "output_ambiguous",
        f"The model has {len(outputs)} outputs and none of them is named {' or '.join(PREDICTION_NAMES)}: "
        f"{show_list(outputs)}. Name the one with the prediction 'label', or export the model with that one only.",
    )


def prediction_reader(tensor, classes):
    """What turns the chosen output into predictions: of one of the `classes`, or of a value where there are none."""
    return ValueReader(tensor) if classes is None else LabelReader(tensor, classes)


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
            return [self._classes[index] for index in values.argmax(axis=1)]
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
        return labels

    def _fix(self):
        return (
            "Return [N] or [N, 1] integers or text from the list of classes, or one float score per class, "
            f"[N, {len(self._classes)}], in this order: {show_list(self._classes)}."
        )


class ValueReader:
    """Predictions of one number per row."""

    def __init__(self, tensor):
        self._tensor = tensor
        self._check_kind(tensor)
        if tensor.shape:
            self._check_shape(tensor)

    def predictions(self, chunks, rows):
        """One number per row, as the shortest decimal that tells it from its neighbours."""
        values = _joined(self._tensor, chunks, rows)
        actual = _actual(self._tensor, values)
        self._check_kind(actual)
        self._check_shape(actual)
        _check_finite(self._tensor, values)
        return values.ravel().astype(str).tolist()

    def _check_kind(self, tensor):
        if _kind(tensor) not in ("float", "integer"):
            raise Refused(
                "output_kind",
                f"Output {tensor} is not a number. Return one float or integer per row, [N] or [N, 1].",
            )

    def _check_shape(self, tensor):
        per_row = tensor.shape[1:]
        if per_row not in ((), (1,)) and not _free(per_row):
            raise Refused(
                "output_shape",
                f"Output {tensor} is not one number per row. Return [N] or [N, 1].",
            )


def write_predictions(path, predictions):
    """Writes one prediction per line under a header (RFC 4180)."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["prediction"])
        lines.writerows([prediction] for prediction in predictions)


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
