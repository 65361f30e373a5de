"""Binds the competition's arrays to a model's inputs, and cuts them into the batches that the model is fed with."""

from dataclasses import dataclass
from math import prod

import numpy

from manifest import BATCH, Constant
from protocol import Refused, quote
from tensors import dtype_name, show_list, show_rows, show_shape

# All numeric columns of the test inputs side by side, which a model with one input takes.
FEATURES = "features"
NUMERIC_KINDS = "biuf"
# The largest number of rows that an input may fix: each batch is filled up to it.
FIXED_ROWS_MAX = 65_536


@dataclass(frozen=True)
class Binding:
    """`feeds` are the batches in row order, each a dictionary for one run of the model.

    `sources` has the array of each input, `rows_fed` how many rows each batch has. The last batch may hold copies of
    its last row after the real rows, which count.
    """

    sources: list[str]
    feeds: list[dict]
    rows_fed: list[int]
    batch_size: int


def bind(inputs, arrays, rows, batch_size, needs_whole_batches=False, sources=None):
    """Gives each input its array, in the shape and type it declares; all copies are made here, before any run.

    Where the inputs fix their number of rows, or the runtime `needs_whole_batches`, the last batch is filled up.
    `sources` are the arrays and constants of inputs that the entry's manifest has chosen.
    """
    sources = sources or {}
    if not inputs:
        raise Refused(
            "input_unbound",
            "The model has no inputs, so that it can see nothing of the rows. Export it with an input [N, …] whose "
            "axis 0 is the row.",
        )
    unknown = [name for name in sources if name not in {tensor.name for tensor in inputs}]
    if unknown:
        raise Refused(
            "input_unknown",
            f"The manifest binds input {quote(unknown[0])}, which the model does not have. It has: {show_list(inputs)}.",
        )
    constants = {name: source for name, source in sources.items() if isinstance(source, Constant)}
    fed = [tensor for tensor in inputs if tensor.name not in constants]
    if not fed:
        raise Refused(
            "input_unbound",
            "The manifest makes every input of the model a constant, so that it can see nothing of the rows. Bind one "
            f"to an array: {show_list(arrays)}.",
        )
    pairs = [(tensor, _array_for(tensor, fed, arrays, sources.get(tensor.name))) for tensor in fed]
    by_row = [tensor for tensor in inputs if tensor.name not in constants or constants[tensor.name].is_by_row]
    fixed = _fixed_batch_size(by_row)
    size = fixed or batch_size
    shapes = [_row_shape(tensor, array) for tensor, array in pairs]
    bound = {tensor.name: _cast(tensor, array).reshape(rows, *shape) for (tensor, array), shape in zip(pairs, shapes)}
    feeds = _batches(bound, rows, size, pad=fixed is not None or needs_whole_batches)
    rows_fed = [len(next(iter(feed.values()))) for feed in feeds]
    for tensor in inputs:
        if tensor.name in constants:
            constant = constants[tensor.name]
            values = _constant(tensor, constant, size)
            for feed, length in zip(feeds, rows_fed):
                feed[tensor.name] = values[:length] if constant.is_by_row else values
    array_names = {tensor.name: array.name for tensor, array in pairs}
    return Binding(
        sources=[array_names.get(tensor.name, "a constant") for tensor in inputs],
        feeds=feeds,
        rows_fed=rows_fed,
        batch_size=size,
    )


def _array_for(tensor, fed, arrays, chosen):
    """The array that the manifest has chosen, else the one of the same name, else that of the only input.

    `fed` are the inputs that are no constants.
    """
    by_name = {array.name: array for array in arrays}
    if chosen is not None:
        if chosen not in by_name:
            raise Refused(
                "input_unbound",
                f"The manifest feeds input {tensor} from {quote(chosen)}, and there is no such array of test inputs. "
                f"There is: {show_list(arrays)}.",
            )
        return by_name[chosen]
    if tensor.name in by_name:
        return by_name[tensor.name]
    if len(fed) == 1 and FEATURES in by_name:
        return by_name[FEATURES]
    if len(fed) == 1 and len(arrays) == 1:
        return arrays[0]
    raise Refused(
        "input_unbound",
        f"No array of the test inputs is named like input {tensor}. Rename the input, or bind it in the manifest, to "
        f"one of: {show_list(arrays)}.",
    )


def _constant(tensor, constant, rows):
    """The constant in the input's type, in the shape that the manifest gives it."""
    shape = tuple(rows if axis == BATCH else axis for axis in constant.shape)
    if tensor.shape and not _matches(tensor.shape, shape):
        raise Refused(
            "input_shape",
            f"Input {tensor} is a constant of shape {show_shape(constant.shape)} in the manifest, which does not fit "
            "it. Give the constant the input's shape.",
        )
    return numpy.full(shape, _constant_value(tensor, constant.value))


