"""Looks for hidden answers, secrets and other processes of the host."""

import os

from attack import leave_submission, refused

for path in ("/etc/shadow", "/root", "/home", "/var/lib/leanboard", "/run/leanboard", "/proc/kcore", "/proc/1/root",
             "/proc/1/cwd", "/dev/mem", "/dev/kmsg", "/dev/vda", "/dev/sda", "/sys/fs/cgroup"):
    refused(path, os.listdir if os.path.isdir(path) else lambda path: open(path, "rb").read(1), path)
for folder, folders, names in os.walk("/", onerror=lambda error: None):
    if folder in ("/usr", "/proc", "/runtime", "/dev"):
        folders.clear()
    for name in names:
        if "solution" in name or name.endswith(".env"):
            raise SystemExit(f"reached: {folder}/{name}")
others = [entry for entry in os.listdir("/proc") if entry.isdigit() and int(entry) not in (1, os.getpid())]
if others:
    raise SystemExit(f"reached: processes {others}")
if any("solution" in line for line in open("/proc/self/mountinfo")):
    raise SystemExit("reached: where the solution lies")
leave_submission()
