"""Uses parts of the kernel that have let many out: keyrings, bpf, perf, io_uring, userfaultfd, modules."""

from attack import leave_submission, no_such_call

for call in ("add_key", "request_key", "keyctl", "bpf", "perf_event_open", "io_uring_setup", "io_setup", "userfaultfd",
             "init_module", "delete_module", "kexec_load", "memfd_secret", "mq_open", "msgget", "syslog", "swapon"):
    no_such_call(call, 0, 0, 0, 0, 0)
leave_submission()
