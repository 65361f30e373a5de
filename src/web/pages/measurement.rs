//! What was measured of a submission: its trials, the phases of its process, and where.

use std::time::Duration;

use super::drawings::{PhasesBar, TrialsChart};
use super::energy::EnergyCell;
use super::figures::{self, Figure, Moment};
use super::machine::{Fact, Machine};
use crate::db::sessions::Session;
use crate::domain::competition::{Cost, Window};
use crate::domain::contention::Contention;
use crate::domain::energy::Energy;
use crate::domain::statistics::Interval;
use crate::domain::trial::{Latency, PhaseCost, Phases, Trial, median_cost, median_latency};
use crate::web::runtimes::RuntimeDocument;

pub struct Measurement<'a> {
    pub trials: &'a [Trial],
    pub window: Window,
    pub cost: Cost,
    /// Where the median may lie with 99 % confidence; `None` with too few trials.
    pub cost_interval_s: Option<Interval>,
}

/// A trial's row in the table.
pub struct TrialRow<'a> {
    trial: &'a Trial,
    energy_per_pass: Energy,
}

impl TrialRow<'_> {
    pub fn number(&self) -> u32 {
        self.trial.number
    }

    /// Start-up, first call and one steady pass, of a run whose phases can be told apart.
    pub fn phases(&self) -> Option<[PhaseFigures; 3]> {
        let phases = self.trial.harness_phases()?;
        Some([
            PhaseFigures::of(phases.start_up),
            PhaseFigures::of(phases.first_call),
            PhaseFigures::of(self.trial.inference_per_pass()?),
        ])
    }

    pub fn total(&self) -> PhaseFigures {
        PhaseFigures::of(self.trial.total())
    }

    /// Of its calls, where each was seen.
    pub fn latency(&self) -> Option<LatencyFigures> {
        self.trial.latency().map(LatencyFigures::of)
    }

    pub fn passes(&self) -> String {
        figures::count(u64::from(self.trial.passes))
    }

    pub fn memory(&self) -> Figure {
        figures::bytes(self.trial.peak_memory)
    }

    pub fn energy(&self) -> EnergyCell<'_> {
        EnergyCell::new(&self.energy_per_pass)
    }

    /// What others did meanwhile; `None` where the kernel did not say.
    pub fn others(&self) -> Option<Others> {
        let contention = self.trial.contention?;
        let percent = |share: f64| format!("{:.1}", 100.0 * share);
        Some(Others {
            percent: percent(contention.foreign + contention.steal),
            disturbed: contention.disturbs(),
            explanation: format!(
                "In the measured window other programs used {} % of the time of its CPUs, and the host of a \
                 virtual machine took {} %; the kernel counts in steps of {} %.",
                percent(contention.foreign),
                percent(contention.steal),
                percent(contention.resolution),
            ),
        })
    }
}

/// A share of the time of the window's CPUs.
pub struct Others {
    pub percent: String,
    pub disturbed: bool,
    pub explanation: String,
}

pub struct PhaseFigures {
    pub wall: Figure,
    pub cpu: Figure,
}

impl PhaseFigures {
    pub fn of(cost: PhaseCost) -> PhaseFigures {
        PhaseFigures {
            wall: figures::duration(cost.wall),
            cpu: figures::duration(cost.cpu),
        }
    }
}

/// The wall time that so many of a hundred calls did not exceed.
pub struct LatencyFigures {
    pub calls: String,
    pub p50: Figure,
    pub p90: Figure,
    pub p99: Figure,
}

impl LatencyFigures {
    fn of(latency: &Latency) -> LatencyFigures {
        LatencyFigures {
            calls: figures::count(u64::from(latency.calls)),
            p50: figures::duration(latency.p50),
            p90: figures::duration(latency.p90),
            p99: figures::duration(latency.p99),
        }
    }
}

/// A phase with its medians over the trials.
pub struct PhaseRow {
    pub class: &'static str,
    pub name: &'static str,
    pub what: &'static str,
    pub figures: PhaseFigures,
    wall: Duration,
}

