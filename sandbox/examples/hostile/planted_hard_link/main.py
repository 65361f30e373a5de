"""Leaves a submission that has another name, too."""

import os

from attack import leave_submission

leave_submission("other.csv")
os.link("other.csv", "submission.csv")
