"""Loads a file that is not there."""

def load():
    open("/kaggle/src/weights.bin")


def predict(batch):
    return batch["carat"]
