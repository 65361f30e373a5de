"""Returns a missing value in place of a number."""

def predict(batch):
    return [None] + batch["carat"].tolist()[1:]
