"""Prices each diamond by its rank within the batch."""

def predict(batch):
    return batch["carat"].rank() * 100 + 1
