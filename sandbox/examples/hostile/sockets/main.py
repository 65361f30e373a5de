"""Reaches for the host and for the world: loopback, abstract and path sockets, VSOCK, netlink, packets."""

import glob
import os
import socket

from attack import leave_submission, refused


def connect(family, kind, address):
    with socket.socket(family, kind) as opened:
        opened.settimeout(1)
        opened.connect(address)


for port in (22, 80, 443, 5432, 8080):
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
if os.listdir("/sys") if os.path.exists("/sys") else glob.glob("/proc/sys/net/ipv4/conf/e*"):
    raise SystemExit("reached: an interface of the host")
leave_submission()
