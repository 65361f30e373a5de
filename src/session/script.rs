//! One run of a script, from process start to exit. It says nothing on its way, so only the whole
//! of it is measured.

use std::path::Path;

use super::contention::Others;
use super::ending::{Ending, why_it_ended};
use super::run::{Finished, Measured, finished};
use super::{Bench, Candidate, Inputs, Plan, SessionError};
use crate::domain::limits::Limits;
use crate::domain::parquet;
use crate::domain::submission::Failure;
use crate::domain::trial::{PhaseCost, Phases};
use crate::domain::units::Bytes;
use crate::sandbox::{OutputError, ReadOnlyMount, Room, Run};

/// What it leaves in its working folder.
const SUBMISSION: &str = "submission.csv";
const SUBMISSION_PARQUET: &str = "submission.parquet";
/// A row of it, id and prediction, takes at most this much, and as much again for each further column.
const ROW_BYTES: u64 = 1024;
/// What the description of its columns may take in Parquet.
const DESCRIPTION_BYTES: u64 = 64 * 1024;
/// Kaggle's places, so that scripts written for it run unchanged.
const WORKING: &str = "/kaggle/working";
const SOURCE: &str = "/kaggle/src";

impl Bench {
    /// Runs `main.py` of an unpacked bundle once over the inputs.
    pub(super) fn run_script(
        &mut self,
        candidate: &Candidate<'_>,
        inputs: &Inputs,
        plan: Plan,
    ) -> Result<Finished, SessionError> {
        let limits = &candidate.spec.limits;
        let room = self.script_room(candidate.entry, inputs, limits);
        let mut sandbox = self.walls.make_room(&room)?;
        let watch = self.meter.watch(plan.energy);
        let others = Others::watch(self.walls.cpu_set(limits.cpus)?);
        sandbox.start()?;
        let run = sandbox.wait()?;
        let contention = others.until_now(run.usage.cpu);
        let energy = watch.end();
        if !run.outcome.is_success() {
            let failure = script_ending(why_it_ended(&run, limits)?);
            return Ok(finished(&run, Err(failure)));
        }
        let most = Bytes::new(inputs.predicted_cells() * ROW_BYTES).min(limits.output);
        let submission = match take_submission(&run, most)? {
            Ok(submission) => submission,
            Err(failure) => return Ok(finished(&run, Err(failure))),
        };
        let measured = Measured {
            phases: Phases::Script {
                total: PhaseCost {
                    wall: run.duration(),
                    cpu: run.usage.cpu,
                },
            },
            energy,
            contention,
            runtime: self.python.clone(),
            batch_size: None,
            peak_memory: run.usage.peak_memory,
            predictions: submission,
        };
        Ok(finished(&run, Ok(measured)))
    }

    fn script_room(&self, source: &Path, inputs: &Inputs, limits: &Limits) -> Room {
        // Not `-I`: a script imports what lies beside it.
        let mut room = Room::new(
            ["/runtime/bin/python", "-B", "/kaggle/src/main.py"],
            limits.clone(),
        );
        room.env = vec![
            ("KAGGLE_IS_COMPETITION_RERUN".to_owned(), "1".to_owned()),
            ("ORT_DISABLE_TELEMETRY".to_owned(), "1".to_owned()),
            self.runtime.language(),
        ];
        room.output = WORKING.into();
        room.working_dir = WORKING.into();
        let input = Path::new("/kaggle/input").join(inputs.slug());
        room.mounts = self.runtime.mounts();
        room.mounts.extend([
            ReadOnlyMount::new(source, SOURCE),
            ReadOnlyMount::new(inputs.files(), input),
        ]);
        room
    }
}

/// Takes whichever of the two files there is.
fn take_submission(run: &Run, most: Bytes) -> Result<Result<Vec<u8>, Failure>, SessionError> {
    let csv = run.take_output(SUBMISSION, most);
    let parquet = run.take_output(
        SUBMISSION_PARQUET,
        Bytes::new(most.as_u64() + DESCRIPTION_BYTES),
    );
    let (name, taken) = match (csv, parquet) {
        (csv, Err(OutputError::Missing(_))) => (SUBMISSION, csv),
        (Err(OutputError::Missing(_)), parquet) => (SUBMISSION_PARQUET, parquet),
        (Ok(_) | Err(_), Ok(_) | Err(_)) => {
            return Ok(Err(Failure::participant(
                "submission_unusable",
                format!(
                    "The script left both {SUBMISSION} and {SUBMISSION_PARQUET}, and only one of them can \
                     count. Write one."
                ),
            )));
        }
    };
    match taken {
        Ok(submission) => Ok(check_name(name, submission)),
        Err(error @ OutputError::Unreadable { .. }) => {
            Err(SessionError::Harness(error.to_string()))
        }
        Err(OutputError::Missing(_)) => Ok(Err(Failure::participant(
            "submission_missing",
            format!(
                "The script ended well but left no {SUBMISSION} and no {SUBMISSION_PARQUET} in its working \
                 folder, {WORKING}. Write the predictions there under one of these names."
            ),
        ))),
        Err(error) => Ok(Err(Failure::participant(
            "submission_unusable",
            format!("What the script left cannot be taken: {error}."),
        ))),
    }
}

/// What is read as Parquet is called so, and nothing else is.
fn check_name(name: &str, submission: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let is_parquet = submission.starts_with(&parquet::MAGIC);
    if is_parquet == (name == SUBMISSION_PARQUET) {
        return Ok(submission);
    }
    let message = if is_parquet {
        format!("{SUBMISSION} is a Parquet file. Call it {SUBMISSION_PARQUET}.")
    } else {
        format!("{SUBMISSION_PARQUET} is no Parquet file, which would begin with `PAR1`.")
    };
    Err(Failure::participant("columns", message))
}

fn script_ending(ending: Ending) -> Failure {
    match ending {
        Ending::Failed(failure) => failure,
        Ending::Exited { code, last_words } => {
            // Python's last line names the error.
            let error = (last_words.lines().rev())
                .find(|line| !line.trim().is_empty())
                .map(|line| format!(": {}", line.trim().chars().take(300).collect::<String>()))
                .unwrap_or_default();
            Failure::participant(
                "exit_status",
                format!("The script ended with exit status {code}{error}"),
            )
        }
    }
}
