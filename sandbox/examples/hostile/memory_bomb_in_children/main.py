"""Has eight children that take all memory there is, survives them and leaves a submission."""

import os

from attack import leave_submission

for _ in range(8):
    if os.fork() == 0:
        held = []
        while True:
            held.append(bytearray(b"x") * (1 << 20))
for _ in range(8):
    os.wait()
leave_submission()
