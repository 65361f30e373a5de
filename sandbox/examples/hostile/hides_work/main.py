"""Does its work where it might not count: before anything is asked of it, at exit, and in orphans of sessions of their own."""

import atexit
import os
import time

from attack import leave_submission


def burn():
    """Takes 0.2 s of CPU time."""
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass


burn()
atexit.register(burn)
finished, finish = os.pipe()
for _ in range(2):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            burn()
            os.write(finish, b".")
        os._exit(0)
    os.wait()
for _ in range(2):
    os.read(finished, 1)
leave_submission()
