//! What one run of a candidate cost, and the summary of its trials.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::competition::{Cost, Window};
use super::contention::Contention;
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

/// What one run is made of, as far as its stretches can be told apart from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phases {
    /// Our harness speaks between the stretches.
    Harness {
        phases: HarnessPhases,
        /// Of the window's calls, by the harness's own clock, where they are of one row each.
        latency: Option<Latency>,
    },
    /// Our harness is given the test inputs batch by batch, once: each call is seen from outside.
    Calls {
        phases: HarnessPhases,
        latency: Latency,
    },
    /// A script says nothing: process start to exit, with one pass over the test inputs.
    Script { total: PhaseCost },
}

impl Phases {
    /// What a process costs that makes one pass, from start to exit: what Kaggle counts.
    pub fn total(&self) -> PhaseCost {
        match self {
            Phases::Harness { phases, .. } => phases.start_up + phases.first_call + phases.finish,
            // The measured window is the only pass.
            Phases::Calls { phases, .. } => {
                phases.start_up + phases.first_call + phases.inference + phases.finish
            }
            Phases::Script { total } => *total,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HarnessPhases {
    /// Process start to ready: interpreter, model and inputs loaded.
    pub start_up: PhaseCost,
    /// The first pass over the test inputs; of a function its first call, with rows of the public
    /// sample.
    pub first_call: PhaseCost,
    /// The measured window: all of a trial's `passes`, or of a function's calls.
    pub inference: PhaseCost,
    /// Predictions written, process ended.
    pub finish: PhaseCost,
}

/// How long the calls of a measured window took: the time that so many of a hundred did not exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    pub calls: u32,
    pub p50: Duration,
    pub p90: Duration,
    pub p99: Duration,
}

impl Latency {
    /// `None` without calls.
    pub fn of(calls: &[Duration]) -> Option<Latency> {
        let mut sorted = calls.to_vec();
        sorted.sort_unstable();
        // The nearest rank: a time that was measured, never one between two.
        let at = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100).max(1);
            sorted.get(rank - 1).copied()
        };
        Some(Latency {
            calls: u32::try_from(calls.len()).unwrap_or(u32::MAX),
            p50: at(50)?,
            p90: at(90)?,
            p99: at(99)?,
        })
    }
}

/// One recorded run over the hidden test inputs, in a process and a sandbox of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// From 1.
    pub number: u32,
    pub phases: Phases,
    /// Passes over the test inputs in the measured window; a script or a function makes one in all.
    pub passes: u32,
    pub peak_memory: Bytes,
    /// Of the measured window; of a script's whole run.
    pub energy: Energy,
    /// In the same window; `None` where the kernel did not say.
    pub contention: Option<Contention>,
    /// Of the predictions it made.
    pub predictions: Digest,
}

impl Trial {
    /// `None` for a script.
    pub fn harness_phases(&self) -> Option<&HarnessPhases> {
        match &self.phases {
            Phases::Harness { phases, .. } | Phases::Calls { phases, .. } => Some(phases),
            Phases::Script { .. } => None,
        }
    }

    /// Of the calls, where each was seen.
    pub fn latency(&self) -> Option<&Latency> {
        match &self.phases {
            Phases::Calls { latency, .. } => Some(latency),
            Phases::Harness { latency, .. } => latency.as_ref(),
            Phases::Script { .. } => None,
        }
    }

    /// Steady inference, for one pass over the test inputs. `None` for a script, of which it cannot
    /// be told apart.
    pub fn inference_per_pass(&self) -> Option<PhaseCost> {
        self.harness_phases().map(|phases| PhaseCost {
            wall: phases.inference.wall / self.passes,
            cpu: phases.inference.cpu / self.passes,
        })
    }

    /// What a process costs that makes one pass, from start to exit: what Kaggle counts.
    pub fn total(&self) -> PhaseCost {
        self.phases.total()
    }

    /// The figure of one window, where it was measured.
    pub fn window(&self, window: Window) -> Option<PhaseCost> {
        match window {
            Window::Inference => self.inference_per_pass(),
            Window::Total => Some(self.total()),
        }
    }
}

/// The trials of a session as one line: medians, and the largest peak of memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Per pass over the test inputs. `None` for a script, of which it cannot be told apart.
    pub inference: Option<PhaseCost>,
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
            inference: median_cost(trials, Trial::inference_per_pass),
            total: median_cost(trials, |trial| Some(trial.total()))?,
            peak_memory: trials.iter().map(|trial| trial.peak_memory).max()?,
            energy: median_energy(trials),
            trials: u32::try_from(trials.len()).expect("a session has few trials"),
            deterministic: trials
                .iter()
                .all(|trial| trial.predictions == first.predictions),
        })
    }

    /// The figure of one window, where it was measured.
    pub fn window(&self, window: Window) -> Option<PhaseCost> {
        match window {
            Window::Inference => self.inference,
            Window::Total => Some(self.total),
        }
    }
}

