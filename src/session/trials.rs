//! The trials of a session: the pilot, as many passes as fill a window, and one process after the
//! other, each in a sandbox of its own.

use std::time::Duration;

use super::same_work::{all_remember, did_more, remembers, unlike_passes, unlike_runs};
use super::{
    Added, AddedEnd, Bench, Candidate, Ended, GoOn, Inputs, More, Observer, Session, SessionError,
};
use crate::domain::competition::Profile;
use crate::domain::digest::Digest;
use crate::domain::energy::Energy;
use crate::domain::limits::Limits;
use crate::domain::submission::{Failure, Phase};
use crate::domain::trial::{PhaseCost, Phases, Trial};
use crate::sandbox;

/// The recorded trials of the `quick` profile.
const QUICK_TRIALS: u32 = 3;
/// How many void trials a session makes again.
const REPEATS_MAX: u32 = 2;
/// How long a measured window of the `quick` profile should be: long enough that the two messages
/// around it and the reading of the counters weigh nothing.
const QUICK_WINDOW: Duration = Duration::from_millis(500);
/// A window takes at most this part of the wall-time limit, because start-up and the first call
/// lie under the same limit.
const WINDOW_OF_LIMIT: u32 = 4;
const MOST_PASSES: u32 = 10_000;

/// What became of the next trial.
enum Made {
    /// And its predictions.
    Trial(Box<Trial>, Vec<u8>),
    Failed(Failure),
    /// It was told not to go on.
    Stopped,
}

impl Bench {
    /// Measures the candidate over the hidden test inputs.
    pub fn measure(
        &mut self,
        candidate: &Candidate<'_>,
        test: &Inputs,
        observer: &mut dyn Observer,
    ) -> Result<Ended, SessionError> {
        let trials = match candidate.spec.measuring.profile {
            // More are added in the background.
            Profile::Quick | Profile::Standard => QUICK_TRIALS,
        };
        if observer.progress(Phase::WarmUp) == GoOn::No {
            return Ok(Ended::Stopped);
        }
        self.warm_runtime()?;
        // The pilot is the warm-up, too, and is never scored.
        let pilot = self.run_hidden(candidate, test, 1, 0, observer)?;
        let pilot = match pilot.result {
            Ok(measured) => measured,
            Err(failure) => return Ok(Ended::Failed(failure)),
        };
        let (passes, pilot_cost) = match &pilot.phases {
            // What it takes is compared pass by pass.
            Phases::Harness { phases, .. } => {
                let window = QUICK_WINDOW.max(self.meter.shortest_window());
                let passes = passes_for(phases.inference, window, &candidate.spec.limits);
                (passes, None)
            }
            // Code could remember its answers.
            Phases::Calls { .. } | Phases::Script { .. } => (1, Some(pilot.phases.total())),
        };
        let mut session = Session {
            trials: Vec::new(),
            predictions: Vec::new(),
            runtime: pilot.runtime,
            batch_size: pilot.batch_size,
        };
        let mut repeats = REPEATS_MAX;
        for number in 1..=trials {
            let place = (number, trials);
            match self.next_trial(candidate, test, passes, place, &mut repeats, observer)? {
                Made::Trial(trial, predictions) => session.push(*trial, predictions),
                Made::Failed(failure) => return Ok(Ended::Failed(failure)),
                Made::Stopped => return Ok(Ended::Stopped),
            }
        }
        if all_remember(&session.trials) {
            return Ok(Ended::Failed(unlike_passes()));
        }
        match pilot_cost {
            Some(pilot) if did_more(pilot, &session.trials) => Ok(Ended::Failed(unlike_runs())),
            Some(_) | None => Ok(Ended::Whole(session)),
        }
    }

