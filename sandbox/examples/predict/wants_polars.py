"""Is annotated for polars, which the runtime does not have."""

from __future__ import annotations


def predict(batch: pl.DataFrame) -> pl.DataFrame:
    return batch
