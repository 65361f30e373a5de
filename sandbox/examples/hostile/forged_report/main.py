"""Reports a good end on every descriptor it finds, its own and others', and ends badly."""

import os

REPORTS = (b"exit 0 0 0 0\n", b'{"event":"done"}\n', b"ready\n")

for process in ("self", "1", str(os.getppid())):
    for descriptor in range(64):
        try:
            pipe = os.open(f"/proc/{process}/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            continue
        if process == "1":
            raise SystemExit("reached: a descriptor of process 1")
        for report in REPORTS:
            try:
                os.write(pipe, report)
            except OSError:
                pass
for descriptor in range(3, 64):
    for report in REPORTS:
        try:
            os.write(descriptor, report)
        except OSError:
            pass
os._exit(7)