impl<'a> Measurement<'a> {
    pub fn rows(&self) -> Vec<TrialRow<'a>> {
        self.trials
            .iter()
            .map(|trial| TrialRow {
                trial,
                energy_per_pass: trial.energy.clone().per_pass(trial.passes),
            })
            .collect()
    }

    /// Of the cost that the competition ranks by.
    pub fn chart(&self) -> Option<TrialsChart> {
        let costs_s: Option<Vec<f64>> = self
            .trials
            .iter()
            .map(|trial| Some(trial.window(self.window)?.of(self.cost).as_secs_f64()))
            .collect();
        let interval = self
            .cost_interval_s
            .map(|interval| (interval.low, interval.high));
        TrialsChart::new(&costs_s?, interval)
    }

    /// Of a call, the medians of the trials.
    pub fn latency(&self) -> Option<LatencyFigures> {
        median_latency(self.trials).as_ref().map(LatencyFigures::of)
    }

    /// Trials whose window others disturbed for certain.
    pub fn disturbed(&self) -> usize {
        let contentions = self.trials.iter().filter_map(|trial| trial.contention);
        contentions.filter(Contention::disturbs).count()
    }

    /// Whether each call was seen.
    pub fn has_calls(&self) -> bool {
        self.trials.iter().any(|trial| trial.latency().is_some())
    }

    /// Whether the calls were seen from outside, and made one pass in all.
    pub fn is_of_function(&self) -> bool {
        let mut trials = self.trials.iter();
        trials.any(|trial| matches!(trial.phases, Phases::Calls { .. }))
    }

    /// Empty where the phases cannot be told apart.
    pub fn phases(&self) -> Vec<PhaseRow> {
        let [loaded, first, steady, finish] = match self.is_of_function() {
            true => [
                "process start until the code is imported and has loaded",
                "with rows of the public sample",
                "one pass over the test inputs, call by call",
                "process ended",
            ],
            false => [
                "process start until model and inputs are loaded",
                "the first pass over the test inputs",
                "one pass over the test inputs, once warm",
                "predictions written, process ended",
            ],
        };
        type Stretch = fn(&Trial) -> Option<PhaseCost>;
        let rows: [(_, _, _, Stretch); 4] = [
            ("start-up", "Start-up", loaded, |trial| {
                Some(trial.harness_phases()?.start_up)
            }),
            ("first-call", "First call", first, |trial| {
                Some(trial.harness_phases()?.first_call)
            }),
            (
                "steady",
                "Steady inference",
                steady,
                Trial::inference_per_pass,
            ),
            ("finish", "Finish", finish, |trial| {
                Some(trial.harness_phases()?.finish)
            }),
        ];
        rows.into_iter()
            .filter_map(|(class, name, what, stretch)| {
                let cost = median_cost(self.trials, stretch)?;
                Some(PhaseRow {
                    class,
                    name,
                    what,
                    figures: PhaseFigures::of(cost),
                    wall: cost.wall,
                })
            })
            .collect()
    }

    pub fn phases_bar(&self, phases: &[PhaseRow]) -> PhasesBar {
        let stretches: Vec<_> = phases
            .iter()
            .map(|phase| (phase.class, phase.name, phase.wall.as_secs_f64()))
            .collect();
        PhasesBar::new(&stretches)
    }
}

/// Where and when it was measured.
pub struct SessionFacts<'a>(pub &'a Session);

impl SessionFacts<'_> {
    pub fn started_at(&self) -> Moment {
        Moment(self.0.started_at)
    }

    pub fn took(&self) -> Figure {
        let took = self.0.ended_at - self.0.started_at;
        figures::duration(took.to_std().unwrap_or_default())
    }

    /// What lay around the model, where the session says so.
    pub fn runtime(&self) -> Option<RuntimeDocument> {
        RuntimeDocument::read(&self.0.fingerprint)
    }

    /// The environment's facts, one a line.
    pub fn facts(&self) -> Vec<Fact> {
        Machine::read(&self.0.fingerprint).map_or_else(Vec::new, |machine| machine.facts())
    }
}
