"""Prints how the starter entries of `diamonds` compare: score, CPU time from start to exit, efficiency.

A rehearsal of the competition's board, to see after a change that no entry wins by being only cheap or only accurate.
Run it with the sandbox's Python, which has the packages that the entries need. Models run in the sandbox's harness and
scripts as they are, but outside the sandbox: trust what you run. A script finds its files because every `/kaggle` in
its `main.py` is replaced by a temporary folder.
"""

import csv
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

import numpy

REPOSITORY = Path(__file__).resolve().parents[2]
DIAMONDS = REPOSITORY / "demo/diamonds"
HARNESS = REPOSITORY / "sandbox/harness/harness.py"

ROUNDS = 5
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}
# What a decimal of the table is written with at most.
SIGNIFICANT_DIGITS = 4


def main():
    rules = tomllib.loads((DIAMONDS / "competition.toml").read_text())
    paths = [DIAMONDS / starter["file"] for starter in rules["starter"]]
    [reference] = [DIAMONDS / starter["file"] for starter in rules["starter"] if starter.get("reference")]
    costs_s = {path: [] for path in paths}
    predictions = {}
    # By turns, so that what else the machine does falls on all of them.
    for _ in range(ROUNDS):
        for path in paths:
            cost_s, found = run(path, rules["entries"].get("batch_size", 32))
            if predictions.setdefault(path, found) != found:
                print(f"{path.name} does not predict the same in every run")
            costs_s[path].append(cost_s)

    entries = {path: (scores(predictions[path]), min(costs_s[path])) for path in paths}
    best, reference_s = entries[reference]
    benchmark = rules["metric"]["benchmark"]
    worth = rules["efficiency"].get("halving_cost_is_worth")
    columns = "entry", "bytes", "CPU s", "all", "public", "private", "efficiency: all", "public", "private"
    print("{:20} {:>9} {:>13} {:>7} {:>7} {:>7} {:>16} {:>8} {:>8}".format(*columns))
    for path, (own, cost_s) in entries.items():
        efficiencies = []
        for score, top in zip(own, best):
            span = benchmark - top
            scale_s = reference_s * span / (worth or 0.01 * span) / 2
            efficiencies.append(1 - (benchmark - score) / span + cost_s / scale_s)
        print(
            f"{path.name:20} {path.stat().st_size:9,} {cost_s:6.3f}–{max(costs_s[path]):.3f}".ljust(45),
            *(f"{score:7.4f}" for score in own),
            "{:16.4f} {:8.4f} {:8.4f}".format(*efficiencies),
        )


def scores(predictions):
    """The RMSLE of all rows, the public and the private ones."""
    with open(DIAMONDS / "hidden/solution.csv", newline="") as file:
        solution = list(csv.DictReader(file))
    errors = numpy.array([math.log1p(predictions[row["id"]]) - math.log1p(float(row["price"])) for row in solution])
    public = numpy.array([row["Usage"] == "Public" for row in solution])
    return [math.sqrt((part**2).mean()) for part in (errors, errors[public], errors[~public])]


def run(path, batch_size):
    """The CPU seconds of one run from start to exit, and the price for each id."""
    with tempfile.TemporaryDirectory() as folder:
        return (run_script if path.suffix == ".zip" else run_model)(path, Path(folder), batch_size)


def run_script(path, folder, _):
    given, source, working = folder / "input/diamonds", folder / "src", folder / "working"
    given.mkdir(parents=True)
    working.mkdir()
    for name in ("data/train.csv", "data/sample_submission.csv", "hidden/test.csv"):
        shutil.copy(DIAMONDS / name, given)
    with zipfile.ZipFile(path) as bundle:
        bundle.extractall(source)
    main = source / "main.py"
    main.write_text(main.read_text().replace("/kaggle", str(folder)))
    variables = ONE_THREAD | {"KAGGLE_IS_COMPETITION_RERUN": "1"}
    cost_s = spent([sys.executable, "-B", main], cwd=working, env=variables)
    with open(working / "submission.csv", newline="") as file:
        return cost_s, {row["id"]: float(row["price"]) for row in csv.DictReader(file)}


def run_model(path, folder, batch_size):
    ids = write_plan(folder, batch_size)
    command_read, command_write = os.pipe()
    event_read, event_write = os.pipe()
    os.write(command_write, b'{"run": 1}\n{"finish": true}\n')
    os.close(command_write)
    arguments = ["--entry", path, "--inputs", folder, "--output", folder]
    pipes = ["--commands-fd", str(command_read), "--events-fd", str(event_write)]
    cost_s = spent(
        [sys.executable, "-I", "-B", HARNESS, *arguments, *pipes], env=ONE_THREAD, pass_fds=[command_read, event_write]
    )
    os.close(command_read)
    os.close(event_write)
    with open(event_read, encoding="utf-8") as events:
        *_, last = map(json.loads, events)
    if last["event"] != "finished":
        sys.exit(f"{path.name}: {last}")
    with open(folder / "predictions.csv", newline="") as file:
        return cost_s, {id: float(row["prediction"]) for id, row in zip(ids, csv.DictReader(file))}


def write_plan(folder, batch_size):
    """Lays the test inputs out as the runner does, each column under its own name; returns the ids."""
    with open(DIAMONDS / "hidden/test.csv", newline="") as file:
        header, *lines = csv.reader(file)
    ids, *columns = zip(*lines)
    arrays = []
    for number, (name, cells) in enumerate(zip(header[1:], columns)):
        values = numpy.array(cells)
        values = values if name in ("cut", "color", "clarity") else values.astype(float)
        numpy.save(folder / f"{number}.npy", values[:, None])
        arrays.append({"name": name, "file": f"{number}.npy", "significant_digits": SIGNIFICANT_DIGITS})
    plan = {
        "rows": len(ids),
        "batch_size": batch_size,
        "threads": 1,
        "arrays": arrays,
        "task": {"kind": "value"},
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    return ids


def spent(command, **options):
    """The CPU seconds of a program and what it started."""
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
    _, status, usage = os.wait4(program.pid, 0)
    program.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
