//! Reads the predictions of trials and scores them: by a built-in metric here, by the host's own behind
//! walls.

use std::fs;
use std::path::Path;

use super::evaluate::Watch;
use super::inputs::{OwnMetric, Prepared};
use super::{JobError, write_readable};
use crate::db::jobs::Purpose;
use crate::db::sessions::{Program, RunLog};
use crate::domain::competition::{CompetitionSpec, EntryKind};
use crate::domain::score::{Score, ScoreIntervals};
use crate::domain::submission::{Failure, FailureClass, Phase};
use crate::scoring::{self, BadPredictions, Predictions, PredictionsFault, ScoreError, Scores};
use crate::session::{Bench, MetricFault, MetricRun, Observer, without_data};

/// Reads predictions as this kind of entry leaves them, for rows of these ids.
pub(super) fn read(
    kind: EntryKind,
    predictions: &[u8],
    spec: &CompetitionSpec,
    ids: &[String],
) -> Result<Predictions, Failure> {
    let parsed = match kind {
        EntryKind::Onnx | EntryKind::Tflite | EntryKind::Predict => {
            Predictions::parse(predictions, spec, ids.len())
        }
        EntryKind::Script => Predictions::parse_submission(predictions, spec, ids),
    };
    parsed.map_err(refused)
}

fn refused(bad: BadPredictions) -> Failure {
    Failure::participant(bad.fault.as_str(), bad.message)
}

/// Scores the trials of one submission.
pub(super) struct Scorer<'a, 'b> {
    bench: &'a mut Bench,
    watch: &'a mut Watch<'b>,
    /// The runner's, for the files that sandboxes read.
    folder: &'a Path,
    prepared: &'a Prepared,
    /// The predictions that were scored last by the host's metric, which runs no second time for them.
    last: Option<(Predictions, Scores)>,
}

impl<'a, 'b> Scorer<'a, 'b> {
    pub fn new(
        bench: &'a mut Bench,
        watch: &'a mut Watch<'b>,
        folder: &'a Path,
        prepared: &'a Prepared,
    ) -> Scorer<'a, 'b> {
        Scorer {
            bench,
            watch,
            folder,
            prepared,
            last: None,
        }
    }

    /// Scores the predictions of every trial, all of which must be usable. On each split the worst
    /// counts: whoever predicts otherwise from trial to trial is not paid for the best of them.
    pub fn score(
        &mut self,
        trials: &[Vec<u8>],
    ) -> Result<Result<(Scores, ScoreIntervals), Failure>, JobError> {
        let spec = self.watch.spec;
        let direction = spec.metric.direction();
        let mut worst: Option<(Scores, ScoreIntervals)> = None;
        for (number, predictions) in (1..).zip(trials) {
            let (scores, predictions) = match self.score_trial(number, predictions)? {
                Ok(scored) => scored,
                Err(failure) => return Ok(Err(failure)),
            };
            let counts = worst.map_or(scores, |(worst, _)| worst.or_worse(scores, direction));
            if worst.is_some_and(|(worst, _)| worst == counts) {
                continue;
            }
            let own = scoring::intervals(spec, &self.prepared.solution, &predictions);
            let of_all = worst.map_or(own, |(worst, intervals)| ScoreIntervals {
                public: match worst.public == counts.public {
                    true => intervals.public,
                    false => own.public,
                },
                private: match worst.private == counts.private {
                    true => intervals.private,
                    false => own.private,
                },
            });
            worst = Some((counts, of_all));
        }
        worst
            .map(Ok)
            .ok_or_else(|| self.wrong("a session had no trials"))
    }

