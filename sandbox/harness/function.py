"""The participant's function: what it is called with, and how its answer becomes predictions."""

import inspect

import numpy
import pandas

from frames import predictions_frame, read_frame
from protocol import Refused, clean, quote
from tensors import show_list

KINDS = "a DataFrame, a Series or an array with one prediction for each row of the batch, in their order"


class Function:
    """A function that is called with a batch; `arguments` is how many frames it wants."""

    def __init__(self, function, opening, arguments=1):
        self._function = function
        self._columns = opening["columns"]
        self._id = opening["id"]
        self._predicted = opening["predicted"]
        self._placeholders = opening["placeholders"]
        self._arguments = arguments
        self._wants_polars = _wants_polars(function)

    @classmethod
    def of_module(cls, module, opening):
        function = getattr(module, "predict", None)
        if not callable(function):
            raise Refused(
                "predict_missing",
                "predict.py has no function predict(). It is called with a batch of rows, a pandas.DataFrame, and "
                f"returns {KINDS}.",
            )
        return cls(function, opening)

    @classmethod
    def served(cls, functions, opening):
        """The endpoint of an inference server that is called predict, or the only one."""
        named = [function for function in functions if getattr(function, "__name__", "") == "predict"]
        if not named and len(functions) != 1:
            raise Refused(
                "predict_missing",
                "The inference server has no endpoint predict(). Give it one function of that name.",
            )
        function = named[0] if named else functions[0]
        return cls(function, opening, _positional(function))

    def batch(self, rows, buffer):
        return read_frame(self._columns, rows, buffer)

    def call(self, batch):
        if self._arguments < 2:
            return self._function(self._as_wanted(batch))
        # Kaggle's gateways hand the rows' part of the sample submission over as well.
        sample = pandas.DataFrame({self._id: batch[self._id]})
        for name, placeholder in zip(self._predicted, self._placeholders):
            sample[name] = _typed(placeholder)
        return self._function(self._as_wanted(batch), self._as_wanted(sample))

    def _as_wanted(self, frame):
        if not self._wants_polars:
            return frame
        import polars

        return polars.from_pandas(frame)

    def predictions(self, returned, batch, rows):
        """Type and bytes of what it returned for so many rows, row by row."""
        values = self._values(returned, batch, rows)
        if len(values) != rows:
            raise Refused(
                "predict_rows",
                f"predict() returned {len(values)} rows for a batch of {rows}. Return {KINDS}.",
            )
        if values.shape[1:] not in ((), (1,)) and values.shape[1:] != (len(self._predicted),):
            raise self._wrong_shape(values, rows)
        if values.ndim == 1 and len(self._predicted) > 1:
            raise self._wrong_shape(values, rows)
        missing = int(pandas.isna(values).sum()) if values.dtype.kind == "O" else 0
        if missing:
            raise Refused(
                "predict_kind",
                f"{missing} of the {values.size} predictions that predict() returned are missing. Return {KINDS}.",
            )
        frame = predictions_frame(values.ravel())
        if frame is None:
            raise Refused(
                "predict_kind",
                f"predict() returned values of type {quote(str(values.dtype))}, which are neither numbers nor text. "
                f"Return {KINDS}.",
            )
        return frame

    def _values(self, returned, batch, rows):
        """The predictions as an array whose axis 0 is the row."""
        if type(returned).__module__.partition(".")[0] == "polars":
            returned = returned.to_pandas()
        if isinstance(returned, pandas.DataFrame):
            return self._of_frame(returned, batch, rows).to_numpy()
        if isinstance(returned, (pandas.Series, pandas.Index)) or hasattr(returned, "__array_interface__"):
            values = numpy.asarray(returned)
        elif isinstance(returned, (list, tuple)):
            values = _array(returned)
        elif rows == 1 and isinstance(returned, (int, float, str)):
            # A single row may be answered by what it stands for.
            values = numpy.asarray([returned])
        else:
            raise Refused(
                "predict_kind",
                f"predict() returned {_article(type(returned).__name__)}. Return {KINDS}.",
            )
        if values.ndim == 0:
            if rows != 1:
                raise self._wrong_shape(values, rows)
            values = values.reshape(1)
        return values

    def _wrong_shape(self, values, rows):
        shape = ", ".join(str(axis) for axis in values.shape)
        count = len(self._predicted)
        wanted = "one prediction for each row, [N] or [N, 1]" if count == 1 else f"{count} for each row, [N, {count}]"
        return Refused(
            "predict_kind", f"predict() returned an array of shape [{shape}] for {rows} rows. Return {wanted}."
        )

    def _of_frame(self, frame, batch, rows):
        names = [str(name) for name in frame.columns]
        if self._id in names and len(frame) == rows:
            ids = frame[self._id].astype(str).tolist()
            if ids != batch[self._id].astype(str).tolist():
                raise Refused(
                    "predict_rows",
                    f"predict() returned the rows in another order than they came in, or others: the column "
                    f"{quote(self._id)} is not the batch's. Return {KINDS}.",
                )
        lacking = [name for name in self._predicted if name not in names]
        if not lacking:
            return frame[self._predicted]
        others = [name for name in frame.columns if name != self._id]
        if len(others) == len(self._predicted) == 1:
            return frame[others]
        raise Refused(
            "predict_kind",
            f"predict() returned a DataFrame without the column {quote(lacking[0])}; its columns are: "
            f"{show_list([quote(name) for name in names])}. Return the predictions under that name.",
        )


def _typed(placeholder):
    try:
        return float(placeholder)
    except ValueError:
        return placeholder


def _array(values):
    """Of texts and numbers side by side, each as it is."""
    try:
        array = numpy.asarray(values)
    except ValueError:
        return numpy.asarray(values, dtype=object)
    return numpy.asarray(values, dtype=object) if array.dtype.kind in "USO" else array


def _article(name):
    name = clean(name, 60)
    return f"an object of type {quote(name)}" if name != "NoneType" else "None, perhaps for want of a return"


def _positional(function):
    """How many frames a function can be called with."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 1
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    wanted = [parameter for parameter in parameters if parameter.kind in kinds and parameter.default is parameter.empty]
    if len(wanted) > 2:
        raise Refused(
            "predict_missing",
            f"The endpoint predict() takes {len(wanted)} arguments. It is called with the rows of a batch, and with their "
            "part of the sample submission if it takes two.",
        )
    return len(wanted)


def _wants_polars(function):
    """Whether its first parameter is annotated so; then the runtime must have it."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return False
    annotation = parameters[0].annotation if parameters else ""
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__module__", "")
    if not name.startswith(("pl.", "polars")):
        return False
    try:
        import polars  # noqa: F401
    except ImportError:
        raise Refused(
            "predict_import",
            "predict() is annotated for polars, which the runtime does not have. Take a pandas.DataFrame.",
        ) from None
    return True
