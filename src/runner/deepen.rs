//! What an idle runner does: more trials of what stands on a board, from the profile `quick` to
//! `standard`, until somebody waits.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::evaluate::Watch;
use super::inputs::Prepared;
use super::score::Scorer;
use super::{JobError, Runner};
use crate::db;
use crate::db::competitions::Competition;
use crate::db::jobs::{Claim, Lease, Next};
use crate::db::sessions::{NewSession, StoredScores};
use crate::domain::competition::{CompetitionSpec, Direction, Profile};
use crate::domain::deepening::{
    EndOfTurn, Enough, Precision, is_enough, poolable, ranked_costs, trials_after_turn,
};
use crate::domain::submission::{Failure, FailureClass, Phase};
use crate::domain::trial::{Summary, Trial};
use crate::scoring::Scores;
use crate::session::{Added, AddedEnd, Candidate, GoOn, HiddenRun, More, Observer};

/// The trials of a submission so far, and the time that was spent on those made in the background.
struct Former {
    trials: Vec<Trial>,
    spent: Duration,
}

/// What a turn came to.
struct Turn {
    /// Those that held out.
    trials: Vec<Trial>,
    end: EndOfTurn,
    /// Why one did not.
    failure: Option<Failure>,
    runtime: String,
    started_at: DateTime<Utc>,
}

impl Runner {
    /// Adds trials to those of a scored submission.
    pub(super) fn deepen(&mut self, claim: &Claim) -> Result<(), JobError> {
        let desk = &self.desk;
        let competition = desk.find_competition(claim.competition)?;
        let former = Former {
            trials: desk.wait_for(db::sessions::list_trials(&desk.db, claim.submission))?,
            spent: desk.wait_for(db::sessions::time_spent_deepening(
                &desk.db,
                claim.submission,
            ))?,
        };
        let prepared = self.prepared(&competition)?;
        let turn = self.take_turn(claim, &competition.spec, &prepared, &former)?;
        if let Some(failure) = &turn.failure {
            tracing::warn!(
                submission.id = %claim.submission,
                failure.code = %failure.code,
                "a later trial of a scored submission failed; its line says so, and no more are made"
            );
        }
        let recorded = self.insert_turn(claim, &competition, former, &turn);
        match self.desk.wait_for(recorded)? {
            Lease::Held => tracing::info!(
                submission.id = %claim.submission,
                trials = turn.trials.len(),
                end = turn.end.as_str(),
                "measured an entry again"
            ),
            Lease::Lost => tracing::warn!(
                submission.id = %claim.submission,
                "the lease was lost, so nothing was recorded"
            ),
        }
        Ok(())
    }

    fn take_turn(
        &mut self,
        claim: &Claim,
        spec: &CompetitionSpec,
        prepared: &Prepared,
        former: &Former,
    ) -> Result<Turn, JobError> {
        let start = Instant::now();
        let started_at = self.desk.clock.now();
        let enough = |added: &[Trial]| {
            let trials: Vec<Trial> = former.trials.iter().chain(added).cloned().collect();
            is_enough(&costs(spec, &trials), former.spent + start.elapsed())
        };
        let pooled = |added: &[Trial]| poolable(&former.trials, added, spec.efficiency.cost);
        let turn = |trials, end, failure, runtime| Turn {
            trials,
            end,
            failure,
            runtime,
            started_at,
        };
        if let Some(enough) = enough(&[]) {
            let end = EndOfTurn::Enough(enough);
            return Ok(turn(Vec::new(), end, None, String::new()));
        }
        let fetched = self.fetch_entry(claim)?;
        let candidate = Candidate {
            spec,
            kind: claim.kind,
            entry: &fetched.path(claim.kind),
            manifest: &fetched.manifest,
        };
        let count = |trials: usize| u32::try_from(trials).unwrap_or(u32::MAX);
        let more = More {
            passes: former.trials.last().map_or(1, |trial| trial.passes),
            former: count(former.trials.len()),
            most: count(trials_after_turn(former.trials.len())),
        };
        let mut idle = Idle(Watch {
            desk: &self.desk,
            claim,
            spec,
        });
        let Added { mut session, end } = self.bench.add_trials(
            &candidate,
            &prepared.test,
            more,
            &|added| enough(added).is_some() || pooled(added) < added.len(),
            &mut idle,
        )?;
        let mut failure = match &end {
            AddedEnd::Failed(failure) => Some(failure.clone()),
            AddedEnd::Whole | AddedEnd::Stopped => None,
        };
        let made = session.trials.len();
        let kept = pooled(&session.trials);
        session.trials.truncate(kept);
        session.predictions.truncate(kept);
        let scores = db::sessions::find_scores(&self.desk.db, claim.submission);
        let recorded = self.desk.wait_for(scores)?;
        let mut scorer = Scorer::new(&mut self.bench, &mut idle.0, &self.folder, prepared);
        for (held_out, predictions) in session.predictions.iter().enumerate() {
            let number = more.former + count(held_out + 1);
            let refused = match scorer.score_trial(number, predictions)? {
                Ok((scores, _)) if keeps_up(&scores, recorded.as_ref(), spec) => continue,
                Ok(_) => scores_unlike(),
                // The host's own metric failed: nothing is held against the entry.
                Err(failure) if failure.class == FailureClass::Metric => {
                    return Err(JobError::Competition {
                        slug: spec.slug.to_string(),
                        what: "its metric failed on a later trial".to_owned(),
                    });
                }
                Err(failure) => failure,
            };
            session.trials.truncate(held_out);
            failure = Some(refused);
            break;
        }
        let end = match (&failure, enough(&session.trials), end) {
            (Some(_), _, _) => EndOfTurn::Failed,
            (None, Some(enough), _) => EndOfTurn::Enough(enough),
            // A single gap in the readings is no other meter.
            (None, None, _) if kept == 0 && made > 0 => EndOfTurn::OtherMeter,
            (None, None, AddedEnd::Stopped) => EndOfTurn::Interrupted,
            (None, None, AddedEnd::Whole | AddedEnd::Failed(_)) => EndOfTurn::Turn,
        };
        Ok(turn(session.trials, end, failure, session.runtime))
    }

