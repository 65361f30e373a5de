"""Prints all that could tell it which run this is; each run must look like every other."""

import hashlib
import os
import re
import socket

from attack import leave_submission

# Numbers that the kernel counts up for the whole machine say nothing of a run's place.
mounts = [re.sub(r"^\d+ \d+ \d+:\d+", "", line) for line in open("/proc/self/mountinfo")]
# The smoke run has other inputs, which tells it from the rest anyway.
mounts = [line.split(" - ")[0].replace("/sample/", "/test/") for line in mounts]
seen = {
    "environment": sorted(os.environ.items()),
    "process": (os.getpid(), os.getppid(), os.getuid(), os.getcwd()),
    "host": (socket.gethostname(), sorted(os.listdir("/proc/self/fd"))[:5]),
    "group": open("/proc/self/cgroup").read().count("\n"),
    "folders": [(path, sorted(os.listdir(path))) for path in ("/", "/tmp", "/kaggle", "/kaggle/working", "/dev")],
    "mounts": mounts,
}
for name, what in seen.items():
    print(name, hashlib.sha256(repr(what).encode()).hexdigest()[:16])
leave_submission()
