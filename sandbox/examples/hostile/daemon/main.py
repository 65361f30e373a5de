"""Leaves processes behind that outlive it: sessions of their own, forked twice, deaf to signals, with its output open."""

import os
import signal

from attack import leave_submission

for _ in range(4):
    if os.fork() == 0:
        os.setsid()
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        if os.fork() == 0:
            while True:
                pass
        os._exit(0)
leave_submission()
