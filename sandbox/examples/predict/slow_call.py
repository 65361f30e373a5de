"""Takes its time for every batch but the first, which may take it."""

import time

calls = 0


def predict(batch):
    global calls
    calls += 1
    time.sleep(4 if calls == 1 else 3600)
    return batch["carat"] * 1000
