//! Looks at what else was done on the CPUs of a measured window.

use std::fs;
use std::time::{Duration, Instant};

use nix::unistd::{SysconfVar, sysconf};

use crate::domain::contention::Contention;

/// A window that is being watched.
pub struct Others {
    cpus: Vec<usize>,
    begun: Option<Times>,
    at: Instant,
}

/// Of some CPUs together, since the machine was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Times {
    /// By programs and for them, whatever their groups.
    busy: Duration,
    steal: Duration,
}

impl Others {
    pub fn watch(cpus: &[usize]) -> Others {
        Others {
            cpus: cpus.to_vec(),
            begun: Times::now(cpus),
            at: Instant::now(),
        }
    }

    /// `own` is the CPU time of the sandbox since. `None` where the kernel does not say.
    pub fn until_now(&self, own: Duration) -> Option<Contention> {
        let (begun, ended) = (self.begun?, Times::now(&self.cpus)?);
        let had = self.at.elapsed().as_secs_f64() * self.cpus.len() as f64;
        let busy = ended.busy.saturating_sub(begun.busy);
        let share = |time: Duration| (time.as_secs_f64() / had).min(1.0);
        // One step at either end, of each CPU.
        let steps = step()? * 2 * u32::try_from(self.cpus.len()).ok()?;
        (had > 0.0).then(|| Contention {
            foreign: share(busy.saturating_sub(own)),
            steal: share(ended.steal.saturating_sub(begun.steal)),
            resolution: share(steps),
        })
    }
}

impl Times {
    fn now(cpus: &[usize]) -> Option<Times> {
        Times::read(&fs::read_to_string("/proc/stat").ok()?, cpus, step()?)
    }

    /// proc(5): user, nice, system, idle, iowait, irq, softirq, steal, … of each CPU, in steps.
    fn read(stat: &str, cpus: &[usize], step: Duration) -> Option<Times> {
        let mut times = Times {
            busy: Duration::ZERO,
            steal: Duration::ZERO,
        };
        for cpu in cpus {
            let name = format!("cpu{cpu} ");
            let line = stat.lines().find_map(|line| line.strip_prefix(&name))?;
            let steps: Vec<u32> = line
                .split_whitespace()
                .map(|steps| steps.parse().ok())
                .collect::<Option<_>>()?;
            let [user, nice, system, _, _, _, _, steal, ..] = *steps else {
                return None;
            };
            times.busy += step * user + step * nice + step * system;
            times.steal += step * steal;
        }
        Some(times)
    }
}

/// In which the kernel counts what CPUs do.
fn step() -> Option<Duration> {
    let per_second = sysconf(SysconfVar::CLK_TCK).ok()??;
    Some(Duration::from_secs(1) / u32::try_from(per_second).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_the_window_s_cpus_are_added_up_and_no_others() {
        let stat = "cpu  9 9 9 9 9 9 9 9 0 0\n\
                    cpu0 100 20 3 4000 5 6 7 8 0 0\n\
                    cpu1 1 1 1 1 1 1 1 1 0 0\n\
                    cpu10 200 0 7 10 0 0 0 2 0 0\n\
                    intr 1 2 3\n";
        let step = Duration::from_millis(10);
        assert_eq!(
            Times::read(stat, &[0, 10], step),
            Some(Times {
                busy: step * 330,
                steal: step * 10,
            })
        );
        assert_eq!(Times::read(stat, &[2], step), None);
        assert_eq!(Times::read("cpu0 1 2\n", &[0], step), None);
    }
}
