"""What Kaggle's metric files import under this name: errors by their audience, and a call that sorts them.

A message is a participant's when it cannot hold an answer: the answers are numbers, and there is none in it.
"""

import numpy
import pandas
from pandas.api.types import is_bool_dtype, is_numeric_dtype


class ParticipantVisibleError(Exception):
    """Its text is shown to the participant."""


class HostVisibleError(Exception):
    """Its text is shown to hosts alone."""


def safe_call_score(metric_function, solution, submission, **metric_func_kwargs):
    """Calls a metric of a library, whose errors are the participant's where they cannot hold an answer."""
    try:
        return metric_function(solution, submission, **metric_func_kwargs)
    except Exception as error:
        name, message = type(error).__name__, str(error)
        if name == "ParticipantVisibleError" or (
            name != "HostVisibleError" and treat_as_participant_error(message, solution)
        ):
            raise ParticipantVisibleError(message) from error
        raise


def treat_as_participant_error(error_message, solution):
    """Whether a message can hold no answer of this solution."""
    types = list(solution.dtypes) if isinstance(solution, pandas.DataFrame) else [numpy.asarray(solution).dtype]
    if not all(is_numeric_dtype(kind) for kind in types):
        return False
    if any(is_bool_dtype(kind) for kind in types) and any(
        word in error_message.lower() for word in ("true", "false")
    ):
        return False
    return not any(character.isnumeric() for character in error_message)


def verify_valid_probabilities(df, df_name):
    """Raises unless every row of a table has numbers from 0 to 1 that add up to 1."""
    if not all(is_numeric_dtype(kind) for kind in df.dtypes):
        raise ParticipantVisibleError(f"All target values in {df_name} must be numeric")
    if (df < 0).any().any():
        raise ParticipantVisibleError(f"All target values in {df_name} must be at least zero")
    if (df > 1).any().any():
        raise ParticipantVisibleError(f"All target values in {df_name} must be no greater than one")
    if not numpy.allclose(df.sum(axis=1), 1):
        raise ParticipantVisibleError(f"Target values in {df_name} do not add to one within all rows")
