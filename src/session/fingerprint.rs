//! The environment that a session was measured in.

use std::fs;

use serde::Serialize;

use super::harness;
use super::runtime::{Environment, Runtime};
use crate::domain::digest::Digest;
use crate::domain::hardware;
use crate::domain::runtime::{Manifest, RuntimeKind};
use crate::meter::Identity;
use crate::sandbox::Walls;

/// A machine as its results name it. Only results of one hardware class are compared.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    pub cpu_model: String,
    /// CPUs that the machine has, not those that a run gets.
    pub cpus: usize,
    pub memory_bytes: u64,
    pub kernel: String,
    pub engine: String,
    pub harness: Digest,
    pub runtime_kind: RuntimeKind,
    /// Names the image, whose manifest tells the rest; the host's `/usr` has none.
    pub runtime_digest: Option<Digest>,
    #[serde(flatten)]
    pub environment: Environment,
    pub meter: String,
    pub leanboard: &'static str,
    /// Walls that the machine lacks: results made without them carry this mark.
    pub degraded: Vec<String>,
}

impl Machine {
    pub fn look_around(walls: &Walls, runtime: &Runtime, devices: &[Identity]) -> Machine {
        Machine {
            cpu_model: cpu_model().unwrap_or_else(|| "unknown CPU".to_owned()),
            cpus: std::thread::available_parallelism().map_or(0, usize::from),
            memory_bytes: memory_bytes().unwrap_or(0),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .map(|release| release.trim().to_owned())
                .unwrap_or_default(),
            engine: walls.engine_version().to_owned(),
            harness: harness::digest(),
            runtime_kind: runtime.kind(),
            runtime_digest: runtime.manifest().map(Manifest::digest),
            environment: runtime.environment(),
            meter: match devices {
                [] => "none".to_owned(),
                devices => {
                    let names: Vec<_> = devices.iter().map(|it| it.name.as_str()).collect();
                    names.join(" + ")
                }
            },
            leanboard: env!("CARGO_PKG_VERSION"),
            degraded: walls.degraded().to_vec(),
        }
    }

    /// The class of a run that gets `cpus` CPUs of this machine.
    pub fn hardware_class(&self, cpus: u32) -> String {
        hardware::class(&self.cpu_model, cpus, !self.degraded.is_empty())
    }
}

fn cpu_model() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        let value = line.split_once(':')?.1;
        Some(value.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    // ARM's kernel gives numbers in place of a name.
    field("model name").or_else(|| {
        let (implementer, part) = (field("CPU implementer")?, field("CPU part")?);
        Some(format!("ARM {implementer} part {part}"))
    })
}

fn memory_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib << 10)
}
