//! Whether other work kept a run from computing: how idle its CPUs were meanwhile.

use std::fs;

/// The CPUs of a run, and what they had spent when it began.
#[derive(Debug)]
pub struct Neighbours {
    cpus: Vec<usize>,
    /// `None` where the kernel does not say.
    before: Option<CpuTimes>,
}

impl Neighbours {
    /// Begins to watch CPUs by their numbers.
    pub fn watch(cpus: &[usize]) -> Neighbours {
        Neighbours {
            cpus: cpus.to_vec(),
            before: CpuTimes::read(cpus),
        }
    }

    /// The part of the time since then that the CPUs were idle, from 0 to 1, if it is known.
    pub fn idle_share(&self) -> Option<f64> {
        let now = CpuTimes::read(&self.cpus)?;
        Some(now.idle_share_since(self.before.as_ref()?))
    }
}

/// Time that CPUs have spent since the machine started, in ticks of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CpuTimes {
    /// Without work, waiting for a disk included.
    idle: u64,
    all: u64,
}

impl CpuTimes {
    fn read(cpus: &[usize]) -> Option<CpuTimes> {
        CpuTimes::parse(&fs::read_to_string("/proc/stat").ok()?, cpus)
    }

    /// Lines such as "cpu3 USER NICE SYSTEM IDLE IOWAIT IRQ SOFTIRQ STEAL …" (proc(5)).
    fn parse(stat: &str, cpus: &[usize]) -> Option<CpuTimes> {
        let mut times = CpuTimes { idle: 0, all: 0 };
        for cpu in cpus {
            let name = format!("cpu{cpu}");
            let fields = (stat.lines())
                .map(str::split_ascii_whitespace)
                .find_map(|mut fields| (fields.next() == Some(&name)).then_some(fields))?;
            // What comes after steal is a part of what came before.
            for (at, ticks) in fields.take(8).enumerate() {
                let ticks: u64 = ticks.parse().ok()?;
                times.all += ticks;
                if matches!(at, 3 | 4) {
                    times.idle += ticks;
                }
            }
        }
        Some(times)
    }

    fn idle_share_since(&self, former: &CpuTimes) -> f64 {
        let all = self.all.saturating_sub(former.all);
        let idle = self.idle.saturating_sub(former.idle);
        idle as f64 / all.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_idle_share_is_that_of_the_named_cpus() {
        let before =
            "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 10 0 0 100 0 0 0 0 0 0\ncpu1 5 5 5 5 5 5 5 5 9 9\n";
        let after =
            "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 40 0 0 150 20 0 0 0 0 0\ncpu1 5 5 5 5 5 5 5 5 9 9\n";
        let times = |stat, cpus: &[usize]| CpuTimes::parse(stat, cpus).unwrap();
        let share = times(after, &[0]).idle_share_since(&times(before, &[0]));
        assert!((share - 0.7).abs() < 1e-9);
        let share = times(after, &[1]).idle_share_since(&times(before, &[1]));
        assert_eq!(share, 0.0);
        assert_eq!(CpuTimes::parse(before, &[2]), None);
    }
}
