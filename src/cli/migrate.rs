//! `leanboard migrate`

use super::output::say;
use super::{Failure, Settings, tokio_runtime};
use crate::db;

pub fn run(settings: &Settings) -> Result<(), Failure> {
    tokio_runtime()?.block_on(async {
        let pool = settings.connect(1).await?;
        db::migrate(&pool)
            .await
            .map_err(|error| format!("the schema cannot be changed: {error}"))?;
        say(format!(
            "The database's schema is that of Leanboard {}.",
            env!("CARGO_PKG_VERSION")
        ))
    })
}
