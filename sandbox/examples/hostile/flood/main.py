"""Floods its output."""

while True:
    print("x" * 65536)
