"""What the attacks share. Each is zipped together with this file, as `attack.py`.

An attack that gets through ends the script with a sentence that begins with "reached"; one that is refused goes on, and
a script whose attacks are all refused leaves an honest submission. So its outcome says whether the walls held.
"""

import csv
import ctypes
import errno
import glob
import platform

NUMBERS = {
    "x86_64": {
        "add_key": 248, "adjtimex": 159, "bpf": 321, "clock_adjtime": 305, "clock_settime": 227, "clone": 56,
        "clone3": 435, "delete_module": 176, "init_module": 175, "io_setup": 206, "io_uring_setup": 425, "kcmp": 312,
        "kexec_load": 246, "keyctl": 250, "memfd_secret": 447, "mount": 165, "mq_open": 240, "msgget": 68,
        "name_to_handle_at": 303, "open_by_handle_at": 304, "perf_event_open": 298, "pidfd_getfd": 438,
        "pivot_root": 155, "prlimit64": 302, "process_vm_readv": 310, "process_vm_writev": 311, "ptrace": 101,
        "request_key": 249, "setns": 308, "settimeofday": 164, "swapon": 167, "syslog": 103, "umount2": 166,
        "unshare": 272, "userfaultfd": 323,
    },
    "aarch64": {
        "add_key": 217, "adjtimex": 171, "bpf": 280, "clock_adjtime": 266, "clock_settime": 112, "clone": 220,
        "clone3": 435, "delete_module": 106, "init_module": 105, "io_setup": 0, "io_uring_setup": 425, "kcmp": 272,
        "kexec_load": 104, "keyctl": 219, "memfd_secret": 447, "mount": 40, "mq_open": 180, "msgget": 186,
        "name_to_handle_at": 264, "open_by_handle_at": 265, "perf_event_open": 241, "pidfd_getfd": 438,
        "pivot_root": 41, "prlimit64": 261, "process_vm_readv": 270, "process_vm_writev": 271, "ptrace": 117,
        "request_key": 218, "setns": 268, "settimeofday": 170, "swapon": 224, "syslog": 116, "umount2": 39,
        "unshare": 97, "userfaultfd": 282,
    },
}[platform.machine()]

_libc = ctypes.CDLL(None, use_errno=True)


def syscall(name, *arguments):
    """Calls the kernel. What it refuses is an OSError."""
    wrapped = [argument if isinstance(argument, bytes) else ctypes.c_long(argument) for argument in arguments]
    result = _libc.syscall(ctypes.c_long(NUMBERS[name]), *wrapped)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, errno.errorcode.get(number, number))
    return result


def refused(what, attempt, *arguments):
    """Tries it, and goes on only if it is refused."""
    try:
        attempt(*arguments)
    except OSError:
        return
    raise SystemExit(f"reached: {what}")


def no_such_call(name, *arguments):
    """Tries a system call that must not exist here at all."""
    try:
        syscall(name, *arguments)
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EPERM):
            return
        raise SystemExit(f"reached: the kernel's {name} ({error})")
    raise SystemExit(f"reached: {name}")


def leave_submission(path="submission.csv"):
    """Writes what an honest script would."""
    [sample] = glob.glob("/kaggle/input/*/sample_submission.csv")
    with open(sample, encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *([row[0], 1000] for row in rows)])