    /// Adds trials to those of former sessions, each as one of theirs: in a fresh process and
    /// sandbox, with as many passes, after a warm-up that is not recorded. Ends early when
    /// `is_enough` says so of those added so far.
    pub fn add_trials(
        &mut self,
        candidate: &Candidate<'_>,
        test: &Inputs,
        more: More,
        is_enough: &dyn Fn(&[Trial]) -> bool,
        observer: &mut dyn Observer,
    ) -> Result<Added, SessionError> {
        let mut session = Session::default();
        if observer.progress(Phase::WarmUp) == GoOn::No {
            return Ok(session.ended(AddedEnd::Stopped));
        }
        self.warm_runtime()?;
        sandbox::warm(candidate.entry)?;
        let warm_up = self.run_hidden(candidate, test, 1, 0, observer)?;
        match warm_up.result {
            Ok(measured) => session.runtime = measured.runtime,
            Err(failure) => return Ok(session.ended(AddedEnd::Failed(failure))),
        }
        let mut repeats = REPEATS_MAX;
        for number in more.former + 1..=more.most {
            let place = (number, more.most);
            match self.next_trial(candidate, test, more.passes, place, &mut repeats, observer)? {
                Made::Trial(trial, predictions) => session.push(*trial, predictions),
                Made::Failed(failure) => return Ok(session.ended(AddedEnd::Failed(failure))),
                Made::Stopped => return Ok(session.ended(AddedEnd::Stopped)),
            }
            if is_enough(&session.trials) {
                break;
            }
        }
        Ok(session.ended(AddedEnd::Whole))
    }

    /// The trial that is the first of `place` of the second. Where the devices that are read told no
    /// energy, because a reading came too late on a busy machine for example, it is void and made
    /// again, as long as `repeats` are left.
    fn next_trial(
        &mut self,
        candidate: &Candidate<'_>,
        test: &Inputs,
        passes: u32,
        (number, of): (u32, u32),
        repeats: &mut u32,
        observer: &mut dyn Observer,
    ) -> Result<Made, SessionError> {
        loop {
            if observer.progress(Phase::Trial { number, of }) == GoOn::No {
                return Ok(Made::Stopped);
            }
            let (trial, predictions) =
                match self.trial(candidate, test, passes, number, observer)? {
                    Ok(made) => made,
                    Err(failure) => return Ok(Made::Failed(failure)),
                };
            match &trial.energy {
                Energy::Missing { reason } if *repeats > 0 && self.meter.reads_any() => {
                    tracing::info!(number, reason, "a trial without energy is made again");
                    *repeats -= 1;
                }
                Energy::Measured(_) | Energy::Missing { .. } => {
                    return Ok(Made::Trial(Box::new(trial), predictions));
                }
            }
        }
    }

    /// One trial and its predictions.
    fn trial(
        &mut self,
        candidate: &Candidate<'_>,
        test: &Inputs,
        passes: u32,
        number: u32,
        observer: &mut dyn Observer,
    ) -> Result<Result<(Trial, Vec<u8>), Failure>, SessionError> {
        let run = self.run_hidden(candidate, test, passes, number, observer)?;
        let measured = match run.result {
            Ok(measured) => measured,
            Err(failure) => return Ok(Err(failure)),
        };
        if let Phases::Harness { phases, .. } = &measured.phases
            && remembers(phases, passes)
        {
            return Ok(Err(unlike_passes()));
        }
        let trial = Trial {
            number,
            phases: measured.phases,
            passes,
            peak_memory: measured.peak_memory,
            energy: measured.energy,
            contention: measured.contention,
            predictions: Digest::of(&measured.predictions),
        };
        Ok(Ok((trial, measured.predictions)))
    }
}

/// How many passes like this one fill a window of this length: at least one. Their work decides, because waiting on
/// a busy machine does not make a window longer; their wall time only keeps it below the limit.
fn passes_for(pass: PhaseCost, window: Duration, limits: &Limits) -> u32 {
    let fitting = |time: Duration, of: Duration| time.as_secs_f64() / of.as_secs_f64().max(1e-6);
    let work = pass.cpu / limits.cpus.max(1);
    let wanted = fitting(window, work).ceil();
    let allowed = fitting(limits.time / WINDOW_OF_LIMIT, pass.wall).floor();
    (wanted.min(allowed) as u32).clamp(1, MOST_PASSES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_as_many_passes_as_fill_it_and_at_least_one() {
        let passes = |cpu_us, wall_us| {
            let pass = PhaseCost {
                cpu: Duration::from_micros(cpu_us),
                wall: Duration::from_micros(wall_us),
            };
            let limits = Limits {
                time: Duration::from_secs(8),
                ..Limits::default()
            };
            passes_for(pass, QUICK_WINDOW, &limits)
        };
        assert_eq!(passes(250, 260), 2000);
        assert_eq!(passes(300_000, 310_000), 2);
        assert_eq!(passes(60_000_000, 60_000_000), 1);
        assert_eq!(passes(0, 0), MOST_PASSES);
        // A pass that mostly waits, on a busy machine, is not measured for less work.
        assert_eq!(passes(1_000, 4_000), 500);
        assert_eq!(passes(1_000, 100_000), 20);
    }
}
