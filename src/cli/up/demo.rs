//! The demo competition, which is compiled into the program.

use include_dir::{Dir, include_dir};
use sqlx::PgPool;

use crate::cli::{Failure, competition};
use crate::db;
use crate::store::Store;

static DIGITS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/demo/digits");

/// Opens the demo competition where there is no competition yet.
pub async fn seed(pool: &PgPool, store: &Store) -> Result<(), Failure> {
    let failed = |error: db::Error| format!("competitions cannot be read: {error}");
    if !db::competitions::list(pool, chrono::Utc::now())
        .await
        .map_err(failed)?
        .is_empty()
    {
        return Ok(());
    }
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    DIGITS
        .extract(folder.path())
        .map_err(|error| format!("the demo cannot be unpacked: {error}"))?;
    let bundle = competition::read(folder.path())?;
    competition::create(pool, store, &bundle).await?;
    tracing::info!(competition.slug = %bundle.spec.slug, "opened the demo competition");
    Ok(())
}
