"""Makes a file of 1 TiB that takes no room."""

import os

from attack import leave_submission, refused

for folder in ("/kaggle/working", "/tmp", "/dev/shm"):
    path = os.path.join(folder, "sparse")
    with open(path, "wb") as file:
        refused(f"1 TiB in {folder}", file.truncate, 1 << 40)
    os.remove(path)
leave_submission()
