"""Wants all the memory there is."""

def predict(batch):
    hoard = []
    while True:
        hoard.append(bytearray(1 << 24))
