//! What others did with the CPUs of a measured window meanwhile.

use serde::{Deserialize, Serialize};

/// Shares of all the time that the window's CPUs had, from 0 to 1. The candidate cannot influence
/// them, so that they may decide what its window is worth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Contention {
    /// Used by whatever is not in the sandbox: other programs, the site, PostgreSQL.
    pub foreign: f64,
    /// Taken by the host of a virtual machine.
    pub steal: f64,
    /// The kernel counts in steps, so that each share may be off by as much.
    pub resolution: f64,
}

impl Contention {
    const FOREIGN_MOST: f64 = 0.01;
    const STEAL_MOST: f64 = 0.005;

    /// Whether the window was disturbed for certain.
    pub fn disturbs(&self) -> bool {
        self.foreign > Contention::FOREIGN_MOST + self.resolution
            || self.steal > Contention::STEAL_MOST + self.resolution
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_disturbed_by_what_is_more_than_the_kernel_counts_wrong() {
        let disturbs = |foreign, steal, resolution| {
            let contention = Contention {
                foreign,
                steal,
                resolution,
            };
            contention.disturbs()
        };
        assert!(!disturbs(0.0, 0.0, 0.0));
        assert!(!disturbs(0.009, 0.004, 0.0));
        assert!(disturbs(0.011, 0.0, 0.0));
        assert!(disturbs(0.0, 0.006, 0.0));
        assert!(!disturbs(0.04, 0.0, 0.04));
        assert!(disturbs(0.06, 0.0, 0.04));
    }
}
