"""Writes to the harness's pipes without an end and without a line."""

import os


def predict(batch):
    while True:
        for fd in range(3, 64):
            try:
                os.write(fd, b"x" * 4096)
            except OSError:
                pass
