"""Prints how the starter entries of `digits` compare: score, CPU time per pass through the harness, efficiency.

A rehearsal of the competition's board, to see after a change that no entry wins by being only cheap or only accurate.
It needs onnxruntime, LiteRT and numpy, as the sandbox has them.
"""

import csv
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "sandbox/harness/tests"))

from support import DIGITS, Harness, digits  # noqa: E402

# A score of 0.1 is what guessing earns; a pass that costs as much as 50 of the reference weighs as much as all of it.
BENCHMARK = 0.1
COST_SCALE = 50
WINDOW_S = 1.0
WINDOWS = 5


def main():
    arrays, labels = digits()
    public = [usage == "Public" for usage in usages()]
    rules = tomllib.loads((DIGITS / "competition.toml").read_text())
    entries = {}
    for starter in rules["starter"]:
        path = DIGITS / starter["file"]
        cost_s, predictions = measure(path, arrays)
        right = [predicted == label for predicted, label in zip(predictions, labels)]
        entries[path.name] = (path.stat().st_size, cost_s, scores(right, public))
        if starter.get("reference"):
            _, reference_s, best = entries[path.name]

    columns = "entry", "bytes", "CPU ms", "all", "public", "private", "efficiency: all", "public", "private"
    print("{:24} {:>9} {:>16} {:>7} {:>7} {:>7} {:>16} {:>8} {:>8}".format(*columns))
    for name, (size, costs_s, own) in entries.items():
        cost = min(costs_s) / min(reference_s) / COST_SCALE
        efficiencies = [1 - (s - BENCHMARK) / (top - BENCHMARK) + cost for s, top in zip(own, best)]
        shown_cost = f"{min(costs_s) * 1e3:.3f}–{max(costs_s) * 1e3:.3f}"
        print(
            f"{name:24} {size:9,} {shown_cost:>16}",
            *(f"{score:7.4f}" for score in own),
            "{:16.4f} {:8.4f} {:8.4f}".format(*efficiencies),
        )


def usages():
    with open(DIGITS / "hidden/solution.csv", newline="") as file:
        return [line["Usage"] for line in csv.DictReader(file)]


def scores(right, public):
    """The share of right labels among all rows, the public and the private ones."""
    split = [[r for r, p in zip(right, public) if p], [r for r, p in zip(right, public) if not p]]
    return [sum(rows) / len(rows) for rows in (right, *split)]


def measure(path, arrays):
    """The CPU seconds per pass in a few windows, and the predictions."""
    with Harness(path, arrays) as harness:
        ready = harness.event()
        if ready["event"] != "ready":
            sys.exit(f"{path.name}: {ready}")
        harness.send(run=3)
        passes = int(WINDOW_S / spent(harness, 3) * 3) + 1
        costs_s = [spent(harness, passes) / passes for _ in range(WINDOWS)]
        harness.send(finish=True)
        return costs_s, harness.predictions()


def spent(harness, passes):
    before_s = cpu_s(harness.process.pid)
    harness.send(run=passes)
    return cpu_s(harness.process.pid) - before_s


def cpu_s(pid):
    """The CPU time of all threads of a process."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


if __name__ == "__main__":
    main()
