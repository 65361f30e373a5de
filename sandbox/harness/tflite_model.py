"""Loads and runs a TensorFlow Lite file with LiteRT, on the CPU, and puts its complaints into the contract's codes."""

import re
import time
from importlib.metadata import version

import numpy
from ai_edge_litert.interpreter import Interpreter

from protocol import Refused, clean, log, quote
from tensors import Quantization, Tensor, dtype_name

RUNTIME_TEXT_CHARS_MAX = 500

_OUT_OF_MEMORY = re.compile(r"bad_alloc|failed to allocate|out of memory", re.IGNORECASE)
_UNRESOLVED = re.compile(r"unresolved custom op: (?P<custom>\S+)|Select TensorFlow op\(s\)|Didn't find op")
_NODE_FAILED = re.compile(r"Node number (?P<number>\d+) \((?P<operator>\w+)\)")


class TfliteModel:
    """A loaded model."""

    runtime = f"LiteRT {version('ai-edge-litert')}"
    # What is fed has one shape: another would have to be prepared for within a pass.
    needs_whole_batches = True

    def __init__(self, path, threads):
        with open(path, "rb") as file:
            model = file.read()
        try:
            self._interpreter = Interpreter(model_content=model, num_threads=threads)
            names = self._names_of_signature()
            details = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        # What it raises has nothing but this in common.
        except Exception as error:
            raise _refusal_to_load(error) from error
        inputs, outputs = details
        self.inputs = [_input(detail, names[0]) for detail in inputs]
        self.outputs = [_output(detail, names[1]) for detail in outputs]
        self._input_indexes = [detail["index"] for detail in inputs]
        self._output_details = dict(zip([tensor.name for tensor in self.outputs], outputs))

    def _names_of_signature(self):
        """What the first signature calls the inputs and outputs, by the tensors' own names.

        The runtime shows signatures by the names that they give, and only its own list says to which tensor.
        """
        inputs, outputs = {}, {}
        for signature in self._interpreter._get_full_signature_list().values():
            inputs = {index: name for name, index in signature["inputs"].items()}
            outputs = {index: name for name, index in signature["outputs"].items()}
            break
        return inputs, outputs

    def prepare(self, feeds):
        """Makes room for batches of this shape."""
        names = [tensor.name for tensor in self.inputs]
        try:
            for name, index in zip(names, self._input_indexes):
                self._interpreter.resize_tensor_input(index, feeds[0][name].shape)
            self._interpreter.allocate_tensors()
        except Exception as error:
            raise _refusal_to_load(error) from error

    def run_passes(self, passes, feeds, output):
        """Runs all batches `passes` times; returns what the last pass gave for `output`, batch by batch.

        This is what is measured: there is nothing in here but the model, and the zeroing of what it may keep.
        """
        interpreter = self._interpreter
        set_tensor, invoke, reset = interpreter.set_tensor, interpreter.invoke, interpreter.reset_all_variables
        get_tensor, index, returned = interpreter.get_tensor, self._output_details[output.name]["index"], []
        fed = self._fed(feeds)
        try:
            for _ in range(passes):
                returned = []
                for batch in fed:
                    reset()
                    for at, values in batch:
                        set_tensor(at, values)
                    invoke()
                    returned.append(get_tensor(index))
        except Exception as error:
            raise _refusal_to_run(error) from error
        return returned

    def run_timed(self, passes, feeds, output, times):
        """The same, with the nanoseconds of each call written into `times`."""
        interpreter = self._interpreter
        set_tensor, invoke, reset = interpreter.set_tensor, interpreter.invoke, interpreter.reset_all_variables
        get_tensor, index, returned = interpreter.get_tensor, self._output_details[output.name]["index"], []
        fed = self._fed(feeds)
        clock, call = time.perf_counter_ns, 0
        try:
            for _ in range(passes):
                returned = []
                for batch in fed:
                    start = clock()
                    reset()
                    for at, values in batch:
                        set_tensor(at, values)
                    invoke()
                    given = get_tensor(index)
                    times[call] = clock() - start
                    returned.append(given)
                    call += 1
        except Exception as error:
            raise _refusal_to_run(error) from error
        return returned

    def _fed(self, feeds):
        return [[(at, feed[tensor.name]) for at, tensor in zip(self._input_indexes, self.inputs)] for feed in feeds]

    def decoded(self, returned, output):
        """What the numbers of a quantised output stand for, and texts as text."""
        quantization = _quantization(self._output_details[output.name])
        if quantization is not None:
            return [quantization.decode(values) for values in returned]
        if output.dtype == "string":
            return [numpy.vectorize(lambda text: text.decode("utf-8", "replace"))(values) for values in returned]
        return returned


def _input(detail, names):
    axes = detail["shape_signature"] if len(detail["shape_signature"]) else detail["shape"]
    return Tensor(
        names.get(detail["index"], detail["name"]),
        dtype_name(detail["dtype"]),
        tuple(None if axis < 0 else int(axis) for axis in axes),
        _quantization(detail),
    )


def _output(detail, names):
    """Of which shape an output will be is known once it is there."""
    quantized = _quantization(detail) is not None
    return Tensor(
        names.get(detail["index"], detail["name"]),
        "float32" if quantized else dtype_name(detail["dtype"]),
        (),
    )


def _quantization(detail):
    """How whole numbers stand for decimals, where they do. Only one scale for all of a tensor is in use here."""
    scale, zero_point = detail["quantization"]
    is_whole = numpy.dtype(detail["dtype"]).kind in "iu"
    return Quantization(float(scale), int(zero_point)) if is_whole and scale else None


def _refusal_to_load(error):
    text = str(error)
    if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(text):
        return Refused("memory", "Loading the model needs more memory than the limit.")
    if found := _UNRESOLVED.search(text):
        named = f" {quote(found['custom'].rstrip('.'))}" if found["custom"] else ""
        return Refused(
            "tflite_custom_op",
            f"The model uses the operator{named}, which {TfliteModel.runtime} does not have. Convert it with "
            "TFLITE_BUILTINS alone.",
        )
    return Refused(
        "tflite_invalid",
        f"{TfliteModel.runtime} cannot load the model: {_cleaned(text)} "
        "Load it with ai_edge_litert.interpreter.Interpreter first.",
    )


def _refusal_to_run(error):
    text = str(error)
    if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(text):
        return Refused("memory", "Running the model needs more memory than the limit.")
    log(f"{TfliteModel.runtime}: {_cleaned(text)}")
    # What an operator complains of may be a value of the data, so that only its name leaves the sandbox.
    what = "The model failed while it ran"
    if found := _NODE_FAILED.search(text):
        what = f"The operator {quote(found['operator'])} (node {found['number']}) failed while the model ran"
    return Refused(
        "run_failed",
        f"{what}. What LiteRT said of it is in the log of the run on the public sample.",
    )


def _cleaned(text):
    line = clean(text, RUNTIME_TEXT_CHARS_MAX).rstrip(" .")
    return f"{line}."
