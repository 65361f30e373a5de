"""Answers single rows by a number, and several by a list."""

def predict(batch):
    prices = [float(carat) * 3000 for carat in batch["carat"]]
    return prices[0] if len(prices) == 1 else prices
