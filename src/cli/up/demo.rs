//! The demo competition, which is compiled into the program.

use include_dir::{Dir, include_dir};
use sqlx::PgPool;

use crate::cli::{Failure, Settings, competition};
use crate::db;

static DIGITS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/demo/digits");

/// Opens the demo competition where there is no competition yet.
pub async fn seed(settings: &Settings, url: &str, pool: &PgPool) -> Result<(), Failure> {
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
    competition::create(settings, url, folder.path()).await
}
