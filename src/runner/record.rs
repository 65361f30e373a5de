//! Writes an evaluation down and ranks the boards anew, in one transaction that holds only if the
//! lease does.

use chrono::{DateTime, Utc};
use sqlx::PgTransaction;

use super::{JobError, Runner};
use crate::db;
use crate::db::boards::BoardKey;
use crate::db::competitions::Competition;
use crate::db::jobs::{Claim, Lease};
use crate::db::sessions::{NewSession, NewSummary, StoredScores};
use crate::domain::competition::CompetitionSpec;
use crate::domain::efficiency::{Scale, Unranked};
use crate::domain::ranking::{self, Board};
use crate::domain::score::ScoreIntervals;
use crate::domain::split::Split;
use crate::domain::submission::Failure;
use crate::domain::trial::{Summary, Trial};
use crate::scoring::Scores;

/// A submission that was measured and scored.
pub struct Evaluated {
    pub trials: Vec<Trial>,
    pub scores: Scores,
    pub intervals: ScoreIntervals,
    /// What ran the model.
    pub runtime: String,
    /// With how many rows at a time: of a model.
    pub batch_size: Option<u32>,
    pub started_at: DateTime<Utc>,
}

impl Runner {
    pub(super) fn record(
        &self,
        claim: &Claim,
        competition: &Competition,
        evaluated: &Evaluated,
    ) -> Result<(), JobError> {
        let summary = Summary::of(&evaluated.trials).ok_or_else(|| JobError::Competition {
            slug: competition.spec.slug.to_string(),
            what: "a session had no trials".to_owned(),
        })?;
        match self
            .desk
            .wait_for(self.insert(claim, competition, evaluated, &summary))?
        {
            Lease::Held => tracing::info!(
                submission.id = %claim.submission,
                score = evaluated.scores.public.as_f64(),
                total.cpu_s = summary.total.cpu.as_secs_f64(),
                total.wall_s = summary.total.wall.as_secs_f64(),
                "scored a submission"
            ),
            Lease::Lost => tracing::warn!(
                submission.id = %claim.submission,
                "the lease was lost, so nothing was recorded"
            ),
        }
        Ok(())
    }

    async fn insert(
        &self,
        claim: &Claim,
        competition: &Competition,
        evaluated: &Evaluated,
        summary: &Summary,
    ) -> Result<Lease, db::Error> {
        let spec = &competition.spec;
        let hardware_class = self.machine.hardware_class(spec.limits.cpus);
        let fingerprint = self.fingerprint(spec, &evaluated.runtime);
        let now = self.desk.clock.now();

        let mut transaction = self.desk.db.begin().await?;
        if db::jobs::finish_scored(&mut *transaction, claim).await? == Lease::Lost {
            return Ok(Lease::Lost);
        }
        db::boards::lock(&mut transaction, competition.id).await?;
        let session = NewSession {
            hardware_class: &hardware_class,
            profile: spec.measuring.profile,
            fingerprint: &fingerprint,
            started_at: evaluated.started_at,
            ended_at: now,
            end: None,
            trials: &evaluated.trials,
        };
        db::sessions::insert(&mut transaction, claim, &session).await?;
        let scores = StoredScores {
            public: evaluated.scores.public.as_f64(),
            private: evaluated.scores.private.as_f64(),
            all: evaluated.scores.all.as_f64(),
        };
        let new = NewSummary {
            hardware_class: &hardware_class,
            scores,
            intervals: evaluated.intervals,
            summary,
            batch_size: evaluated.batch_size,
            recorded_at: now,
        };
        db::sessions::insert_summary(&mut *transaction, claim.submission, &new).await?;
        if claim.reference {
            for split in Split::ALL {
                let score = match split {
                    Split::Public => scores.public,
                    Split::Private => scores.private,
                };
                freeze(
                    &mut transaction,
                    claim,
                    spec,
                    &hardware_class,
                    split,
                    score,
                    summary,
                    now,
                )
                .await?;
            }
        }
        rank(&mut transaction, competition, &hardware_class, now).await?;
        db::notifications::submission_moved(&mut *transaction, claim.submission).await?;
        transaction.commit().await?;
        Ok(Lease::Held)
    }

    /// The environment of a session that was run by `runtime`.
    pub(super) fn fingerprint(&self, spec: &CompetitionSpec, runtime: &str) -> serde_json::Value {
        let mut fingerprint =
            serde_json::to_value(&self.machine).expect("a machine is texts and numbers");
        fingerprint["runtime"] = runtime.into();
        fingerprint["limits"] = serde_json::to_value(&spec.limits).expect("limits are numbers");
        fingerprint
    }

    pub(super) fn record_failure(&self, claim: &Claim, failure: &Failure) -> Result<(), JobError> {
        let lease = self
            .desk
            .wait_for(db::jobs::finish_failed(&self.desk.db, claim, failure))?;
        if lease == Lease::Held {
            self.desk.wait_for(db::notifications::submission_moved(
                &self.desk.db,
                claim.submission,
            ))?;
            tracing::info!(
                submission.id = %claim.submission,
                failure.code = %failure.code,
                "a submission failed"
            );
        }
        Ok(())
    }
}

/// Freezes the formula's constants from the reference entry's score and cost.
#[expect(
    clippy::too_many_arguments,
    reason = "one row, each of whose columns is named here"
)]
async fn freeze(
    transaction: &mut PgTransaction<'_>,
    claim: &Claim,
    spec: &CompetitionSpec,
    hardware_class: &str,
    split: Split,
    score: f64,
    summary: &Summary,
    now: DateTime<Utc>,
) -> Result<(), db::Error> {
    let scale = Scale::freeze_cost(
        spec.metric.benchmark,
        score,
        spec.metric.direction(),
        summary.ranked_cost(spec.measuring.window, spec.efficiency.cost),
        &spec.efficiency,
    );
    db::boards::insert_scale(
        &mut **transaction,
        claim.competition,
        hardware_class,
        split,
        claim.submission,
        &scale,
        now,
    )
    .await
}

/// Ranks all boards of a competition in one hardware class, and queues what stands on the public one
/// to be measured again when there is nothing else to do.
pub(super) async fn rank(
    transaction: &mut PgTransaction<'_>,
    competition: &Competition,
    hardware_class: &str,
    now: DateTime<Utc>,
) -> Result<(), db::Error> {
    let Competition {
        id: competition,
        ref spec,
        ..
    } = *competition;
    for split in Split::ALL {
        let scale =
            db::boards::find_scale(&mut **transaction, competition, hardware_class, split).await?;
        let scale = match &scale {
            Some(Ok(scale)) => Ok(scale),
            Some(Err(_)) => Err(Unranked::ScaleDegenerate),
            None => Err(Unranked::ScalePending),
        };
        let entries =
            db::boards::list_entries(&mut **transaction, competition, spec, hardware_class, split)
                .await?;
        for board in Board::ALL {
            let direction = spec.metric.direction();
            let standings = ranking::rank(board, direction, scale, entries.clone());
            let key = BoardKey {
                competition,
                hardware_class: hardware_class.to_owned(),
                split,
                board,
            };
            db::boards::insert_standings(transaction, &key, &standings, now).await?;
        }
    }
    if spec.measuring.deepen {
        db::jobs::queue_deepening(transaction, competition, hardware_class, now).await?;
    }
    db::notifications::board_ranked(&mut **transaction, competition).await
}