/// `None` as soon as one trial lacks the figure.
pub fn median_cost(
    trials: &[Trial],
    figure: impl Fn(&Trial) -> Option<PhaseCost>,
) -> Option<PhaseCost> {
    let costs: Vec<PhaseCost> = trials.iter().map(figure).collect::<Option<_>>()?;
    let median_of = |part: fn(PhaseCost) -> Duration| {
        let seconds: Vec<f64> = costs.iter().map(|cost| part(*cost).as_secs_f64()).collect();
        median(&seconds).map(Duration::from_secs_f64)
    };
    Some(PhaseCost {
        wall: median_of(|cost| cost.wall)?,
        cpu: median_of(|cost| cost.cpu)?,
    })
}

/// The medians of the trials' latencies; `None` as soon as one trial has none.
pub fn median_latency(trials: &[Trial]) -> Option<Latency> {
    let latencies: Vec<&Latency> = trials.iter().map(Trial::latency).collect::<Option<_>>()?;
    let median_of = |part: fn(&Latency) -> Duration| {
        let seconds: Vec<f64> = (latencies.iter())
            .map(|latency| part(latency).as_secs_f64())
            .collect();
        median(&seconds).map(Duration::from_secs_f64)
    };
    Some(Latency {
        calls: latencies.first()?.calls,
        p50: median_of(|latency| latency.p50)?,
        p90: median_of(|latency| latency.p90)?,
        p99: median_of(|latency| latency.p99)?,
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
            phases: Phases::Harness {
                phases: HarnessPhases {
                    start_up: cost(100),
                    first_call: cost(20),
                    inference: cost(inference_ms),
                    finish: cost(30),
                },
                latency: None,
            },
            passes: 10,
            peak_memory: Bytes::from_mib(u64::from(number)),
            energy,
            contention: None,
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
            net: None,
            interval: None,
            idle: None,
            devices: Vec::new(),
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
        assert_eq!(summary.inference, Some(cost(12)));
        assert_eq!(summary.total, cost(150));
        assert_eq!(summary.peak_memory, Bytes::from_mib(3));
        assert_eq!(summary.energy, joules(20).per_pass(10));
        assert!(summary.deterministic);
    }

    #[test]
    fn of_a_script_there_is_a_total_and_nothing_else() {
        let script = |number, total_ms| Trial {
            phases: Phases::Script {
                total: cost(total_ms),
            },
            passes: 1,
            ..trial(number, 100, joules(10))
        };
        let summary = Summary::of(&[script(1, 300), script(2, 200), script(3, 700)]).unwrap();
        assert_eq!(summary.window(Window::Inference), None);
        assert_eq!(summary.window(Window::Total), Some(cost(300)));
    }

    #[test]
    fn a_latency_is_one_that_was_measured() {
        let ms = Duration::from_millis;
        let calls: Vec<Duration> = (1..=200).rev().map(ms).collect();
        let latency = Latency::of(&calls).unwrap();
        assert_eq!(latency.calls, 200);
        assert_eq!(
            (latency.p50, latency.p90, latency.p99),
            (ms(100), ms(180), ms(198))
        );
        let one = Latency::of(&[ms(7)]).unwrap();
        assert_eq!((one.p50, one.p99), (ms(7), ms(7)));
        assert_eq!(Latency::of(&[]), None);
    }

    #[test]
    fn what_a_function_costs_in_all_includes_its_only_pass() {
        let Phases::Harness { phases, .. } = trial(1, 50, joules(1)).phases else {
            unreachable!("a model's trial")
        };
        let calls = Trial {
            phases: Phases::Calls {
                phases,
                latency: Latency::of(&[Duration::from_millis(50)]).unwrap(),
            },
            passes: 1,
            ..trial(1, 50, joules(1))
        };
        assert_eq!(calls.total(), trial(1, 50, joules(1)).total() + cost(50));
        assert_eq!(calls.inference_per_pass(), Some(cost(50)));
        let latency = calls.latency().copied();
        assert_eq!(median_latency(&[calls.clone(), calls.clone()]), latency);
        assert_eq!(median_latency(&[calls, trial(2, 50, joules(1))]), None);
        assert_eq!(median_latency(&[]), None);
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
