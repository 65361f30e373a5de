"""Adds up what each word and each pair of words says for each topic. Words are cut to their stems roughly."""

import re
from pathlib import Path

import numpy

WORD = re.compile(r"[a-z0-9]+")
ENDINGS = ("ing", "ed", "es", "s")


def load():
    global row_of, weights, biases, topics
    model = numpy.load(Path(__file__).parent / "weights.npz")
    row_of = {term: row for row, term in enumerate(model["terms"].tobytes().decode().split("\n"))}
    weights = model["weights"].astype(numpy.float32) * model["scales"]
    biases, topics = model["biases"], model["topics"]


def stem(word):
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def terms(gloss):
    words = [stem(word) for word in WORD.findall(gloss.lower())]
    return {*words, *map(" ".join, zip(words, words[1:]))}


def predict(batch):
    scores = numpy.empty((len(batch), len(topics)), numpy.float32)
    for scored, gloss in zip(scores, batch["gloss"]):
        rows = [row_of[term] for term in terms(gloss) if term in row_of]
        # The length of the gloss is not to count, only what it says.
        scored[:] = weights[rows].sum(axis=0) / max(len(rows), 1) ** 0.5 + biases
    return topics[scores.argmax(axis=1)]
