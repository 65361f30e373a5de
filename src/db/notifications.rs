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

/// A connection that hears notifications. When it breaks it is made anew, and says so, because
/// something may have been missed.
pub struct Listener(sqlx::postgres::PgListener);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Notification {
        channel: String,
        payload: String,
    },
    /// The connection was lost for a while.
    Gap,
}

impl Listener {
    pub async fn connect(pool: &sqlx::PgPool, channels: &[&str]) -> Result<Listener, Error> {
        let mut listener = sqlx::postgres::PgListener::connect_with(pool).await?;
        listener.listen_all(channels.iter().copied()).await?;
        Ok(Listener(listener))
    }

    pub async fn next(&mut self) -> Result<Heard, Error> {
        Ok(match self.0.try_recv().await? {
            Some(notification) => Heard::Notification {
                channel: notification.channel().to_owned(),
                payload: notification.payload().to_owned(),
            },
            None => Heard::Gap,
        })
    }
}
