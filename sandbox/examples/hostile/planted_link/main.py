"""Leaves a link to a file of the system as its submission."""

import os

os.symlink("/etc/passwd", "submission.csv")
