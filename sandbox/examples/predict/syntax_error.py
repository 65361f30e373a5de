"""Is no Python."""

def predict(batch)
    return batch["carat"]
