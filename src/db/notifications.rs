//! PostgreSQL's LISTEN and NOTIFY: wakes runners and tells servers what to read again. Only a hint:
//! whoever listens also looks by himself now and then.

use sqlx::PgExecutor;

use super::Error;
use crate::domain::ids::{CompetitionId, SubmissionId};

/// A job was queued.
pub const JOBS: &str = "leanboard_jobs";
/// A board was ranked anew; the payload is the competition's id.
pub const BOARDS: &str = "leanboard_boards";
/// A submission moved; the payload is its id.
pub const SUBMISSIONS: &str = "leanboard_submissions";

pub async fn job_queued(db: impl PgExecutor<'_>) -> Result<(), Error> {
    notify(db, JOBS, "").await
}

pub async fn board_ranked(
    db: impl PgExecutor<'_>,
    competition: CompetitionId,
) -> Result<(), Error> {
    notify(db, BOARDS, &competition.to_string()).await
}

pub async fn submission_moved(
    db: impl PgExecutor<'_>,
    submission: SubmissionId,
) -> Result<(), Error> {
    notify(db, SUBMISSIONS, &submission.to_string()).await
}

async fn notify(db: impl PgExecutor<'_>, channel: &str, payload: &str) -> Result<(), Error> {
    sqlx::query!("select pg_notify($1, $2) as notified", channel, payload)
        .fetch_one(db)
        .await?;
    Ok(())
}
