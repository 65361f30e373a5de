"""Drives a participant's model inside the sandbox: loads it, waits for the word, makes passes, writes predictions.

The runner starts it as `python -I harness.py`, sends commands and reads events (see `protocol.py`), and measures from
outside. Exit status: 0 when it was told to finish or the runner hung up, 3 when the entry breaks its contract, which
the last event explains, anything else when the fault is ours.
"""

import argparse
import gc
import sys
from array import array
from pathlib import Path

# Python's isolated mode keeps the script's own folder off the path.
sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy  # noqa: E402

from binding import bind  # noqa: E402
from manifest import read_manifest  # noqa: E402
from outputs import choose_output  # noqa: E402
from plan import read_plan  # noqa: E402
from predictions import prediction_reader, write_predictions  # noqa: E402
from protocol import Commands, Events, Refused  # noqa: E402

EXIT_REFUSED = 3


def main():
    arguments = parse_arguments()
    events = Events(arguments.events_fd)
    try:
        drive(arguments, Commands(arguments.commands_fd), events)
    except Refused as refused:
        events.failed(refused)
    except MemoryError:
        events.failed(Refused("memory", "The model and its batches need more memory than the limit."))
    else:
        return
    sys.exit(EXIT_REFUSED)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=("onnx", "tflite"), required=True)
    parser.add_argument("--entry", type=Path, default="/entry/model")
    parser.add_argument("--inputs", type=Path, default="/inputs")
    parser.add_argument("--output", type=Path, default="/output")
    parser.add_argument("--batch-size", type=int, help="rows at a time, in place of the plan's")
    parser.add_argument("--time-calls", action="store_true", help="say how long the calls of the last run took")
    parser.add_argument("--manifest", help="what the entry's manifest says, as JSON")
    parser.add_argument("--commands-fd", type=int, default=5)
    parser.add_argument("--events-fd", type=int, default=6)
    return parser.parse_args()


def drive(arguments, commands, events):
    plan = read_plan(arguments.inputs)
    model = load_model(arguments.kind, arguments.entry, plan.threads)
    manifest = read_manifest(arguments.manifest)
    output = choose_output(model.outputs, plan.task.kind, manifest.output)
    reader = prediction_reader(output, plan.task, manifest)
    batch_size = arguments.batch_size or plan.batch_size
    binding = bind(model.inputs, plan.arrays, plan.rows, batch_size, model.needs_whole_batches, manifest.sources)
    model.prepare(binding.feeds)

    # No collection may fall into a pass, and nothing that lives by now is garbage.
    gc.collect()
    gc.freeze()
    gc.disable()

    events.ready(
        rows=plan.rows,
        batch_size=binding.batch_size,
        inputs=[{**tensor.event(), "from": source} for tensor, source in zip(model.inputs, binding.sources)],
        output=output.event(),
        runtime=model.runtime,
    )

    returned, times = None, None
    for command in commands:
        if "run" in command:
            if arguments.time_calls:
                times = array("q", bytes(8 * command["run"] * len(binding.feeds)))
                returned = model.run_timed(command["run"], binding.feeds, output, times)
            else:
                returned = model.run_passes(command["run"], binding.feeds, output)
            events.done(command["run"])
        elif command.get("finish"):
            chunks = list(zip(model.decoded(returned, output), binding.rows_fed))
            predictions = reader.predictions(chunks, plan.rows)
            write_predictions(arguments.output / "predictions.csv", plan.task.columns, predictions)
            events.finished(latency(times) if arguments.time_calls else None)
            return
        else:
            raise ValueError(f"unknown command: {command}")


def latency(times):
    """The times that so many of a hundred calls did not exceed: of those that were measured, the nearest by rank."""
    ordered = numpy.sort(numpy.frombuffer(times, dtype="int64"))
    ranks = {percent: -(-len(ordered) * percent // 100) for percent in (50, 90, 99)}
    return {"calls": len(ordered), **{f"p{percent}_ns": int(ordered[rank - 1]) for percent, rank in ranks.items()}}


def load_model(kind, path, threads):
    """The model, by the one runtime that it needs: importing the other would cost it time and memory."""
    if kind == "onnx":
        from onnx_model import OnnxModel

        return OnnxModel(path, threads)
    from tflite_model import TfliteModel

    return TfliteModel(path, threads)


if __name__ == "__main__":
    main()
