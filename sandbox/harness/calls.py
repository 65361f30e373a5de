"""Drives a participant's function inside the sandbox: imports it, has it load, and calls it with each batch that the
runner sends.

The runner starts it as `python -I calls.py` in the working folder, and measures from outside. Exit status: 0 when it was
told to finish or the runner hung up, 3 when the entry breaks its contract, which the last event explains, anything else
when the code in it ended the process.
"""

import argparse
import gc
import os
import platform
import runpy
import sys
import traceback
from pathlib import Path

HARNESS = str(Path(__file__).resolve().parent)
# Python's isolated mode keeps the script's own folder off the path.
sys.path.insert(0, HARNESS)

import pandas  # noqa: E402

import inference_server  # noqa: E402
from frames import Pipe  # noqa: E402
from function import Function  # noqa: E402
from protocol import Refused  # noqa: E402

EXIT_REFUSED = 3
OURS = ("frames", "function", "inference_server", "protocol", "tensors")


def main():
    arguments = parse_arguments()
    pipe = Pipe(arguments.commands_fd, arguments.events_fd)
    try:
        drive(arguments.entry, pipe)
    except Refused as refused:
        pipe.event("failed", code=refused.code, message=refused.message)
        sys.exit(EXIT_REFUSED)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entry", type=Path, default="/kaggle/src")
    parser.add_argument("--commands-fd", type=int, default=5)
    parser.add_argument("--events-fd", type=int, default=6)
    return parser.parse_args()


def drive(entry, pipe):
    opening = pipe.command()
    make_room_for(entry)
    served = inference_server.offer(lambda functions: serve(Function.served(functions, opening), pipe))
    main_file = entry / "main.py"
    if main_file.is_file() and inference_server.NAME in main_file.read_text("utf-8", "replace"):
        with telling("predict_import", "main.py", served):
            runpy.run_path(str(main_file), run_name="__main__")
        if not served.happened:
            raise Refused(
                "predict_missing",
                "main.py came to its end without serving. Call serve() of its inference server, as where the environment "
                "variable KAGGLE_IS_COMPETITION_RERUN is set.",
            )
        return
    if not (entry / "predict.py").is_file():
        raise Refused("predict_missing", "The zip has no predict.py at its top, whose function predict() is called.")
    with telling("predict_import", "predict.py", served):
        import predict as module
    # It was an inference server, and has been called already.
    if not served.happened:
        function = Function.of_module(module, opening)
        load = getattr(module, "load", None)
        if callable(load):
            with telling("predict_import", "load()", served):
                load()
        serve(function, pipe)


def make_room_for(entry):
    """The entry's own modules come first, and none of the harness's stands in their way."""
    sys.path.remove(HARNESS)
    sys.path.insert(0, str(entry))
    for name in OURS:
        sys.modules.pop(name, None)


class telling:
    """Puts what the code raises into the contract's words, and its traceback into the log."""

    def __init__(self, code, what, served=None):
        self._code = code
        self._what = what
        self._served = served

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self._served and self._served.refused:
            # The code may have caught it.
            raise self._served.refused
        if error is None or isinstance(error, Refused):
            return False
        if isinstance(error, SystemExit) and self._served and self._served.happened:
            return True
        if isinstance(error, MemoryError):
            raise Refused("memory", f"{self._what} needs more memory than the limit.") from None
        if not isinstance(error, (Exception, SystemExit)):
            return False
        log_error(error)
        raise Refused(self._code, f"{self._what} failed with {in_words(error)}{hint(error)}") from None


def in_words(error):
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def hint(error):
    if isinstance(error, ModuleNotFoundError):
        return ". Only the packages of the runtime can be imported, and what the zip has itself."
    return ". The whole traceback is in the log."


def log_error(error):
    """The traceback, without the frames of the harness at its beginning."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith((HARNESS, "<frozen")):
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace, file=sys.stderr)
    sys.stderr.flush()


def serve(function, pipe):
    """Answers batch after batch until it is told to finish."""
    # Nothing that lives by now is garbage. The code's own collections are its own cost.
    gc.collect()
    gc.freeze()
    pipe.event("ready", runtime=f"Python {platform.python_version()}, pandas {pandas.__version__}")
    while (command := pipe.command()) is not None:
        if "call" in command:
            rows = command["call"]
            buffer = pipe.read(command["bytes"])
            batch = function.batch(rows, buffer)
            with telling("predict_failed", "predict()"):
                returned = function.call(batch)
            kind, body = function.predictions(returned, batch, rows)
            pipe.event("predicted", body, rows=rows, type=kind, bytes=len(body))
        elif command.get("finish"):
            pipe.event("finished")
            return
        else:
            raise ValueError(f"unknown command: {command}")


if __name__ == "__main__":
    main()
