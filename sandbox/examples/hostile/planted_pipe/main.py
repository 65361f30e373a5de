"""Tries to leave a named pipe as its submission, which nobody ever writes to."""

import os

from attack import leave_submission, refused

refused("a named pipe", os.mkfifo, "submission.csv")
leave_submission()
