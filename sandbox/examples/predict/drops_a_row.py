"""Answers all rows but the last."""

def predict(batch):
    return batch["carat"].iloc[:-1]
