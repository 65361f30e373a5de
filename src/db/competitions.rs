//! Competitions and the files of their bundles.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use sqlx::types::Json;

use super::{Error, Inserted};
use crate::domain::competition::CompetitionSpec;
use crate::domain::digest::Digest;
use crate::domain::ids::CompetitionId;
use crate::domain::slug::Slug;
use crate::domain::units::Bytes;

#[derive(Debug, Clone)]
pub struct Competition {
    pub id: CompetitionId,
    pub spec: CompetitionSpec,
    /// Markdown.
    pub description: String,
    /// Markdown.
    pub rules: String,
}

pub async fn insert(
    db: impl PgExecutor<'_>,
    competition: &Competition,
) -> Result<Inserted<()>, Error> {
    let spec = &competition.spec;
    let inserted = sqlx::query!(
        "insert into competitions (id, slug, spec, description, rules, opens_at, closes_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict on constraint competitions_slug_once do nothing",
        competition.id.0,
        spec.slug.as_str(),
        Json(spec) as _,
        competition.description,
        competition.rules,
        spec.opens_at,
        spec.closes_at,
    )
    .execute(db)
    .await?;
    Ok(match inserted.rows_affected() {
        0 => Inserted::Duplicate(()),
        _ => Inserted::New(()),
    })
}

pub async fn find(
    db: impl PgExecutor<'_>,
    id: CompetitionId,
) -> Result<Option<Competition>, Error> {
    let row = sqlx::query!(
        r#"select spec as "spec: Json<CompetitionSpec>", description, rules
           from competitions
           where id = $1"#,
        id.0,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Competition {
        id,
        spec: row.spec.0,
        description: row.description,
        rules: row.rules,
    }))
}

pub async fn find_by_slug(
    db: impl PgExecutor<'_>,
    slug: &Slug,
) -> Result<Option<Competition>, Error> {
    let row = sqlx::query!(
        r#"select id as "id: CompetitionId", spec as "spec: Json<CompetitionSpec>", description, rules
           from competitions
           where slug = $1"#,
        slug.as_str(),
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Competition {
        id: row.id,
        spec: row.spec.0,
        description: row.description,
        rules: row.rules,
    }))
}

/// A competition as a list shows it.
#[derive(Debug, Clone)]
pub struct Listed {
    pub id: CompetitionId,
    pub spec: CompetitionSpec,
    pub teams: i64,
    pub submissions: i64,
}

/// All competitions: open ones first, the soonest to close at the top.
pub async fn list(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<Vec<Listed>, Error> {
    let rows = sqlx::query!(
        r#"select id as "id: CompetitionId", spec as "spec: Json<CompetitionSpec>",
               (select count(*) from teams where teams.competition_id = competitions.id) as "teams!",
               (select count(*) from submissions
                where submissions.competition_id = competitions.id) as "submissions!"
           from competitions
           order by coalesce(closes_at <= $1, false), closes_at nulls last, slug"#,
        now,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Listed {
            id: row.id,
            spec: row.spec.0,
            teams: row.teams,
            submissions: row.submissions,
        })
        .collect())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// What participants download.
    Public,
    Hidden,
}

impl Visibility {
    fn as_str(self) -> &'static str {
        match self {
            Visibility::Public => "public",
            Visibility::Hidden => "hidden",
        }
    }
}

#[derive(Debug, Clone)]
pub struct CompetitionFile {
    /// In the bundle, such as `data/train.csv`.
    pub path: String,
    pub digest: Digest,
    pub size: Bytes,
}

pub async fn insert_file(
    db: impl PgExecutor<'_>,
    competition: CompetitionId,
    file: &CompetitionFile,
    visibility: Visibility,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into competition_files (competition_id, path, visibility, digest, size_bytes)
         values ($1, $2, $3, $4, $5)",
        competition.0,
        file.path,
        visibility.as_str(),
        file.digest.as_bytes(),
        file.size.as_i64(),
    )
    .execute(db)
    .await?;
    Ok(())
}

struct FileRow {
    path: String,
    digest: Vec<u8>,
    size_bytes: i64,
}

impl From<FileRow> for CompetitionFile {
    fn from(row: FileRow) -> CompetitionFile {
        CompetitionFile {
            path: row.path,
            digest: stored_digest(&row.digest),
            size: Bytes::from_i64(row.size_bytes),
        }
    }
}

/// What participants may download.
pub async fn list_public_files(
    db: impl PgExecutor<'_>,
    competition: CompetitionId,
) -> Result<Vec<CompetitionFile>, Error> {
    let rows = sqlx::query_as!(
        FileRow,
        "select path, digest, size_bytes
         from competition_files
         where competition_id = $1 and visibility = 'public'
         order by path",
        competition.0,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(CompetitionFile::from).collect())
}

/// One of the files that participants may download.
pub async fn find_public_file(
    db: impl PgExecutor<'_>,
    competition: CompetitionId,
    path: &str,
) -> Result<Option<CompetitionFile>, Error> {
    let row = sqlx::query_as!(
        FileRow,
        "select path, digest, size_bytes
         from competition_files
         where competition_id = $1 and path = $2 and visibility = 'public'",
        competition.0,
        path,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(CompetitionFile::from))
}

/// A file that may be hidden: for runners, never for pages.
pub async fn find_file(
    db: impl PgExecutor<'_>,
    competition: CompetitionId,
    path: &str,
) -> Result<Option<CompetitionFile>, Error> {
    let row = sqlx::query_as!(
        FileRow,
        "select path, digest, size_bytes
         from competition_files
         where competition_id = $1 and path = $2",
        competition.0,
        path,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(CompetitionFile::from))
}

/// A digest as its column holds it; the column's check keeps it 32 bytes long.
pub(super) fn stored_digest(bytes: &[u8]) -> Digest {
    Digest::try_from(bytes).expect("a stored digest is 32 bytes")
}
