"""Prices diamonds with nothing but Python's standard library, for the sake of a fast start.

The logarithm of the price is a polynomial of the logarithm of the weight; each grade of cut, color and clarity adds a
number of its own, and one more per unit of log weight. `coefficients.json` has them.
"""

import csv
import json
from math import exp, log

INPUT = "/kaggle/input/diamonds"
GRADES = ("cut", "color", "clarity")

with open("/kaggle/src/coefficients.json", encoding="utf-8") as file:
    coefficients = json.load(file)
constant, first, second, third, fourth = coefficients["carat"]
cuts, colors, clarities = (coefficients[grade] for grade in GRADES)

with (
    open(f"{INPUT}/test.csv", encoding="utf-8", newline="") as test,
    open("submission.csv", "w", encoding="utf-8", newline="") as submission,
):
    rows = csv.reader(test)
    header = next(rows)
    id_at, carat_at, cut_at, color_at, clarity_at = (header.index(name) for name in ("id", "carat", *GRADES))
    submission.write("id,price\n")
    for row in rows:
        weight = log(float(row[carat_at]))
        cut, cut_slope = cuts[row[cut_at]]
        color, color_slope = colors[row[color_at]]
        clarity, clarity_slope = clarities[row[clarity_at]]
        slope = first + cut_slope + color_slope + clarity_slope
        log_price = (
            constant + cut + color + clarity + weight * (slope + weight * (second + weight * (third + weight * fourth)))
        )
        submission.write(f"{row[id_at]},{exp(log_price) - 1:.2f}\n")
