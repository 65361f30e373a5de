//! A queued submission's place, and how long it is likely to wait.

use super::App;
use super::error::Error;
use crate::db;
use crate::domain::ids::SubmissionId;

/// A queued submission's place, and what the wait is likely to be.
pub struct Queued {
    /// 1 is next.
    pub position: i64,
    pub runners: i64,
    /// In seconds; `None` before anything was measured.
    pub wait_s: Option<f64>,
}

/// `None` for what is not queued.
pub async fn find_queued(app: &App, id: SubmissionId) -> Result<Option<Queued>, Error> {
    let Some(position) = db::jobs::position(&app.db, id).await? else {
        return Ok(None);
    };
    let runners = db::runners::count_alive(&app.db).await?;
    let each_s = db::jobs::median_duration_s(&app.db).await?;
    Ok(Some(Queued {
        position,
        runners,
        wait_s: each_s.map(|each_s| each_s * position as f64 / runners.max(1) as f64),
    }))
}
