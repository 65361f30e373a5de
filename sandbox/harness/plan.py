"""What the runner laid out for this run: how to run the model, the arrays of test inputs, what to predict."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy

from protocol import quote
from tensors import dtype_name, show_rows


@dataclass(frozen=True)
class Array:
    """One array of test inputs; axis 0 is the row.

    Its values stay in the file until something binds it. `significant_digits` is the most that any decimal of the
    array was written with, where it is known.
    """

    name: str
    path: Path
    shape: tuple
    dtype: numpy.dtype
    significant_digits: int | None

    def __str__(self):
        return f"{quote(self.name)} ({dtype_name(self.dtype)} {show_rows(self.shape)})"

    def values(self):
        return numpy.load(self.path, allow_pickle=False)


@dataclass(frozen=True)
class Task:
    """What to predict: a "label" of the `classes`, the "probability" of each, or a "value" for each of the `columns`.

    `columns` are those of the file of predictions.
    """

    kind: str
    classes: list[str]
    columns: list[str]


@dataclass(frozen=True)
class Plan:
    """What is the same for every entry; what its manifest says comes apart."""

    rows: int
    batch_size: int
    threads: int
    arrays: list[Array]
    task: Task


def read_plan(folder):
    """Reads `plan.json` and the headers of the arrays beside it."""
    folder = Path(folder)
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    task = plan["task"]
    if task["kind"] not in ("label", "probability", "value"):
        raise ValueError(f"unknown kind of task: {task['kind']}")
    return Plan(
        rows=plan["rows"],
        batch_size=plan["batch_size"],
        threads=plan["threads"],
        arrays=[_array(folder, array, plan["rows"]) for array in plan["arrays"]],
        task=Task(task["kind"], task.get("classes", []), task["columns"]),
    )


def _array(folder, array, rows):
    path = folder / array["file"]
    header = numpy.load(path, mmap_mode="r", allow_pickle=False)
    if len(header) != rows:
        raise ValueError(f"{array['file']} has {len(header)} rows, the plan {rows}")
    return Array(array["name"], path, header.shape, header.dtype, array["significant_digits"])
