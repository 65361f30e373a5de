"""What a model declares about its inputs and outputs, and how sentences speak of it."""

from dataclasses import dataclass

import numpy

from protocol import NAME_CHARS_MAX, clean, quote

AXES_SHOWN_MAX = 8
NAMES_SHOWN_MAX = 6
NUMBERS = {"bool", "float16", "float32", "float64"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}


@dataclass(frozen=True)
class Quantization:
    """How whole numbers stand for decimals: decimal = scale · (whole − zero point)."""

    scale: float
    zero_point: int

    def encode(self, values, dtype):
        """The nearest whole numbers that the type has, as TF Lite's own operator QUANTIZE chooses them."""
        limits = numpy.iinfo(dtype)
        whole = numpy.rint(values.astype(numpy.float64) / self.scale) + self.zero_point
        return numpy.clip(whole, limits.min, limits.max).astype(dtype)

    def decode(self, whole):
        return ((whole.astype(numpy.float64) - self.zero_point) * self.scale).astype(numpy.float32)


@dataclass(frozen=True)
class Tensor:
    """A declared input or output.

    `dtype` is numpy's name of the element type, "string" for text, and the runtime's own description for anything
    else. An axis of `shape` is a number, the name of a free axis, or None for a free axis without a name. The runtime
    shows an unknown rank as an empty shape, as it does a scalar. `quantization` is of inputs whose whole numbers stand
    for decimals.
    """

    name: str
    dtype: str
    shape: tuple
    quantization: Quantization | None = None

    def __str__(self):
        return f"{quote(self.name)} ({self.dtype} {self.shown_shape})"

    @property
    def number(self):
        """numpy's type of the elements, or None where they are not numbers that numpy knows."""
        return numpy.dtype(self.dtype) if self.dtype in NUMBERS else None

    @property
    def shown_shape(self):
        return show_shape(self.shape) if self.shape else "of unknown shape"

    def event(self):
        """The tensor as the `ready` event carries it."""
        return {
            "name": clean(self.name, NAME_CHARS_MAX),
            "dtype": self.dtype,
            "shape": [
                clean(axis, NAME_CHARS_MAX) if isinstance(axis, str) else axis for axis in self.shape[:AXES_SHOWN_MAX]
            ],
        }


def show_shape(axes):
    """`[N, 64]`, with a question mark for a free axis that has no name."""
    shown = ["?" if axis is None else clean(str(axis), NAME_CHARS_MAX) for axis in axes[:AXES_SHOWN_MAX]]
    if len(axes) > AXES_SHOWN_MAX:
        shown.append("…")
    return f"[{', '.join(shown)}]"


def show_rows(shape):
    """The shape of an array whose axis 0 is the row: `[N, 64]`."""
    return show_shape(("N", *shape[1:]))


def show_list(items):
    """The first few of a list, and how many more there are."""
    shown = ", ".join(str(item) for item in items[:NAMES_SHOWN_MAX])
    more = len(items) - NAMES_SHOWN_MAX
    return f"{shown} and {more} more" if more > 0 else shown


def dtype_name(dtype):
    """numpy's name of an element type, "string" for text."""
    return "string" if numpy.dtype(dtype).kind in "OUS" else numpy.dtype(dtype).name
