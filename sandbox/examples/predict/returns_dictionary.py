"""Returns a dictionary."""

def predict(batch):
    return dict(zip(batch["id"], batch["carat"] * 1000))
