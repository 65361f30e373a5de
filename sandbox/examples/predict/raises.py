"""Asks for a column that is not there."""

def predict(batch):
    return batch["weight"] * 2
