"""Reaches for the host and for the world: loopback, abstract and path sockets, VSOCK, netlink, packets."""

import socket

from attack import leave_submission, refused


def connect(family, kind, address):
    with socket.socket(family, kind) as opened:
        opened.settimeout(1)
        opened.connect(address)


# Among them that of the web server which this was uploaded to.
for port in (22, 80, 443, 5432, 8080, *map(int, open("/kaggle/src/note.txt").readline().split())):
    refused(f"port {port} of the host", connect, socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port))
    refused(f"port {port} of the host", connect, socket.AF_INET6, socket.SOCK_STREAM, ("::1", port))
refused("another network", connect, socket.AF_INET, socket.SOCK_STREAM, ("192.0.2.1", 80))
refused("another network's names", connect, socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.1", 53))
refused("another network", connect, socket.AF_INET6, socket.SOCK_STREAM, ("2001:db8::1", 80))
refused("VSOCK", socket.socket, socket.AF_VSOCK, socket.SOCK_STREAM)
refused("netlink", socket.socket, socket.AF_NETLINK, socket.SOCK_RAW)
refused("packets", socket.socket, socket.AF_PACKET, socket.SOCK_RAW)
refused("raw sockets", socket.socket, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
for path in ("/run/docker.sock", "/run/postgresql/.s.PGSQL.5432", "/run/systemd/private", "/tmp/.X11-unix/X0"):
    refused(path, connect, socket.AF_UNIX, socket.SOCK_STREAM, path)
abstract = [line.split()[-1] for line in open("/proc/net/unix").readlines()[1:] if "@" in line]
if abstract:
    raise SystemExit(f"reached: the host's abstract sockets {abstract}")
interfaces = [line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]]
if interfaces != ["lo"]:
    raise SystemExit(f"reached: interfaces {interfaces}")
leave_submission()
