"""Forgets to return."""

def predict(batch):
    batch["carat"] * 1000
