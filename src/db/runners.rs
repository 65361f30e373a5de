//! Runners, as they announce themselves.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use sqlx::types::Json;

use super::Error;
use crate::domain::ids::RunnerId;

/// Announces a runner, or a new start of one that is known by its name.
pub async fn upsert(
    db: impl PgExecutor<'_>,
    name: &str,
    hardware_class: &str,
    fingerprint: &serde_json::Value,
) -> Result<RunnerId, Error> {
    sqlx::query_scalar!(
        r#"insert into runners (id, name, hardware_class, fingerprint)
           values ($1, $2, $3, $4)
           on conflict on constraint runners_name_once do update
           set hardware_class = excluded.hardware_class,
               fingerprint = excluded.fingerprint,
               started_at = now(),
               last_seen_at = now()
           returning id as "id: RunnerId""#,
        RunnerId::new().0,
        name,
        hardware_class,
        Json(fingerprint) as _,
    )
    .fetch_one(db)
    .await
}

/// How many runners were seen in the last minute, or hold a lease: between two windows there may be
/// long silence. Whoever let one run out is gone.
pub async fn count_alive(db: impl PgExecutor<'_>) -> Result<i64, Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!"
           from runners
           where (last_seen_at > now() - interval '1 minute'
                  and not exists (select from jobs
                                  where jobs.runner_id = runners.id and state = 'running' and lease_until < now()))
              or exists (select from jobs
                         where jobs.runner_id = runners.id and state = 'running' and lease_until >= now())"#
    )
    .fetch_one(db)
    .await
}

/// The machine of the runner that was last seen, as its results name it; `None` where none is
/// alive.
pub async fn find_latest_alive(
    db: impl PgExecutor<'_>,
) -> Result<Option<serde_json::Value>, Error> {
    let fingerprint = sqlx::query_scalar!(
        r#"select fingerprint as "fingerprint: Json<serde_json::Value>"
           from runners
           where (last_seen_at > now() - interval '1 minute'
                  and not exists (select from jobs
                                  where jobs.runner_id = runners.id and state = 'running' and lease_until < now()))
              or exists (select from jobs
                         where jobs.runner_id = runners.id and state = 'running' and lease_until >= now())
           order by last_seen_at desc
           limit 1"#
    )
    .fetch_optional(db)
    .await?;
    Ok(fingerprint.map(|fingerprint| fingerprint.0))
}

/// A runner, as everybody may see it.
#[derive(Debug, Clone)]
pub struct Announced {
    pub name: String,
    pub hardware_class: String,
    pub fingerprint: serde_json::Value,
    pub last_seen_at: DateTime<Utc>,
}

/// The runners that were seen within a month, the latest first.
pub async fn list_recent(db: impl PgExecutor<'_>) -> Result<Vec<Announced>, Error> {
    let rows = sqlx::query!(
        r#"select name, hardware_class, last_seen_at,
               fingerprint as "fingerprint: Json<serde_json::Value>"
           from runners
           where last_seen_at > now() - interval '30 days'
           order by last_seen_at desc
           limit 100"#
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Announced {
            name: row.name,
            hardware_class: row.hardware_class,
            fingerprint: row.fingerprint.0,
            last_seen_at: row.last_seen_at,
        })
        .collect())
}

pub async fn touch(db: impl PgExecutor<'_>, runner: RunnerId) -> Result<(), Error> {
    sqlx::query!(
        "update runners set last_seen_at = now() where id = $1",
        runner.0
    )
    .execute(db)
    .await?;
    Ok(())
}
