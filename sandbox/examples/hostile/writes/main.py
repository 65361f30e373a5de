"""Writes outside of its folders, and executes what it wrote into the output folder and shared memory."""

import os
import shutil
import subprocess

from attack import leave_submission, refused


def write(path):
    with open(path, "w") as file:
        file.write("x")


for folder in ("/", "/usr", "/usr/bin", "/usr/lib", "/etc", "/proc", "/proc/1", "/proc/sys/kernel", "/dev/pts",
               "/kaggle", "/kaggle/src", "/kaggle/input", "/runtime", "/runtime/lib", "/var", "/run"):
    refused(f"a file in {folder}", write, os.path.join(folder, "planted"))
for path in ("/init", "/etc/passwd", "/kaggle/src/main.py", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger",
             "/proc/self/oom_score_adj_of_others", "/proc/1/oom_score_adj"):
    refused(path, write, path)
for folder in ("/kaggle/working", "/dev/shm"):
    program = os.path.join(folder, "true")
    shutil.copy("/usr/bin/true", program)
    os.chmod(program, 0o755)
    refused(f"a program in {folder}", subprocess.run, [program])
    os.remove(program)
leave_submission()
