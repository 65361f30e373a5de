"""Ends the process in the middle of a batch."""

import os


def predict(batch):
    os._exit(0)
