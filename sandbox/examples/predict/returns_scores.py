"""Returns three numbers for each row."""

def predict(batch):
    return batch[["x", "y", "z"]].to_numpy()
