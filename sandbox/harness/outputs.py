"""Chooses the output of a model that is its prediction."""

from protocol import Refused, quote
from tensors import show_list

# What converters call the output that holds the prediction, best first.
PREDICTION_NAMES = ("label", "output_label", "variable")
PROBABILITY_NAMES = ("probabilities", "output_probability")


def choose_output(outputs, kind, wanted=None):
    """The output named by the manifest, else the only one, else the one with a converter's usual name.

    `kind` is that of the task.
    """
    by_name = {tensor.name: tensor for tensor in outputs}
    if wanted is not None:
        if wanted not in by_name:
            raise Refused(
                "output_unknown",
                f"The manifest takes output {quote(wanted)}, which the model does not have. It has: {show_list(outputs)}.",
            )
        return by_name[wanted]
    if len(outputs) == 1:
        return outputs[0]
    usual = PROBABILITY_NAMES if kind == "probability" else PREDICTION_NAMES
    for name in usual:
        if name in by_name:
            return by_name[name]
    raise Refused(
        "output_ambiguous",
        f"The model has {len(outputs)} outputs and none of them is named {' or '.join(usual)}: "
        f"{show_list(outputs)}. Name the one with the prediction '{usual[0]}', or export the model with that one only.",
    )
