"""Loads and runs an ONNX file with onnxruntime, on the CPU, and puts its complaints into the contract's codes."""

import os
import re
import time

# Must be set before the import: else onnxruntime's wheel starts a thread that collects usage for its maker, keeps a
# database in the home folder and spends the entry's CPU time.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime  # noqa: E402

from protocol import Refused, clean, log, quote  # noqa: E402
from tensors import Tensor  # noqa: E402

RUNTIME_TEXT_CHARS_MAX = 500

# A folder that does not exist, in which weights outside the model file are looked for: otherwise it would be the
# working folder.
NO_FOLDER = "/nonexistent"

STANDARD_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")

_NUMPY_NAMES = {"float": "float32", "double": "float64"}

_NOT_REGISTERED = re.compile(
    r"(?P<domain>[^\s:]*):(?P<operator>[^\s:(]+)\(-?\d+\) is not a registered"
    r"|No Op registered for (?P<unregistered>\S+)"
    r"|Could not find an implementation for (?P<unimplemented>[^\s(]+)"
)
_TOO_NEW = re.compile(
    r"Unsupported model IR version: (?P<ir>\d+), max supported IR version: (?P<ir_max>\d+)"
    r"|Opset (?P<opset>\d+) is under development.*domain (?P<domain>\S+) is till opset (?P<opset_max>\d+)",
    re.DOTALL,
)
_NODE_FAILED = re.compile(r"while running (?P<operator>\S+) node\. Name:'(?P<node>.*?)' Status Message")
_OUT_OF_MEMORY = re.compile(r"bad_alloc|Failed to allocate memory", re.IGNORECASE)
# "[ONNXRuntimeError] : 1 : FAIL : ", and the place in the source up to the end of its signature.
_NOISE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : |/\S*?\.(?:cc|h):\d+ (?:.*?\)(?: const)?(?= [A-Z]))?")


class OnnxModel:
    """A loaded model."""

    runtime = f"onnxruntime {onnxruntime.__version__}"
    # The last batch may be shorter than the others.
    needs_whole_batches = False

    def __init__(self, path, threads):
        with open(path, "rb") as file:
            model = file.read()
        try:
            self._session = onnxruntime.InferenceSession(model, _options(threads), providers=["CPUExecutionProvider"])
            self.inputs = [_tensor(node) for node in self._session.get_inputs()]
            self.outputs = [_tensor(node) for node in self._session.get_outputs()]
        # onnxruntime's exceptions have nothing but this in common.
        except Exception as error:
            raise _refusal_to_load(error) from error

    def prepare(self, feeds):
        """Nothing is left to do before the first pass."""

    def run_passes(self, passes, feeds, output):
        """Runs all batches `passes` times; returns what the last pass gave for `output`, batch by batch.

        This is what is measured: there is nothing in here but the model.
        """
        run, names, returned = self._session.run, [output.name], []
        try:
            for _ in range(passes):
                returned = []
                for feed in feeds:
                    returned.append(run(names, feed)[0])
        except Exception as error:
            raise _refusal_to_run(error) from error
        return returned

    def run_timed(self, passes, feeds, output, times):
        """The same, with the nanoseconds of each call written into `times`."""
        run, names, returned, clock, at = self._session.run, [output.name], [], time.perf_counter_ns, 0
        try:
            for _ in range(passes):
                returned = []
                for feed in feeds:
                    start = clock()
                    given = run(names, feed)[0]
                    times[at] = clock() - start
                    returned.append(given)
                    at += 1
        except Exception as error:
            raise _refusal_to_run(error) from error
        return returned

    def decoded(self, returned, output):
        """What was returned is what it stands for."""
        return returned


def _options(threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # Only what is fatal: an error comes back as an exception, which we log ourselves.
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", NO_FOLDER)
    return options


def _tensor(node):
    tensor = re.fullmatch(r"tensor\((\w+)\)", node.type)
    dtype = _NUMPY_NAMES.get(tensor[1], tensor[1]) if tensor else node.type
    return Tensor(node.name, dtype, tuple(node.shape or ()))


def _refusal_to_load(error):
    text = str(error)
    if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(text):
        return Refused("memory", "Loading the model needs more memory than the limit.")
    if "external data" in text.lower():
        return Refused(
            "onnx_external_data",
            "The model keeps weights outside its file. Save it as one file: "
            "onnx.save(onnx.load('model.onnx'), 'single.onnx', save_as_external_data=False).",
        )
    if found := _NOT_REGISTERED.search(text):
        return _unknown_operator(found)
    if found := _TOO_NEW.search(text):
        return _too_new(found)
    return Refused(
        "onnx_invalid",
        f"{OnnxModel.runtime} cannot load the model: {_cleaned(text)} "
        "Check the file with onnx.checker.check_model(model, full_check=True).",
    )


def _unknown_operator(found):
    domain = found["domain"] or ""
    operator = found["operator"] or found["unregistered"] or found["unimplemented"]
    if domain not in STANDARD_DOMAINS:
        return Refused(
            "onnx_custom_op",
            f"The model uses the operator {quote(operator)} of the domain {quote(domain)}. Only the operators of "
            "ai.onnx, ai.onnx.ml and com.microsoft can run: export the model without custom operators.",
        )
    why = "has no implementation on the CPU for these types" if found["unimplemented"] else "is not known"
    return Refused(
        "onnx_unsupported",
        f"The operator {quote(operator)} {why} in {OnnxModel.runtime}. Export the model with another opset, or "
        "without this operator, and try it with this version of onnxruntime first.",
    )


def _too_new(found):
    if found["ir"]:
        is_newer = f"IR version {found['ir']}, and the newest that can run is {found['ir_max']}"
    else:
        is_newer = (
            f"opset {found['opset']} of {quote(found['domain'])}, and the newest that can run is "
            f"{found['opset_max']}"
        )
    return Refused(
        "onnx_unsupported",
        f"The model is written for {is_newer} ({OnnxModel.runtime}). Export it for an older version.",
    )


def _refusal_to_run(error):
    text = str(error)
    if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(text):
        return Refused("memory", "Running the model needs more memory than the limit.")
    log(f"{OnnxModel.runtime}: {_cleaned(text)}")
    if found := _NODE_FAILED.search(text):
        # What an operator complains of may be a value of the data, so that only its name leaves the sandbox.
        node = f" (node {quote(found['node'])})" if found["node"] else ""
        return Refused(
            "run_failed",
            f"The operator {quote(found['operator'])}{node} failed while the model ran. What onnxruntime said of it "
            "is in the log of the run on the public sample.",
        )
    return Refused(
        "run_failed",
        "The model failed while it ran. What onnxruntime said of it is in the log of the run on the public sample.",
    )


def _cleaned(text):
    """onnxruntime's text without its places in the source."""
    return clean(_NOISE.sub("", text), RUNTIME_TEXT_CHARS_MAX)
