"""Plays the runner's part: lays out inputs, starts the harness on a model and talks to it over two pipes."""

import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy

REPOSITORY = Path(__file__).resolve().parents[3]
HARNESS = REPOSITORY / "sandbox/harness/harness.py"
EXAMPLES = REPOSITORY / "sandbox/examples"
DIGITS = REPOSITORY / "demo/digits"

sys.path.insert(0, str(HARNESS.parent))

DIGIT_CLASSES = [str(digit) for digit in range(10)]


def digits(rows=None):
    """The arrays and the labels of the demo's hidden test, or of its first rows."""
    with open(DIGITS / "hidden/test.csv", newline="") as file:
        lines = list(csv.reader(file))
    with open(DIGITS / "hidden/solution.csv", newline="") as file:
        labels = [line["label"] for line in csv.DictReader(file)]
    features = numpy.array([line[1:] for line in lines[1:]], dtype=numpy.int64)[:rows]
    arrays = {name: features[:, [column]] for column, name in enumerate(lines[0][1:])}
    return arrays | {"features": features}, labels[:rows]


class Harness:
    """A running harness. Use it in a `with` statement."""

    def __init__(self, entry, arrays, classes=DIGIT_CLASSES, batch_size=32, manifest=None):
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        self.predictions_path = folder / "predictions.csv"
        task = {"kind": "value"} if classes is None else {"kind": "label", "classes": classes}
        task["columns"] = ["prediction"]
        plan = {
            "rows": len(next(iter(arrays.values()))),
            "batch_size": batch_size,
            "threads": 1,
            "arrays": [_save(folder, number, *item) for number, item in enumerate(arrays.items())],
            "task": task,
        }
        (folder / "plan.json").write_text(json.dumps(plan))
        command_read, command_write = os.pipe()
        event_read, event_write = os.pipe()
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-I", "-B", HARNESS),
                *("--kind", "tflite" if Path(entry).suffix == ".tflite" else "onnx"),
                *("--entry", entry, "--inputs", folder, "--output", folder),
                *(("--manifest", json.dumps(manifest)) if manifest else ()),
                *("--commands-fd", str(command_read), "--events-fd", str(event_write)),
            ],
            env={},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[command_read, event_write],
        )
        os.close(command_read)
        os.close(event_write)
        self._commands = os.fdopen(command_write, "wb", buffering=0)
        self._events = os.fdopen(event_read, "rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._commands.close()
        self.process.kill()
        self.log = self.process.stderr.read().decode()
        self.process.stderr.close()
        self.process.wait()
        self._events.close()
        self._folder.cleanup()

    def event(self):
        return json.loads(self._events.readline())

    def send(self, **command):
        self._commands.write(json.dumps(command).encode() + b"\n")
        return self.event()

    def hang_up(self):
        self._commands.close()

    def exit_code(self):
        return self.process.wait(timeout=30)

    def predictions(self):
        with open(self.predictions_path, newline="", encoding="utf-8") as file:
            header, *lines = csv.reader(file)
        assert header == ["prediction"]
        return [line[0] for line in lines]


def _save(folder, number, name, values):
    numpy.save(folder / f"{number}.npy", values)
    return {"name": name, "file": f"{number}.npy", "significant_digits": None}