    /// Writes a turn down and ranks the boards anew, in one transaction that holds only if the lease
    /// does. Scores and the frozen scale stay as they are.
    async fn insert_turn(
        &self,
        claim: &Claim,
        competition: &Competition,
        former: Former,
        turn: &Turn,
    ) -> Result<Lease, db::Error> {
        let spec = &competition.spec;
        let hardware_class = self.machine.hardware_class(spec.limits.cpus);
        let now = self.desk.clock.now();

        let mut transaction = self.desk.db.begin().await?;
        let lease = match &turn.failure {
            Some(failure) => db::jobs::finish_failed(&mut *transaction, claim, failure).await?,
            None => db::jobs::end_turn(&mut *transaction, claim, next(turn.end), now).await?,
        };
        if lease == Lease::Lost {
            return Ok(Lease::Lost);
        }
        let mut trials = former.trials;
        trials.extend_from_slice(&turn.trials);
        let is_news = !turn.trials.is_empty() || turn.failure.is_some();
        if let Some(summary) = Summary::of(&trials).filter(|_| is_news) {
            db::boards::lock(&mut transaction, competition.id).await?;
            if !turn.trials.is_empty() {
                let fingerprint = self.fingerprint(spec, &turn.runtime);
                let session = NewSession {
                    hardware_class: &hardware_class,
                    profile: Profile::Standard,
                    fingerprint: &fingerprint,
                    started_at: turn.started_at,
                    ended_at: now,
                    end: Some(turn.end),
                    trials: &turn.trials,
                };
                db::sessions::insert(&mut transaction, claim, &session).await?;
            }
            let failure = turn.failure.as_ref().map(|failure| failure.code.clone());
            db::sessions::update_summary(
                &mut *transaction,
                claim.submission,
                &summary,
                &Precision::of(&costs(spec, &trials), failure),
                now,
            )
            .await?;
            super::record::rank(&mut transaction, competition, &hardware_class, now).await?;
            db::notifications::submission_moved(&mut *transaction, claim.submission).await?;
        }
        transaction.commit().await?;
        Ok(Lease::Held)
    }
}

/// Whether a later trial predicts as well as the ones that were scored, up to the noise of sums that
/// are taken in another order. Otherwise an entry could be scored for one thing and cost another.
fn keeps_up(scores: &Scores, recorded: Option<&StoredScores>, spec: &CompetitionSpec) -> bool {
    const NOISE: f64 = 1e-3;
    let direction = spec.metric.direction();
    recorded.is_some_and(|recorded| {
        let all = [
            (scores.public, recorded.public),
            (scores.private, recorded.private),
        ];
        all.into_iter().all(|(score, recorded)| {
            let short_by = match direction {
                Direction::HigherIsBetter => recorded - score.as_f64(),
                Direction::LowerIsBetter => score.as_f64() - recorded,
            };
            short_by <= NOISE * recorded.abs()
        })
    })
}

fn scores_unlike() -> Failure {
    Failure::participant(
        "scores_unlike",
        "A later trial predicted worse than those that were scored. An entry must predict alike in every \
         run.",
    )
}

fn costs(spec: &CompetitionSpec, trials: &[Trial]) -> Vec<f64> {
    ranked_costs(trials, spec.measuring.window, spec.efficiency.cost)
}

fn next(end: EndOfTurn) -> Next {
    match end {
        EndOfTurn::Enough(Enough::Precise | Enough::MostTrials | Enough::Budget) => Next::Done,
        EndOfTurn::Turn => Next::QueueAgain,
        // Nothing of it was recorded, and another turn here would be no different.
        EndOfTurn::OtherMeter => Next::Done,
        EndOfTurn::Interrupted => Next::Resume,
        // Only with a failure, which ends the job by itself.
        EndOfTurn::Failed => Next::Done,
    }
}

/// Watches as an evaluation does, and stops as soon as somebody waits.
struct Idle<'a>(Watch<'a>);

impl Observer for Idle<'_> {
    fn progress(&mut self, phase: Phase) -> GoOn {
        if self.0.progress(phase) == GoOn::No {
            return GoOn::No;
        }
        let desk = self.0.desk;
        match desk.wait_for(db::jobs::is_somebody_waiting(&desk.db)) {
            Ok(false) => GoOn::Yes,
            Ok(true) => GoOn::No,
            Err(error) => {
                tracing::warn!(%error, "whether somebody waits cannot be told");
                GoOn::No
            }
        }
    }

    /// Only what a failure printed is kept: of the others there is enough from the evaluation.
    fn hidden_run(&mut self, run: HiddenRun) {
        if run.outcome != "ok" {
            self.0.hidden_run(run);
        }
    }
}
