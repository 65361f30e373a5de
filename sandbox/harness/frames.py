"""Reads batches of rows from the runner and writes predictions to it: lines of JSON, and bytes behind them.

A batch is a line `{"call": rows, "bytes": n}` and its columns, one after the other: numbers and arrays as they lie in memory, texts
as the length of each in characters, the length of all in bytes, and all of them as UTF-8. Nothing is pickled.
"""

import json
import math
import os

import numpy
import pandas

ALIGNMENT = 8
# In the place of a text's length: there is no text.
MISSING = 0xFFFF_FFFF
NUMBERS = {"int64": numpy.dtype("<i8"), "float64": numpy.dtype("<f8")}


class Pipe:
    """Both ends of the conversation, out of the way of whatever the code does with its own descriptors.

    Code that runs in this process can still reach them. All it can do is to answer in the harness's place, and what
    comes out is taken for its predictions, however it came about: it can only spoil its own.
    """

    def __init__(self, commands_fd, events_fd):
        # The copies are not inherited by other programs, and the numbers that are known lead nowhere.
        self._commands = os.fdopen(os.dup(commands_fd), "rb", buffering=1 << 16)
        self._events_fd = os.dup(events_fd)
        os.close(commands_fd)
        os.close(events_fd)

    def command(self):
        """The next line, or None when the runner hung up."""
        line = self._commands.readline()
        return json.loads(line) if line else None

    def read(self, length):
        """Exactly so many bytes, in memory that may be written to."""
        buffer = bytearray(length)
        if self._commands.readinto(buffer) != length:
            raise EOFError("the runner hung up in the middle of a batch")
        return buffer

    def event(self, name, body=b"", **facts):
        line = json.dumps({"event": name, **facts}, ensure_ascii=False) + "\n"
        left = memoryview(line.encode("utf-8") + body)
        while left:
            left = left[os.write(self._events_fd, left) :]


def read_frame(columns, rows, buffer):
    """The rows of a batch as a DataFrame. `columns` is the list of names and types that was told at the start."""
    kinds = {column["type"] for column in columns}
    if len(kinds) == 1 and kinds <= NUMBERS.keys():
        # One block, which pandas takes as it is.
        block = numpy.frombuffer(buffer, NUMBERS[kinds.pop()]).reshape(len(columns), rows)
        return pandas.DataFrame(block.T, columns=[column["name"] for column in columns], copy=False)
    values, at = {}, 0
    for column in columns:
        if column["type"] == "array":
            values[column["name"]], at = _read_arrays(column["array"], buffer, rows, at)
        elif number := NUMBERS.get(column["type"]):
            values[column["name"]] = numpy.frombuffer(buffer, number, rows, at)
            at += rows * number.itemsize
        else:
            texts, at = _read_texts(buffer, rows, at)
            values[column["name"]] = texts
    return pandas.DataFrame(values, copy=False)


def _read_arrays(array, buffer, rows, at):
    """A column of arrays, one for each row, of the type and shape that was told."""
    dtype, shape = numpy.dtype(array[0]), array[1]
    count = rows * math.prod(shape)
    arrays = numpy.frombuffer(buffer, dtype, count, at).reshape(rows, *shape)
    return pandas.Series(list(arrays), dtype=object), _aligned(at + count * dtype.itemsize)


def _read_texts(buffer, rows, at):
    lengths = numpy.frombuffer(buffer, "<u4", rows, at).tolist()
    at = _aligned(at + 4 * rows)
    size = int.from_bytes(buffer[at : at + 8], "little")
    at += 8
    text = bytes(memoryview(buffer)[at : at + size]).decode("utf-8")
    texts, start = [], 0
    for length in lengths:
        if length == MISSING:
            texts.append(None)
        else:
            texts.append(text[start : start + length])
            start += length
    # A column without a single text must not become one of numbers.
    return pandas.Series(texts, dtype="str"), _aligned(at + size)


def _aligned(at):
    return (at + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


def predictions_frame(values):
    """Type and bytes of an array of numbers, or of texts where they are no numbers; None where they are neither."""
    kind = values.dtype.kind
    if kind == "f":
        return "float64", numpy.ascontiguousarray(values, "<f8").tobytes()
    if kind == "i" or (kind == "u" and values.dtype.itemsize < 8):
        return "int64", numpy.ascontiguousarray(values, "<i8").tobytes()
    if kind == "b" or kind == "u":
        return "text", _texts_bytes([str(value) for value in values.tolist()])
    if kind not in "OUT":
        return None
    values = values.tolist()
    if any(not isinstance(value, (str, int, float, numpy.generic)) for value in values):
        return None
    return "text", _texts_bytes([str(value) for value in values])


def _texts_bytes(texts):
    encoded = [text.encode("utf-8", "replace") for text in texts]
    lengths = numpy.array([len(text) for text in encoded], "<u4")
    return lengths.tobytes() + b"".join(encoded)
