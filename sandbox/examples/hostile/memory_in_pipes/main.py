"""Has the kernel hold all memory there is, as what nobody reads from sockets and pipes."""

import os
import socket

for _ in range(24):
    if os.fork() == 0:
        break
held = []
while True:
    try:
        pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        pipe = os.pipe()
    except OSError:
        break
    held.append(pair)
    for descriptor in (pair[0].fileno(), pipe[1]):
        os.set_blocking(descriptor, False)
        try:
            while True:
                os.write(descriptor, b"x" * 4096)
        except BlockingIOError:
            pass
# Until all have filled theirs.
while True:
    os.sched_yield()
