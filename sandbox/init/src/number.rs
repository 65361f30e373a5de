//! The numbers of the system calls that the canary tries, of x86-64 and of 64-bit ARM.

use std::ffi::c_long;

const fn of(x86_64: c_long, aarch64: c_long) -> c_long {
    if cfg!(target_arch = "x86_64") {
        x86_64
    } else {
        aarch64
    }
}

pub const SOCKET: c_long = of(41, 198);
pub const CLONE: c_long = of(56, 220);
pub const KILL: c_long = of(62, 129);
pub const MSGGET: c_long = of(68, 186);
pub const FCNTL: c_long = of(72, 25);
pub const PTRACE: c_long = of(101, 117);
pub const SYSLOG: c_long = of(103, 116);
pub const SETUID: c_long = of(105, 146);
pub const SETPRIORITY: c_long = of(141, 140);
pub const SCHED_SETSCHEDULER: c_long = of(144, 119);
pub const PIVOT_ROOT: c_long = of(155, 41);
pub const ADJTIMEX: c_long = of(159, 171);
pub const CHROOT: c_long = of(161, 51);
pub const MOUNT: c_long = of(165, 40);
pub const REBOOT: c_long = of(169, 142);
pub const INIT_MODULE: c_long = of(175, 105);
pub const IO_SETUP: c_long = of(206, 0);
pub const FADVISE64: c_long = of(221, 223);
pub const CLOCK_SETTIME: c_long = of(227, 112);
pub const MQ_OPEN: c_long = of(240, 180);
pub const ADD_KEY: c_long = of(248, 217);
pub const KEYCTL: c_long = of(250, 219);
pub const MKNODAT: c_long = of(259, 33);
pub const FACCESSAT: c_long = of(269, 48);
pub const UNSHARE: c_long = of(272, 97);
pub const PERF_EVENT_OPEN: c_long = of(298, 241);
pub const PRLIMIT64: c_long = of(302, 261);
pub const NAME_TO_HANDLE_AT: c_long = of(303, 264);
pub const OPEN_BY_HANDLE_AT: c_long = of(304, 265);
pub const SETNS: c_long = of(308, 268);
pub const PROCESS_VM_READV: c_long = of(310, 270);
pub const BPF: c_long = of(321, 280);
pub const USERFAULTFD: c_long = of(323, 282);
pub const IO_URING_SETUP: c_long = of(425, 425);
pub const CLONE3: c_long = of(435, 435);
pub const PIDFD_GETFD: c_long = of(438, 438);
pub const MEMFD_SECRET: c_long = of(447, 447);
