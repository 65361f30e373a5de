"""Leaves its answers wherever it can write, and looks there for those of a former run or trial."""

import ctypes
import glob
import os
import socket

from attack import leave_submission

NAME = "leanboard-remembered"
PLACES = ["/tmp", "/dev/shm", "/kaggle/working", "/var/tmp", "/run", os.path.expanduser("~")]
KEY, SIZE, CREATE = 0x1EA9B0A4, 4096, 0o1000

libc = ctypes.CDLL(None)
found = [path for place in PLACES for path in glob.glob(f"{place}/{NAME}*")]
found += [name for name in os.listdir("/kaggle/working")]
if libc.shmget(KEY, SIZE, 0) >= 0:
    found.append("System V shared memory")
if libc.semget(KEY, 1, 0) >= 0:
    found.append("System V semaphores")
speaker = socket.socket(socket.AF_UNIX)
try:
    speaker.connect("\0" + NAME)
    found.append("a process that still lives")
except OSError:
    pass
if found:
    raise SystemExit(f"reached: a former run through {found}")

for place in PLACES:
    try:
        with open(f"{place}/{NAME}", "w") as file:
            file.write("the answers")
    except OSError:
        pass
libc.shmget(KEY, SIZE, CREATE | 0o666)
libc.semget(KEY, 1, CREATE | 0o666)
listener = socket.socket(socket.AF_UNIX)
listener.bind("\0" + NAME)
listener.listen()
if os.fork() == 0:
    os.setsid()
    listener.accept()
    os._exit(0)
leave_submission()
