"""Writes into the output folder until it is full."""

with open("rubbish", "wb") as file:
    while True:
        file.write(bytes(1 << 20))
        file.flush()
