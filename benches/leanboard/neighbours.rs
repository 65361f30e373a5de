//! Whether the machine was ours alone: what others use of it goes into every figure.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::Outcome;
use crate::report::note;

/// Watches the CPU time of everybody else, the kernel's own threads and the hypervisor included.
pub struct Neighbours {
    since: Instant,
    busy: Duration,
    ours: Duration,
}

impl Neighbours {
    pub fn watch() -> Outcome<Neighbours> {
        Ok(Neighbours {
            since: Instant::now(),
            busy: busy()?,
            ours: ours()?,
        })
    }

    pub fn report(&self) -> Outcome<()> {
        let others = (busy()? - self.busy).saturating_sub(ours()? - self.ours);
        let cpus = others.as_secs_f64() / self.since.elapsed().as_secs_f64();
        note(&format!(
            "others and the kernel used {cpus:.2} CPUs meanwhile"
        ));
        Ok(())
    }
}

/// Of all CPUs: user, nice, system, interrupts and what the hypervisor took.
fn busy() -> Outcome<Duration> {
    // In hundredths of a second: user nice system idle iowait irq softirq steal …
    let stat = fs::read_to_string("/proc/stat")?;
    let first = stat.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = first
        .split_whitespace()
        .skip(1)
        .take(8)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [user, nice, system, _, _, irq, softirq, steal] = ticks[..] else {
        return Err("/proc/stat is not as expected".into());
    };
    let busy = user + nice + system + irq + softirq + steal;
    Ok(Duration::from_millis(busy * 10))
}

/// Of this process and of all that it has waited for.
fn ours() -> Outcome<Duration> {
    let mut total = Duration::ZERO;
    for who in [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN] {
        let usage = getrusage(who)?;
        for time in [usage.user_time(), usage.system_time()] {
            total += Duration::from_micros(u64::try_from(time.num_microseconds())?);
        }
    }
    Ok(total)
}
