"""Returns a DataFrame without the target."""

def predict(batch):
    return batch[["x", "y"]]
