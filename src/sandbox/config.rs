//! The OCI configuration of one run. It differs in nothing between engines.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use oci_spec::OciSpecError;
use oci_spec::runtime::{
    Capabilities, Linux, LinuxBuilder, LinuxCapabilities, LinuxCapabilitiesBuilder,
    LinuxCpuBuilder, LinuxDeviceCgroupBuilder, LinuxIdMapping, LinuxIdMappingBuilder,
    LinuxMemoryBuilder, LinuxNamespace, LinuxNamespaceBuilder, LinuxNamespaceType,
    LinuxPidsBuilder, LinuxResources, LinuxResourcesBuilder, LinuxSeccomp, Mount, MountBuilder,
    PosixRlimit, PosixRlimitBuilder, PosixRlimitType, Process, ProcessBuilder, RootBuilder, Spec,
    SpecBuilder, User, UserBuilder,
};

use super::cgroup::{Controller, Expected, Hierarchy, Version, cpu_list};
use super::error::SandboxError;
use crate::domain::limits::Limits;
use crate::domain::units::Bytes;

/// User and group of the program, inside. Outside it is this much above the runner's range.
pub(super) const USER: u32 = 1000;

/// How many ids a runner's range has.
pub(super) const ID_RANGE: u32 = 65_536;

/// Where the init lies inside.
pub(super) const INIT: &str = "/init";

const SHARED_MEMORY: Bytes = Bytes::from_mib(64);
const SECCOMP: &str = include_str!("../../sandbox/seccomp.json");

/// All that a configuration depends on.
pub(super) struct Plan<'a> {
    pub rootfs: &'a Path,
    /// Sources on the host, already searchable by the sandbox's user, and their targets inside.
    pub read_only: &'a [(PathBuf, PathBuf)],
    pub output: (&'a Path, &'a Path),
    pub command: &'a [String],
    pub env: &'a [(String, String)],
    pub working_dir: &'a Path,
    pub limits: &'a Limits,
    pub expected: &'a Expected,
    pub cgroup: &'a Path,
    pub hierarchy: &'a Hierarchy,
    /// Whether the kernel limits swap on its own account, which version 1 does on request.
    pub counts_swap: bool,
    pub uid_range_start: u32,
}

pub(super) fn build(plan: &Plan<'_>) -> Result<Spec, SandboxError> {
    let root = RootBuilder::default()
        .path(plan.rootfs)
        .readonly(true)
        .build()?;
    let spec = SpecBuilder::default()
        .version("1.0.2")
        .root(root)
        .hostname("sandbox")
        .mounts(mounts(plan)?)
        .process(process(plan)?)
        .linux(linux(plan)?)
        .build()?;
    Ok(spec)
}

fn mounts(plan: &Plan<'_>) -> Result<Vec<Mount>, OciSpecError> {
    // Small enough to leave the program some memory: what lies there counts as its memory.
    let tmp = format!("size={}", plan.limits.memory.as_u64() / 2);
    let shm = format!("size={}", SHARED_MEMORY.as_u64());
    let tmpfs =
        |at: &str, options: &[&str]| mount(Path::new(at), "tmpfs", Path::new("tmpfs"), options);
    let mut mounts = vec![
        mount(
            Path::new("/proc"),
            "proc",
            Path::new("proc"),
            &["nosuid", "noexec", "nodev"],
        )?,
        tmpfs(
            "/dev",
            &["nosuid", "noexec", "strictatime", "mode=755", "size=64k"],
        )?,
        tmpfs(
            "/dev/shm",
            &["nosuid", "noexec", "nodev", "mode=1777", &shm],
        )?,
        tmpfs("/tmp", &["nosuid", "nodev", "mode=1777", &tmp])?,
    ];
    for (source, target) in plan.read_only {
        mounts.push(mount(
            target,
            "bind",
            source,
            &["bind", "ro", "nosuid", "nodev"],
        )?);
    }
    let (source, target) = plan.output;
    let options = ["bind", "rw", "nosuid", "noexec", "nodev"];
    mounts.push(mount(target, "bind", source, &options)?);
    Ok(mounts)
}

