"""Fills /tmp and shared memory as far as they go, cleans up and goes on."""

import errno
import os

from attack import leave_submission

MOST = 256 << 20

for folder in ("/tmp", "/dev/shm"):
    path = os.path.join(folder, "rubbish")
    written = 0
    try:
        with open(path, "wb", buffering=0) as file:
            while written <= MOST:
                written += file.write(bytes(1 << 20))
        raise SystemExit(f"reached: {written} bytes in {folder}")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EFBIG):
            raise
    os.remove(path)
leave_submission()
