"""Turns the clock back, so that it would seem to have taken less time."""

import time

from attack import leave_submission, no_such_call, refused

for clock in (time.CLOCK_REALTIME, time.CLOCK_MONOTONIC):
    refused("a clock", time.clock_settime, clock, 0)
for call in ("clock_settime", "settimeofday", "clock_adjtime", "adjtimex"):
    no_such_call(call, 0, 0)
leave_submission()