fn mount(at: &Path, kind: &str, source: &Path, options: &[&str]) -> Result<Mount, OciSpecError> {
    let options: Vec<String> = options.iter().map(|option| (*option).into()).collect();
    MountBuilder::default()
        .destination(at)
        .typ(kind)
        .source(source)
        .options(options)
        .build()
}

fn process(plan: &Plan<'_>) -> Result<Process, OciSpecError> {
    let mut args = vec![INIT.to_owned(), "run".to_owned()];
    args.extend_from_slice(plan.command);
    ProcessBuilder::default()
        .terminal(false)
        .user(user()?)
        .args(args)
        .env(environment(plan))
        .cwd(plan.working_dir)
        .capabilities(no_capabilities()?)
        .rlimits(rlimits(plan.limits)?)
        .no_new_privileges(true)
        .build()
}

fn user() -> Result<User, OciSpecError> {
    UserBuilder::default()
        .uid(USER)
        .gid(USER)
        .umask(0o022u32)
        .additional_gids(vec![])
        .build()
}

/// Libraries start as many threads as the host has CPUs unless told otherwise.
fn environment(plan: &Plan<'_>) -> Vec<String> {
    let threads = plan.expected.cpus.len().to_string();
    let mut variables = vec![
        ("PATH", "/runtime/bin:/usr/local/bin:/usr/bin:/bin"),
        ("HOME", "/tmp"),
        ("LANG", "C.UTF-8"),
    ];
    for library in [
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "PYTHON_CPU_COUNT",
    ] {
        variables.push((library, &threads));
    }
    let given = |name: &str| plan.env.iter().any(|(given, _)| given == name);
    variables
        .into_iter()
        .filter(|(name, _)| !given(name))
        .map(|(name, value)| format!("{name}={value}"))
        .chain(
            plan.env
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        )
        .collect()
}

fn no_capabilities() -> Result<LinuxCapabilities, OciSpecError> {
    LinuxCapabilitiesBuilder::default()
        .bounding(Capabilities::new())
        .effective(Capabilities::new())
        .inheritable(Capabilities::new())
        .permitted(Capabilities::new())
        .ambient(Capabilities::new())
        .build()
}

/// Never the size of the address space, which CUDA and numpy reserve freely, and not the number
/// of processes, which the control group counts per run and not per user.
fn rlimits(limits: &Limits) -> Result<Vec<PosixRlimit>, OciSpecError> {
    [
        (PosixRlimitType::RlimitNofile, 1024),
        (PosixRlimitType::RlimitCore, 0),
        (PosixRlimitType::RlimitFsize, limits.output.as_u64()),
        (PosixRlimitType::RlimitMemlock, 64 << 10),
        (PosixRlimitType::RlimitMsgqueue, 0),
        (PosixRlimitType::RlimitNice, 0),
        (PosixRlimitType::RlimitRtprio, 0),
    ]
    .into_iter()
    .map(|(kind, most)| {
        PosixRlimitBuilder::default()
            .typ(kind)
            .hard(most)
            .soft(most)
            .build()
    })
    .collect()
}

fn linux(plan: &Plan<'_>) -> Result<Linux, SandboxError> {
    let seccomp: LinuxSeccomp = serde_json::from_str(SECCOMP)?;
    let masked = [
        "/proc/acpi",
        "/proc/asound",
        "/proc/interrupts",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/sched_debug",
        "/proc/scsi",
        "/proc/timer_list",
        "/proc/timer_stats",
    ];
    let read_only = [
        "/proc/bus",
        "/proc/fs",
        "/proc/irq",
        "/proc/sys",
        "/proc/sysrq-trigger",
    ];
    let linux = LinuxBuilder::default()
        .uid_mappings(vec![id_mapping(plan)?])
        .gid_mappings(vec![id_mapping(plan)?])
        .namespaces(namespaces()?)
        .cgroups_path(plan.cgroup)
        .resources(resources(plan)?)
        .seccomp(seccomp)
        .masked_paths(masked.map(String::from).to_vec())
        .readonly_paths(read_only.map(String::from).to_vec())
        .build()?;
    Ok(linux)
}

