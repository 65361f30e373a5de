//! Runtime images, each stored once.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use sqlx::types::Json;

use super::Error;
use super::competitions::stored_digest;
use crate::domain::digest::Digest;
use crate::domain::runtime::Manifest;

/// An image that was ever used.
#[derive(Debug, Clone)]
pub struct StoredImage {
    pub digest: Digest,
    pub manifest: Manifest,
    pub first_seen_at: DateTime<Utc>,
}

/// Keeps what an image holds, unless it is known: a digest never stands for anything else.
pub async fn insert(db: impl PgExecutor<'_>, manifest: &Manifest) -> Result<(), Error> {
    let digest = manifest.digest();
    sqlx::query!(
        "insert into runtimes (digest, manifest) values ($1, $2)
         on conflict do nothing",
        digest.as_bytes().as_slice(),
        Json(manifest) as _,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The images, the latest first. They are few: one for each upgrade.
pub async fn list(db: impl PgExecutor<'_>) -> Result<Vec<StoredImage>, Error> {
    let rows = sqlx::query!(
        r#"select digest, manifest as "manifest: Json<Manifest>", first_seen_at
           from runtimes
           order by first_seen_at desc
           limit 100"#
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| StoredImage {
            digest: stored_digest(&row.digest),
            manifest: row.manifest.0,
            first_seen_at: row.first_seen_at,
        })
        .collect())
}
