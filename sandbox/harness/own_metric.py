"""Calls a host's own metric inside a sandbox of its own: `score(solution, submission, row_id_column_name, **params)`.

The runner starts it as `python -I own_metric.py`; `frames.json` has the right answers and the predictions as columns.
The function is called for the public rows, the private ones and all of them. What came of it is one object in
`scores.json`: the three scores, the text of a ParticipantVisibleError, why a score is no finite number, or what else went wrong, whose traceback is on
standard error.
"""

import csv
import importlib.util
import inspect
import io
import json
import math
import os
import sys
import traceback
from pathlib import Path

# Python's isolated mode keeps the script's own folder off the path.
sys.path.append(str(Path(__file__).resolve().parent))

import numpy  # noqa: E402
import pandas  # noqa: E402

from protocol import MESSAGE_CHARS_MAX, clean  # noqa: E402

METRIC = Path("/metric/metric.py")
FRAMES = Path("/frames/frames.json")
SCORES = Path("/output/scores.json")
# Kaggle's metrics define this class themselves.
VISIBLE = "ParticipantVisibleError"


class NotFinite(Exception):
    """A score that is NaN or infinite: what the participant predicted may bring that about."""


class Broken(Exception):
    """The metric is not what it has to be: a sentence for its host."""


def main():
    try:
        frames = json.loads(FRAMES.read_text(encoding="utf-8"))
        said = {"scores": scores(load(METRIC, frames["params"]), frames)}
    except BaseException as error:
        said = refusal(error)
    SCORES.write_text(json.dumps(said), encoding="utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    # Nothing that the metric started holds this up.
    os._exit(0)


def load(path, params):
    """The function `score` of the host's file, which takes these parameters."""
    specification = importlib.util.spec_from_file_location("metric", path)
    module = importlib.util.module_from_spec(specification)
    sys.modules["metric"] = module
    specification.loader.exec_module(module)
    score = getattr(module, "score", None)
    if not callable(score):
        raise Broken("metric.py defines no function `score`")
    try:
        inspect.signature(score).bind(None, None, "id", **params)
    except TypeError as error:
        raise Broken(
            "`score` must take solution, submission and row_id_column_name, and what is in [metric.params] by name: "
            f"{error}"
        ) from None
    return lambda solution, submission, row_id: score(solution, submission, row_id, **params)


def scores(score, frames):
    row_id, splits = frames["row_id"], frames["splits"]
    solution, submission = (table(frames, name) for name in ("solution", "submission"))

    def on(name, rows):
        # A metric may change what it is given.
        parts = (whole.take(rows).reset_index(drop=True) for whole in (solution, submission))
        return number(name, score(*parts, row_id))

    return {
        "public": on("the public rows", splits["public"]),
        "private": on("the private rows", splits["private"]),
        "all": on("all rows", range(len(solution))),
    }


def table(frames, name):
    """A table of the row ids and its columns, as `pandas.read_csv` would type them."""
    columns = {frames["row_id"]: series(frames["ids"])}
    for column in frames[name]:
        columns[column["name"]] = series(column)
    return pandas.DataFrame(columns)


def series(column):
    if column["type"] != "csv":
        return pandas.Series(column["values"], dtype=column["type"])
    text = io.StringIO()
    csv.writer(text).writerows([["column"], *([cell] for cell in column["values"])])
    text.seek(0)
    return pandas.read_csv(text)["column"]


def number(rows, value):
    if isinstance(value, numpy.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool) or not isinstance(value, (int, float, numpy.integer, numpy.floating)):
        raise Broken(f"`score` returned no number for {rows} but a {type(value).__name__}")
    value = float(value)
    if not math.isfinite(value):
        raise NotFinite(f"`score` returned {value} for {rows}, which is no finite number")
    return value


def refusal(error):
    if any(kind.__name__ == VISIBLE for kind in type(error).__mro__):
        return {"visible": clean(str(error), MESSAGE_CHARS_MAX)}
    if isinstance(error, NotFinite):
        print(error, file=sys.stderr)
        return {"not_finite": clean(str(error), MESSAGE_CHARS_MAX)}
    if isinstance(error, Broken):
        print(error, file=sys.stderr)
        return {"failed": clean(str(error), MESSAGE_CHARS_MAX)}
    traceback.print_exception(error.with_traceback(within_metric(error.__traceback__)))
    return {"failed": clean(f"{type(error).__name__}: {error}", MESSAGE_CHARS_MAX)}


def within_metric(frames):
    """What is left of a traceback without the way that leads into the metric."""
    within, frame = frames, frames
    while frame:
        if frame.tb_frame.f_code.co_filename == __file__ and frame.tb_next:
            within = frame.tb_next
        frame = frame.tb_next
    return within


if __name__ == "__main__":
    main()
