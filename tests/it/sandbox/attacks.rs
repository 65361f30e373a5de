//! What a hostile program tries. The canary tries the forbidden system calls.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use leanboard::domain::outcome::Outcome;

use crate::sandbox::support::{TestWalls, assert_ok, python, shell};

#[test]
fn no_network_reaches_the_host() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = tcp.local_addr().unwrap().port();
    let name = format!("leanboard-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _abstract = UnixListener::bind_addr(&address).unwrap();
    for walls in TestWalls::on_every_engine() {
        let run = walls.run(&python(&format!(
            "
import socket
def unreachable(family, kind, address):
    try:
        opened = socket.socket(family, kind)
        opened.settimeout(1)
        opened.connect(address)
    except OSError:
        return
    raise SystemExit(f'{{address}} can be reached')
unreachable(socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', {port}))
unreachable(socket.AF_INET, socket.SOCK_STREAM, ('192.0.2.1', 80))
unreachable(socket.AF_INET, socket.SOCK_DGRAM, ('192.0.2.1', 53))
unreachable(socket.AF_INET6, socket.SOCK_STREAM, ('2001:db8::1', 80))
unreachable(socket.AF_UNIX, socket.SOCK_STREAM, '\\0{name}')
unreachable(socket.AF_VSOCK, socket.SOCK_STREAM, (2, 1024))
"
        )));
        assert_ok(&run);
    }
}

#[test]
fn nothing_of_the_host_is_there_but_its_programs() {
    let marker = tempfile::NamedTempFile::new().unwrap();
    for walls in TestWalls::on_every_engine() {
        let run = walls.run(&python(&format!(
        "
import os, socket
for path in ['/etc/shadow', '/root', '/home', '/sys', '/run', '/var', '/boot', '{}', '/dev/mem', '/dev/kmsg', '/dev/vda', '/dev/fuse']:
    assert not os.path.exists(path), path
assert sorted(os.listdir('/')) == ['bin', 'dev', 'etc', 'init', 'lib', 'lib64', 'output', 'proc', 'sbin', 'tmp', 'usr'], os.listdir('/')
assert sorted(os.listdir('/etc')) == ['group', 'hosts', 'passwd']
assert os.listdir('/tmp') == []
processes = [entry for entry in os.listdir('/proc') if entry.isdigit()]
assert processes == ['1', str(os.getpid())], processes
assert socket.gethostname() == 'sandbox'
assert sorted(map(int, os.listdir('/proc/self/fd')))[:5] == [0, 1, 2, 3, 5], os.listdir('/proc/self/fd')
",
        marker.path().display()
    )));
        assert_ok(&run);
    }
}

#[test]
fn nothing_outside_its_folders_can_be_written_and_nothing_in_the_output_executed() {
    for walls in TestWalls::on_every_engine() {
        let run = walls.run(&shell(
            "
for folder in / /bin /usr /usr/bin /usr/lib /etc /proc /proc/1 /proc/sys /proc/sys/kernel /dev/pts /sys /run /var /home /root /init /output/..; do
    if echo x > $folder/planted; then echo \"wrote to $folder\"; fi
done 2>/dev/null
echo x > /proc/sys/kernel/core_pattern && echo 'wrote core_pattern'
echo x > /proc/sysrq-trigger && echo 'wrote sysrq-trigger'
for folder in /output /dev/shm; do
    cp /usr/bin/true $folder/true && chmod 755 $folder/true || echo \"cannot copy to $folder\"
    $folder/true && echo \"executed from $folder\"
done
for folder in /output /tmp /dev/shm; do
    echo x > $folder/allowed || echo \"cannot write to $folder\"
done
exit 0
",
        ));
        assert_ok(&run);
        assert_eq!(run.stdout.text(), "");
    }
}

#[test]
fn a_report_cannot_be_forged_and_the_first_process_not_be_killed() {
    for walls in TestWalls::on_every_engine() {
        let run = walls.run(&python(
            "
import os, signal
forged = b'exit 0 0 0 0\\n'
for fd in range(3, 64):
    try:
        os.write(fd, forged)
    except OSError:
        pass
for fd in range(64):
    for process in ('1', 'self', str(os.getpid())):
        try:
            pipe = os.open(f'/proc/{process}/fd/{fd}', os.O_WRONLY)
            assert process != '1', 'opened a descriptor of process 1'
            os.write(pipe, forged)
        except OSError:
            pass
for path in ('/proc/1/fd', '/proc/1/mem', '/proc/1/environ', '/proc/1/maps'):
    try:
        if os.path.isdir(path):
            os.listdir(path)
        else:
            open(path, 'rb').read(1)
    except OSError:
        continue
    raise SystemExit(path)
for number in range(1, 65):
    try:
        os.kill(1, number)
    except OSError:
        pass
os._exit(7)
",
        ));
        assert_eq!(
            run.outcome,
            Outcome::Exited { code: 7 },
            "{}",
            run.stderr.text()
        );
    }
}

#[test]
fn everybody_can_be_signalled_only_inside() {
    for walls in TestWalls::on_every_engine() {
        let run = walls.run(&shell("kill -KILL -1; kill -KILL 0; exit 3"));
        // Its own group is all that it reaches.
        assert_eq!(run.outcome, Outcome::Killed { signal: 9 });
    }
}

#[test]
fn priorities_clocks_and_privileges_stay_as_they_are() {
    for walls in TestWalls::on_every_engine() {
        let run = walls.run(&python(
            "
import os, time
def forbidden(what, *arguments):
    try:
        what(*arguments)
    except OSError:
        return
    raise SystemExit(f'{what} is possible')
forbidden(os.setuid, 0)
forbidden(os.setgid, 0)
forbidden(os.setgroups, [0])
forbidden(os.nice, -5)
forbidden(os.setpriority, os.PRIO_PROCESS, 0, -5)
forbidden(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1))
forbidden(time.clock_settime, time.CLOCK_REALTIME, 0)
forbidden(os.mknod, '/tmp/device', 0o600 | 0o020000, os.makedev(1, 1))
forbidden(os.chroot, '/tmp')
status = dict(line.split(':', 1) for line in open('/proc/self/status'))
for capabilities in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'):
    assert int(status[capabilities], 16) == 0, capabilities
assert status['NoNewPrivs'].strip() == '1'
assert status['Seccomp'].strip() == '2'
assert status['Groups'].strip() in ('', '1000'), status['Groups']
",
        ));
        assert_ok(&run);
    }
}
