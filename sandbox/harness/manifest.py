"""What the entry's `leanboard.toml` says of how its model is run; the door has checked each key by itself."""

import json
from dataclasses import dataclass, field

# Stands in a constant's shape for the rows of the batch.
BATCH = "batch"


@dataclass(frozen=True)
class Constant:
    """The same value in each place of an input; an input without a `shape` takes a scalar."""

    value: bool | int | float | str
    shape: tuple = ()

    @property
    def is_by_row(self):
        return self.shape[:1] == (BATCH,)


@dataclass(frozen=True)
class Manifest:
    """`sources` has the array's name or the `Constant` for inputs of the model, `output` names the output that counts.

    Of two classes, an output of `threshold` and more is the second. `activation` makes probabilities of the output.
    """

    sources: dict = field(default_factory=dict)
    output: str | None = None
    threshold: float | None = None
    activation: str | None = None


def read_manifest(text):
    """From JSON; without a text it says nothing."""
    written = json.loads(text) if text else {}
    return Manifest(
        sources={name: _source(source) for name, source in written.get("inputs", {}).items()},
        output=written.get("output"),
        threshold=written.get("threshold"),
        activation=written.get("activation"),
    )


def _source(source):
    if "from" in source:
        return source["from"]
    return Constant(source["const"], tuple(source["shape"]))
