"""Looks into other processes: ptrace, their memory, their descriptors, their environment."""

import os
import time

from attack import leave_submission, no_such_call, refused

child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
for process in (1, child):
    no_such_call("ptrace", 16, process, 0, 0)
    no_such_call("process_vm_readv", process, 0, 0, 0, 0, 0)
    no_such_call("process_vm_writev", process, 0, 0, 0, 0, 0)
    no_such_call("kcmp", process, os.getpid(), 0, 0, 0)
    no_such_call("prlimit64", process, 0, 0, 0)
no_such_call("pidfd_getfd", os.pidfd_open(1), 3, 0)
for name in ("fd", "map_files"):
    refused(f"/proc/1/{name}", os.listdir, f"/proc/1/{name}")
for name in ("mem", "environ", "maps", "auxv", "stack"):
    refused(f"/proc/1/{name}", lambda path: open(path, "rb").read(1), f"/proc/1/{name}")
os.kill(child, 9)
os.wait()
leave_submission()
