"""Answers the rows in another order."""

def predict(batch):
    sorted_rows = batch.sort_values("carat")
    return sorted_rows[["id"]].assign(price=sorted_rows["carat"] * 1000)
