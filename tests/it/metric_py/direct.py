"""Computes by hand what Leanboard has to: the metric file, on tables that pandas reads, once for each split."""

import json
import sys

import pandas

metric, solution, submission = sys.argv[1:]
sys.path.insert(0, metric)
from weighted import score  # noqa: E402

whole = pandas.read_csv(solution).merge(pandas.read_csv(submission), on="id", suffixes=("", "_predicted"))
scores = {}
for split in ("Public", "Private"):
    part = whole[whole["Usage"] == split].reset_index(drop=True)
    truth = part[["id", "price"]].copy()
    guess = part[["id", "price_predicted"]].rename(columns={"price_predicted": "price"})
    scores[split] = score(truth, guess, "id", weights=[0.5, 0.3, 0.2], share=0.25, scale="linear", clip=True)
print(json.dumps(scores))
