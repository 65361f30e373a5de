//! Uploads on their way: started, received, and gone once they are committed or given up.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use sqlx::types::Json;

use super::Error;
use super::competitions::stored_digest;
use super::submissions::stored_kind;
use crate::domain::competition::EntryKind;
use crate::domain::digest::Digest;
use crate::domain::ids::{CompetitionId, UploadId, UserId};
use crate::domain::units::Bytes;

#[derive(Debug, Clone)]
pub struct Upload {
    pub id: UploadId,
    pub competition: CompetitionId,
    pub user: UserId,
    pub file_name: String,
    /// `None` until the bytes are here and have passed the door check.
    pub received: Option<Received>,
}

/// What is known of bytes that lie in the store under the upload's name.
#[derive(Debug, Clone)]
pub struct Received {
    pub digest: Digest,
    pub size: Bytes,
    pub kind: EntryKind,
    /// What the door check found out, as JSON.
    pub model: serde_json::Value,
}

#[derive(Debug)]
pub struct NewUpload<'a> {
    pub id: UploadId,
    pub competition: CompetitionId,
    pub user: UserId,
    pub secret: &'a Digest,
    pub file_name: &'a str,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

pub async fn insert(db: impl PgExecutor<'_>, upload: &NewUpload<'_>) -> Result<(), Error> {
    sqlx::query!(
        "insert into uploads (id, competition_id, user_id, secret_hash, file_name, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        upload.id.0,
        upload.competition.0,
        upload.user.0,
        upload.secret.as_bytes(),
        upload.file_name,
        upload.created_at,
        upload.expires_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn count_of_user(db: impl PgExecutor<'_>, user: UserId) -> Result<i64, Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from uploads where user_id = $1"#,
        user.0,
    )
    .fetch_one(db)
    .await
}

/// Uses up the address of an upload: the first PUT gets the upload, a second nothing.
pub async fn begin_receiving(
    db: impl PgExecutor<'_>,
    id: UploadId,
    secret: &Digest,
    now: DateTime<Utc>,
) -> Result<Option<CompetitionId>, Error> {
    sqlx::query_scalar!(
        r#"update uploads set state = 'receiving'
           where id = $1 and secret_hash = $2 and state = 'started' and expires_at > $3
           returning competition_id as "competition_id: CompetitionId""#,
        id.0,
        secret.as_bytes(),
        now,
    )
    .fetch_optional(db)
    .await
}

pub async fn set_received(
    db: impl PgExecutor<'_>,
    id: UploadId,
    received: &Received,
) -> Result<(), Error> {
    sqlx::query!(
        "update uploads set state = 'received', digest = $2, size_bytes = $3, kind = $4, model = $5
         where id = $1 and state = 'receiving'",
        id.0,
        received.digest.as_bytes(),
        received.size.as_i64(),
        received.kind.as_str(),
        Json(&received.model) as _,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// This user's upload.
pub async fn find_of_user(
    db: impl PgExecutor<'_>,
    id: UploadId,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Option<Upload>, Error> {
    let row = sqlx::query!(
        r#"select competition_id as "competition_id: CompetitionId", file_name, digest, size_bytes,
               kind, model as "model: Json<serde_json::Value>"
           from uploads
           where id = $1 and user_id = $2 and expires_at > $3"#,
        id.0,
        user.0,
        now,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Upload {
        id,
        competition: row.competition_id,
        user,
        file_name: row.file_name,
        received: match (row.digest, row.size_bytes, row.kind, row.model) {
            (Some(digest), Some(size), Some(kind), Some(model)) => Some(Received {
                digest: stored_digest(&digest),
                size: Bytes::from_i64(size),
                kind: stored_kind(&kind),
                model: model.0,
            }),
            _ => None,
        },
    }))
}

pub async fn delete(db: impl PgExecutor<'_>, id: UploadId) -> Result<(), Error> {
    sqlx::query!("delete from uploads where id = $1", id.0)
        .execute(db)
        .await?;
    Ok(())
}

/// Gives up the uploads that were never committed, and says which, so that their bytes can go.
pub async fn delete_expired(
    db: impl PgExecutor<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<UploadId>, Error> {
    sqlx::query_scalar!(
        r#"delete from uploads where expires_at <= $1 returning id as "id: UploadId""#,
        now,
    )
    .fetch_all(db)
    .await
}
