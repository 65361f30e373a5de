"""
A weighted sum of three errors of prices, as a metric file of Kaggle's looks: nothing in it knows of Leanboard.
"""

from typing import Sequence

import numpy as np
import pandas as pd
import pandas.api.types
from sklearn.metrics import mean_absolute_error, mean_squared_log_error


class ParticipantVisibleError(Exception):
    pass


def within(solution: pd.Series, submission: pd.Series, share: float) -> float:
    """The share of prices that are off by more."""
    return float((np.abs(submission - solution) > share * solution).mean())


def score(
    solution: pd.DataFrame,
    submission: pd.DataFrame,
    row_id_column_name: str,
    weights: Sequence[float] = (1.0, 0.0, 0.0),
    share: float = 0.5,
    scale: str = "linear",
    clip: bool = False,
) -> float:
    """
    The weighted sum of the root mean squared logarithmic error, the mean absolute error in thousands, and the share of
    prices that are far off.

    >>> row_id_column_name = "id"
    >>> y = pd.DataFrame({"id": [0, 1], "price": [100, 200]})
    >>> score(y.copy(), y.copy(), row_id_column_name)
    0.0
    """
    del solution[row_id_column_name]
    del submission[row_id_column_name]

    for column in submission.columns:
        if not pandas.api.types.is_numeric_dtype(submission[column]):
            raise ParticipantVisibleError(f"Submission column {column} must be a number")
    if submission.min().min() < 0:
        raise ParticipantVisibleError("No price is below 0: clip them, or ask <your> model why.")

    truth, guess = solution["price"], submission["price"]
    if clip:
        guess = guess.clip(1, 20_000)
    thousand = {"linear": 1_000.0, "raw": 1.0}[scale]
    parts = [
        np.sqrt(mean_squared_log_error(truth, guess)),
        mean_absolute_error(truth, guess) / thousand,
        within(truth, guess, share),
    ]
    return np.dot(weights, parts)
