"""Counts pieces of words, of two to five letters, and whole words, in a fixed number of places by their hash."""

from pathlib import Path

import numpy
from sklearn.feature_extraction.text import HashingVectorizer

PLACES = 2**14


def vectorizers():
    """No word is kept, so that nothing has to be learnt or stored."""
    pieces = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 5), n_features=PLACES, alternate_sign=False)
    words = HashingVectorizer(ngram_range=(1, 2), token_pattern="[a-z0-9]+", n_features=PLACES, alternate_sign=False)
    return pieces, words


def load():
    global weights, biases, topics
    model = numpy.load(Path(__file__).parent / "weights.npz")
    weights = model["weights"].astype(numpy.float32) * model["scales"]
    biases, topics = model["biases"], model["topics"]


def predict(batch):
    pieces, words = (vectorizer.transform(batch["gloss"]) for vectorizer in vectorizers())
    scores = pieces @ weights[:PLACES] + words @ weights[PLACES:] + biases
    return topics[scores.argmax(axis=1)]
