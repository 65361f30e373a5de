"""Predicts no number for one row."""

def predict(batch):
    prices = batch["carat"] * 1000
    prices.iloc[0] = float("nan")
    return prices