    /// One trial's predictions and their scores, or why they cannot be scored, as its participant may
    /// hear it.
    pub fn score_trial(
        &mut self,
        number: u32,
        predictions: &[u8],
    ) -> Result<Result<(Scores, Predictions), Failure>, JobError> {
        let spec = self.watch.spec;
        let kind = self.watch.claim.kind;
        let predictions = match read(kind, predictions, spec, &self.prepared.test_ids) {
            Ok(predictions) => predictions,
            Err(failure) => return Ok(Err(without_data(&failure))),
        };
        if let Some(metric) = &self.prepared.metric {
            let scored = self.score_by(metric, number, &predictions)?;
            return Ok(scored.map(|scores| (scores, predictions)));
        }
        match scoring::score(spec, &self.prepared.solution, &predictions) {
            Ok(scores) => Ok(Ok((scores, predictions))),
            Err(ScoreError::Predictions(bad)) => Ok(Err(without_data(&refused(bad)))),
            Err(error) => Err(self.wrong(error)),
        }
    }

    /// Has the host's own metric score them.
    fn score_by(
        &mut self,
        metric: &OwnMetric,
        number: u32,
        predictions: &Predictions,
    ) -> Result<Result<Scores, Failure>, JobError> {
        if let Some((last, scores)) = &self.last
            && last == predictions
        {
            return Ok(Ok(*scores));
        }
        // Whether the lease held is asked when the result is recorded.
        let _ = self.watch.progress(Phase::Scoring);
        let (spec, prepared) = (self.watch.spec, self.prepared);
        let frames = scoring::frames(
            spec,
            &prepared.test_ids,
            &prepared.solution,
            &metric.more,
            predictions,
        )
        .map_err(|error| self.wrong(error))?;
        let path = self.folder.join("frames.json");
        write_readable(&path, &frames)?;
        let run = self.bench.run_metric(&spec.metric, &metric.file, &path);
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(%error, "the tables of a metric could not be removed");
        }
        let run = run?;
        let scored = scores_of(&run);
        // Of later trials only what a failure printed is kept, as of the entry.
        if scored.is_err() || self.watch.claim.purpose == Purpose::Evaluate {
            self.watch.keep(&log_of(number, run, &scored));
        }
        if let Ok(scores) = &scored {
            self.last = Some((predictions.clone(), *scores));
        }
        Ok(scored.map_err(|fault| failure_of(&fault)))
    }

    fn wrong(&self, what: impl ToString) -> JobError {
        JobError::Competition {
            slug: self.watch.spec.slug.to_string(),
            what: what.to_string(),
        }
    }
}

fn scores_of(run: &MetricRun) -> Result<Scores, MetricFault> {
    let raw = run.verdict.clone()?;
    let score =
        |value| Score::new(value).map_err(|error| MetricFault::NotFinite(error.to_string()));
    Ok(Scores {
        public: score(raw.public)?,
        private: score(raw.private)?,
        all: score(raw.all)?,
    })
}

/// What hosts read of it.
fn log_of(number: u32, run: MetricRun, scored: &Result<Scores, MetricFault>) -> RunLog {
    RunLog {
        program: Program::Metric,
        number,
        outcome: match scored {
            Ok(_) => "ok".to_owned(),
            Err(MetricFault::Visible(text)) => format!("metric_visible_error: {text}"),
            Err(MetricFault::NotFinite(why)) => format!("undefined: {why}"),
            Err(MetricFault::Failed(why)) => format!("not_scorable: {why}"),
        },
        stdout: run.stdout,
        stderr: run.stderr,
    }
}

/// What its participant hears.
fn failure_of(fault: &MetricFault) -> Failure {
    match fault {
        MetricFault::Visible(text) => Failure::participant("metric_visible_error", text.clone()),
        // As of a metric that is built in: whether it overflows is for whoever predicts to say.
        MetricFault::NotFinite(_) => Failure::participant(
            PredictionsFault::Undefined.as_str(),
            "The competition's metric is no finite number for these predictions.",
        ),
        MetricFault::Failed(_) => Failure {
            class: FailureClass::Metric,
            code: "not_scorable".to_owned(),
            message: "The competition's metric failed on these predictions. That is for its host to \
                      mend, who can read why. The submission does not count against your daily limit."
                .to_owned(),
        },
    }
}
