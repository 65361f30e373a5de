"""Returns dates."""

import pandas


def predict(batch):
    return pandas.Series(pandas.Timestamp("2026-01-01"), batch.index)
