"""Takes all memory there is as System V shared memory, which belongs to no process."""

import ctypes

PRIVATE, CREATE, SIZE = 0, 0o1000, 16 << 20

libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
libc.shmat.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
libc.shmdt.argtypes = (ctypes.c_void_p,)
for _ in range(256):
    segment = libc.shmget(PRIVATE, ctypes.c_size_t(SIZE), CREATE | 0o600)
    address = libc.shmat(segment, None, 0)
    if segment < 0 or address == ctypes.c_void_p(-1).value:
        raise SystemExit(f"no segment: {ctypes.get_errno()}")
    ctypes.memset(address, 1, SIZE)
    libc.shmdt(address)
raise SystemExit("reached: 4 GiB of shared memory")
