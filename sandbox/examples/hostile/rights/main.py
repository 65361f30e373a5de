"""Asks for more rights than it has: other users, devices, priorities, CPUs."""

import os

from attack import leave_submission, refused

refused("root", os.setuid, 0)
refused("root's group", os.setgid, 0)
refused("groups", os.setgroups, [0])
refused("another owner", os.chown, "/kaggle/working", 0, 0)
refused("a device", os.mknod, "/tmp/device", 0o600 | 0o020000, os.makedev(1, 1))
refused("a device", os.mknod, "/kaggle/working/device", 0o600 | 0o060000, os.makedev(8, 0))
refused("a priority", os.nice, -5)
refused("a priority", os.setpriority, os.PRIO_PROCESS, 0, -5)
refused("a real-time priority", os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1))
own = os.sched_getaffinity(0)
try:
    os.sched_setaffinity(0, range(1024))
except OSError:
    pass
if os.sched_getaffinity(0) != own:
    raise SystemExit("reached: other CPUs")
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
    if int(status[name], 16):
        raise SystemExit(f"reached: capabilities {name}")
leave_submission()
