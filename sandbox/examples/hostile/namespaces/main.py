"""Leaves its namespaces or makes new ones: mount, pivot_root, chroot, setns, unshare, clone, file handles."""

import os

from attack import leave_submission, no_such_call, refused

NEW = {"mount": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000,
       "pid": 0x20000000, "net": 0x40000000}
SIGCHLD = 17

no_such_call("mount", b"none", b"/tmp", b"tmpfs", 0, 0)
no_such_call("umount2", b"/proc", 2)
no_such_call("pivot_root", b"/tmp", b"/tmp")
refused("chroot", os.chroot, "/tmp")
for name, flag in NEW.items():
    no_such_call("unshare", flag)
    # A child that came to be would go on here: it ends at once.
    parent = os.getpid()
    no_such_call("clone", flag | SIGCHLD, 0, 0, 0, 0)
no_such_call("clone3", 0, 0)
with open("/proc/self/ns/net") as namespace:
    no_such_call("setns", namespace.fileno(), 0)
no_such_call("name_to_handle_at", -100, b"/usr", 0, 0, 0)
no_such_call("open_by_handle_at", -100, 0, 0)
leave_submission()