fn id_mapping(plan: &Plan<'_>) -> Result<LinuxIdMapping, OciSpecError> {
    LinuxIdMappingBuilder::default()
        .container_id(0u32)
        .host_id(plan.uid_range_start)
        .size(ID_RANGE)
        .build()
}

fn namespaces() -> Result<Vec<LinuxNamespace>, OciSpecError> {
    [
        LinuxNamespaceType::Pid,
        LinuxNamespaceType::Network,
        LinuxNamespaceType::Ipc,
        LinuxNamespaceType::Uts,
        LinuxNamespaceType::Mount,
        LinuxNamespaceType::Cgroup,
        LinuxNamespaceType::User,
    ]
    .into_iter()
    .map(|kind| LinuxNamespaceBuilder::default().typ(kind).build())
    .collect()
}

fn resources(plan: &Plan<'_>) -> Result<LinuxResources, OciSpecError> {
    let deny_all = LinuxDeviceCgroupBuilder::default()
        .allow(false)
        .access("rwm")
        .build()?;
    let mut resources = LinuxResourcesBuilder::default().devices(vec![deny_all]);
    if plan.hierarchy.has(Controller::Memory) {
        let limit = i64::try_from(plan.expected.memory.as_u64()).unwrap_or(i64::MAX);
        let mut memory = LinuxMemoryBuilder::default().limit(limit);
        if plan.counts_swap {
            // Memory and swap together, so there is none.
            memory = memory.swap(limit);
        }
        resources = resources.memory(memory.build()?);
        if plan.hierarchy.version() == Version::V2 {
            let whole_tree = HashMap::from([("memory.oom.group".into(), "1".into())]);
            resources = resources.unified(whole_tree);
        }
    }
    if plan.hierarchy.has(Controller::Pids) {
        let pids = LinuxPidsBuilder::default()
            .limit(i64::from(plan.expected.processes))
            .build()?;
        resources = resources.pids(pids);
    }
    if plan.hierarchy.has(Controller::CpuSet) {
        let cpu = LinuxCpuBuilder::default()
            .cpus(cpu_list(&plan.expected.cpus))
            .build()?;
        resources = resources.cpu(cpu);
    }
    resources.build()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn configuration(mountinfo: &str) -> Value {
        let hierarchy = Hierarchy::find(mountinfo, Path::new("/")).unwrap();
        let limits = Limits::default();
        let spec = build(&Plan {
            rootfs: Path::new("/run/leanboard/a/rooms/7/rootfs"),
            read_only: &[("/run/leanboard/a/rooms/7/sources/0".into(), "/usr".into())],
            output: (
                Path::new("/run/leanboard/a/rooms/7/output"),
                Path::new("/output"),
            ),
            command: &["/usr/bin/true".into()],
            env: &[("OMP_NUM_THREADS".into(), "3".into())],
            working_dir: Path::new("/output"),
            limits: &limits,
            expected: &Expected {
                memory: limits.memory,
                processes: limits.processes,
                cpus: vec![2, 3],
            },
            cgroup: Path::new("/leanboard/a/7"),
            hierarchy: &hierarchy,
            counts_swap: true,
            uid_range_start: 400_000,
        })
        .unwrap();
        serde_json::to_value(spec).unwrap()
    }

    const V1: &str = "1 0 0:1 / /cg/memory rw - cgroup none rw,memory\n\
                      2 0 0:2 / /cg/pids rw - cgroup none rw,pids\n\
                      3 0 0:3 / /cg/cpuset rw - cgroup none rw,cpuset\n";

    #[test]
    fn the_program_gets_no_right_that_it_does_not_need() {
        let spec = configuration(V1);
        let process = &spec["process"];
        assert_eq!(process["noNewPrivileges"], json!(true));
        assert_eq!(process["user"]["uid"], json!(USER));
        for (set, capabilities) in process["capabilities"].as_object().unwrap() {
            assert_eq!(*capabilities, json!([]), "{set}");
        }
        assert_eq!(spec["root"]["readonly"], json!(true));
        assert_eq!(spec["linux"]["namespaces"].as_array().unwrap().len(), 7);
        assert_eq!(
            spec["linux"]["uidMappings"],
            json!([{"hostID": 400_000, "containerID": 0, "size": ID_RANGE}])
        );
        let mounts = spec["mounts"].as_array().unwrap();
        assert!(mounts.iter().all(|mount| mount["destination"] != "/sys"));
        let output = mounts.last().unwrap();
        assert_eq!(
            output["options"],
            json!(["bind", "rw", "nosuid", "noexec", "nodev"])
        );
    }

    #[test]
    fn every_limit_is_asked_for_and_swap_is_none() {
        let resources = configuration(V1)["linux"]["resources"].clone();
        assert_eq!(
            resources["memory"],
            json!({"limit": 2_147_483_648u64, "swap": 2_147_483_648u64})
        );
        assert_eq!(resources["pids"], json!({"limit": 64}));
        assert_eq!(resources["cpu"], json!({"cpus": "2-3"}));
        assert_eq!(
            resources["devices"],
            json!([{"allow": false, "access": "rwm"}])
        );
    }

    #[test]
    fn a_room_can_set_a_variable_only_once() {
        let spec = configuration(V1);
        let env = spec["process"]["env"].as_array().unwrap();
        let threads: Vec<&Value> = env
            .iter()
            .filter(|v| v.as_str().unwrap().starts_with("OMP_NUM_THREADS"))
            .collect();
        assert_eq!(threads, [&json!("OMP_NUM_THREADS=3")]);
    }

    #[test]
    fn what_is_not_on_the_list_of_calls_does_not_exist() {
        let seccomp = configuration(V1)["linux"]["seccomp"].clone();
        assert_eq!(seccomp["defaultAction"], json!("SCMP_ACT_ERRNO"));
        assert_eq!(seccomp["defaultErrnoRet"], json!(38));
        let calls = seccomp["syscalls"].as_array().unwrap();
        let entries = |name: &str| {
            calls
                .iter()
                .filter(|call| call["names"].as_array().unwrap().contains(&json!(name)))
                .collect::<Vec<_>>()
        };
        for forbidden in [
            "add_key",
            "cachestat",
            "fadvise64",
            "mincore",
            "readahead",
            "bpf",
            "chroot",
            "clock_settime",
            "clone3",
            "init_module",
            "io_setup",
            "io_uring_setup",
            "kcmp",
            "keyctl",
            "memfd_secret",
            "mknod",
            "mknodat",
            "mount",
            "mq_open",
            "msgget",
            "name_to_handle_at",
            "open_by_handle_at",
            "perf_event_open",
            "pidfd_getfd",
            "pivot_root",
            "process_vm_readv",
            "ptrace",
            "request_key",
            "sched_setscheduler",
            "setns",
            "setpriority",
            "settimeofday",
            "umount2",
            "unshare",
            "userfaultfd",
        ] {
            assert!(entries(forbidden).is_empty(), "{forbidden}");
        }
        let clone = entries("clone");
        assert_eq!(clone.len(), 1);
        assert_eq!(
            clone[0]["args"],
            json!([{"index": 0, "value": 0x7E02_0000u64, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}])
        );
        let families: Vec<u64> = entries("socket")
            .iter()
            .map(|call| call["args"][0]["value"].as_u64().unwrap())
            .collect();
        assert_eq!(families, [1, 2, 10], "unix, inet, inet6");
    }
}
