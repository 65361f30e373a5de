//! The demo competitions, which are compiled into the program.

use include_dir::{Dir, include_dir};
use sqlx::PgPool;

use crate::cli::{Failure, Settings, competition};
use crate::db;

/// In the order in which they are opened; their names are their slugs.
static DEMOS: [(&str, Dir<'_>); 3] = [
    ("digits", include_dir!("$CARGO_MANIFEST_DIR/demo/digits")),
    (
        "diamonds",
        include_dir!("$CARGO_MANIFEST_DIR/demo/diamonds"),
    ),
    (
        "gloss-topics",
        include_dir!("$CARGO_MANIFEST_DIR/demo/gloss-topics"),
    ),
];

/// Opens the demo competitions that are not there yet, where there is no competition of anybody's.
pub async fn seed(settings: &Settings, url: &str, pool: &PgPool) -> Result<(), Failure> {
    let failed = |error: db::Error| format!("competitions cannot be read: {error}");
    let present = db::competitions::list(pool, chrono::Utc::now())
        .await
        .map_err(failed)?;
    if present.iter().any(|listed| !listed.spec.demo) {
        return Ok(());
    }
    for (slug, bundle) in &DEMOS {
        if present
            .iter()
            .any(|listed| listed.spec.slug.as_str() == *slug)
        {
            continue;
        }
        let folder =
            tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        bundle
            .extract(folder.path())
            .map_err(|error| format!("the demo cannot be unpacked: {error}"))?;
        competition::create(settings, url, folder.path()).await?;
    }
    Ok(())
}