def _constant_value(tensor, value):
    if isinstance(value, str):
        if tensor.dtype == "string":
            return numpy.array(value, dtype=object)
        reason = "is text"
    elif tensor.number is None:
        reason = "is no text"
    else:
        given = numpy.array(value)
        if tensor.quantization is not None:
            return tensor.quantization.encode(given, tensor.number)
        with numpy.errstate(all="ignore"):
            cast = given.astype(tensor.number)
        # A decimal is rounded, because no type has all of them.
        is_same = cast.astype(numpy.longdouble) == given.astype(numpy.longdouble)
        if is_same or (tensor.number.kind == "f" and numpy.isfinite(cast)):
            return cast
        reason = "is no value of that type"
    raise Refused(
        "input_dtype",
        f"Input {tensor} is a constant in the manifest that {reason}. Write a value that {tensor.dtype} has.",
    )


def _fixed_batch_size(inputs):
    """The number of rows per run that the inputs insist on, if they do."""
    sizes = {tensor.shape[0] for tensor in inputs if tensor.shape}
    fixed = {size for size in sizes if isinstance(size, int)}
    if len(fixed) > 1 or any(not 1 <= size <= FIXED_ROWS_MAX for size in fixed):
        raise Refused(
            "batch_axis",
            "Axis 0 of every input is the row. Where it is fixed, it must be the same number everywhere, from 1 to "
            f"{FIXED_ROWS_MAX:,}; the inputs are: {show_list(inputs)}. Make axis 0 free: give it a name instead of a "
            "number.",
        )
    return fixed.pop() if fixed else None


def _row_shape(tensor, array):
    """The shape that the array's rows take in this input; an input of unknown shape takes them as they are."""
    wanted, given = tensor.shape[1:], array.shape[1:]
    if not tensor.shape or _matches(wanted, given):
        return given
    free = [axis for axis in wanted if not isinstance(axis, int)]
    size = prod(axis for axis in wanted if isinstance(axis, int))
    if not free and size == prod(given):
        return wanted
    if len(free) == 1 and size > 0 and prod(given) % size == 0:
        return tuple(axis if isinstance(axis, int) else prod(given) // size for axis in wanted)
    raise Refused(
        "input_shape",
        f"Input {tensor} does not fit the array {array}: a row has {prod(given)} values"
        f"{'' if free else f', and the input wants {size}'}. "
        f"Export the model with an input of shape {show_rows(array.shape)}.",
    )


def _matches(wanted, given):
    return len(wanted) == len(given) and all(
        not isinstance(want, int) or want == have for want, have in zip(wanted, given)
    )


def _cast(tensor, array):
    """The array's values in the input's type, if each of them survives the cast."""
    given = dtype_name(array.dtype)
    if tensor.dtype == "string" and given == "string":
        return array.values().astype(object)
    if tensor.number is not None and array.dtype.kind in NUMERIC_KINDS:
        values = array.values()
        if tensor.quantization is not None:
            # What is lost is the model's own choice.
            return tensor.quantization.encode(values, tensor.number)
        with numpy.errstate(all="ignore"):
            cast = numpy.ascontiguousarray(values, dtype=tensor.number)
        if _survives(values, cast, array.significant_digits):
            return cast
        reason = f"not all of its values can be held by {tensor.dtype} without loss"
    else:
        reason = f"{given} cannot become {tensor.dtype}"
    raise Refused(
        "input_dtype",
        f"Input {tensor} is bound to the array {array}, but {reason}. Declare the input as {given}, and cast inside "
        f"the model if it must be {tensor.dtype}.",
    )


def _survives(values, cast, significant_digits):
    """Whether a cast loses nothing: every value is the same, or every decimal as it was written can be told again.

    The long double holds each value of every type we know.
    """
    if numpy.array_equal(values.astype(numpy.longdouble), cast.astype(numpy.longdouble), equal_nan=True):
        return True
    if values.dtype.kind != "f" or cast.dtype.kind != "f" or not significant_digits:
        return False
    target = numpy.finfo(cast.dtype)
    return significant_digits <= target.precision and numpy.allclose(
        values, cast.astype(values.dtype), rtol=target.eps, atol=0, equal_nan=True
    )


def _batches(bound, rows, batch_size, pad):
    feeds = []
    for start in range(0, rows, batch_size):
        feed = {name: values[start : start + batch_size] for name, values in bound.items()}
        missing = batch_size - min(batch_size, rows - start)
        if pad and missing:
            feed = {name: _padded(values, missing) for name, values in feed.items()}
        feeds.append(feed)
    return feeds


def _padded(values, missing):
    return numpy.concatenate([values, numpy.repeat(values[-1:], missing, axis=0)])
