"""Counts pieces of words, of three to five letters, words and pairs of words, in a fixed number of places by their hash."""

from pathlib import Path

import numpy
from sklearn.feature_extraction.text import HashingVectorizer

PIECES, WORDS = 2**14, 2**15


def vectorizers():
    """Nothing is learnt by them, so that nothing but the weights of the places is stored."""
    pieces = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), n_features=PIECES, alternate_sign=False)
    words = HashingVectorizer(ngram_range=(1, 2), token_pattern="[a-z0-9]+", n_features=WORDS, alternate_sign=False)
    return pieces, words


def load():
    global weights, biases, topics
    model = numpy.load(Path(__file__).parent / "weights.npz")
    weights = model["weights"].astype(numpy.float32) * model["scales"]
    biases, topics = model["biases"], model["topics"]


def predict(batch):
    pieces, words = (vectorizer.transform(batch["gloss"]) for vectorizer in vectorizers())
    scores = pieces @ weights[:PIECES] + words @ weights[PIECES:] + biases
    return topics[scores.argmax(axis=1)]
