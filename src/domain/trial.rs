//! What one run of a candidate cost, and the summary of its trials.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::competition::{Cost, Window};
use super::digest::Digest;
use super::energy::Energy;
use super::statistics::median;
use super::units::Bytes;

/// The cost of one stretch of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PhaseCost {
    pub wall: Duration,
    /// CPU time of the whole sandbox, user and system.
    pub cpu: Duration,
}

impl PhaseCost {
    pub fn of(self, cost: Cost) -> Duration {
        match cost {
            Cost::Cpu => self.cpu,
            Cost::Time => self.wall,
        }
    }
}

impl std::ops::Add for PhaseCost {
    type Output = PhaseCost;
    fn add(self, other: PhaseCost) -> PhaseCost {
        PhaseCost {
            wall: self.wall + other.wall,
            cpu: self.cpu + other.cpu,
        }
    }
}

/// One recorded run over the hidden test inputs, in a process and a sandbox of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// From 1.
    pub number: u32,
    /// Process start to ready: interpreter, model and inputs loaded.
    pub start_up: PhaseCost,
    /// The first pass over the test inputs.
    pub first_call: PhaseCost,
    /// The measured window: `passes` passes over the test inputs.
    pub inference: PhaseCost,
    pub passes: u32,
    /// Predictions written, process ended.
    pub finish: PhaseCost,
    pub peak_memory: Bytes,
    /// Of the measured window.
    pub energy: Energy,
    /// Of the predictions it made.
    pub predictions: Digest,
}

impl Trial {
    /// Steady inference, for one pass over the test inputs.
    pub fn inference_per_pass(&self) -> PhaseCost {
        PhaseCost {
            wall: self.inference.wall / self.passes,
            cpu: self.inference.cpu / self.passes,
        }
    }

    /// What a process costs that makes one pass, from start to exit: what Kaggle counts.
    pub fn total(&self) -> PhaseCost {
        self.start_up + self.first_call + self.finish
    }

    /// The figure of one window.
    pub fn window(&self, window: Window) -> PhaseCost {
        match window {
            Window::Inference => self.inference_per_pass(),
            Window::Total => self.total(),
        }
    }
}

/// The trials of a session as one line: medians, and the largest peak of memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    pub inference: PhaseCost,
    pub total: PhaseCost,
    pub peak_memory: Bytes,
    /// Gross energy per pass: missing as soon as one trial's is.
    pub energy: Energy,
    pub trials: u32,
    /// Whether every trial made the same predictions.
    pub deterministic: bool,
}

impl Summary {
    /// `None` without trials: nothing measured is nothing to show.
    pub fn of(trials: &[Trial]) -> Option<Summary> {
        let first = trials.first()?;
        Some(Summary {
            inference: median_cost(trials, Trial::inference_per_pass)?,
            total: median_cost(trials, Trial::total)?,
            peak_memory: trials.iter().map(|trial| trial.peak_memory).max()?,
            energy: median_energy(trials),
            trials: u32::try_from(trials.len()).expect("a session has few trials"),
            deterministic: trials
                .iter()
                .all(|trial| trial.predictions == first.predictions),
        })
    }

    pub fn window(&self, window: Window) -> PhaseCost {
        match window {
            Window::Inference => self.inference,
            Window::Total => self.total,
        }
    }
}

fn median_cost(trials: &[Trial], figure: impl Fn(&Trial) -> PhaseCost) -> Option<PhaseCost> {
    let median_of = |part: fn(PhaseCost) -> Duration| {
        let seconds: Vec<f64> = trials
            .iter()
            .map(|trial| part(figure(trial)).as_secs_f64())
            .collect();
        median(&seconds).map(Duration::from_secs_f64)
    };
    Some(PhaseCost {
        wall: median_of(|cost| cost.wall)?,
        cpu: median_of(|cost| cost.cpu)?,
    })
}

fn median_energy(trials: &[Trial]) -> Energy {
    let mut figures = Vec::new();
    for trial in trials {
        match trial.energy.clone().per_pass(trial.passes) {
            Energy::Measured(energy) => figures.push(energy),
            missing @ Energy::Missing { .. } => return missing,
        }
    }
    figures.sort_by(|a, b| a.gross.as_f64().total_cmp(&b.gross.as_f64()));
    match figures.get(figures.len() / 2) {
        Some(middle) => Energy::Measured(middle.clone()),
        None => Energy::missing("no trial was recorded"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::energy::{MeasuredEnergy, Tier};
    use super::super::units::Joules;
    use super::*;

    fn cost(milliseconds: u64) -> PhaseCost {
        PhaseCost {
            wall: Duration::from_millis(milliseconds),
            cpu: Duration::from_millis(milliseconds / 2),
        }
    }

    fn trial(number: u32, inference_ms: u64, energy: Energy) -> Trial {
        Trial {
            number,
            start_up: cost(100),
            first_call: cost(20),
            inference: cost(inference_ms),
            passes: 10,
            finish: cost(30),
            peak_memory: Bytes::from_mib(u64::from(number)),
            energy,
            predictions: Digest::of(b"same"),
        }
    }

    fn joules(millijoules: u64) -> Energy {
        Energy::Measured(MeasuredEnergy {
            gross: Joules::from_millijoules(millijoules),
            tier: Tier::C,
            method: "counter".into(),
            scope: "GPU board".into(),
            simulated: true,
        })
    }

    #[test]
    fn a_summary_is_per_pass_and_takes_the_median_trial() {
        let trials = [
            trial(1, 100, joules(10)),
            trial(2, 900, joules(90)),
            trial(3, 120, joules(20)),
        ];
        let summary = Summary::of(&trials).unwrap();
        assert_eq!(summary.inference, cost(12));
        assert_eq!(summary.total, cost(150));
        assert_eq!(summary.peak_memory, Bytes::from_mib(3));
        assert_eq!(summary.energy, joules(20).per_pass(10));
        assert!(summary.deterministic);
    }

    #[test]
    fn energy_that_one_trial_lacks_is_missing_in_the_summary() {
        let trials = [
            trial(1, 100, joules(10)),
            trial(2, 100, Energy::missing("the GPU was lost")),
        ];
        assert_eq!(
            Summary::of(&trials).unwrap().energy,
            Energy::missing("the GPU was lost")
        );
        assert_eq!(Summary::of(&[]), None);
    }
}
