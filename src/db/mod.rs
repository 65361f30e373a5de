//! Every SQL statement, one function each, one file per noun. Functions take an executor, so that
//! the caller decides on the transaction.

pub mod accounts;
pub mod boards;
pub mod competitions;
pub mod embedded;
pub mod jobs;
pub mod notifications;
pub mod queue;
pub mod runners;
pub mod runtimes;
pub mod sessions;
pub mod submissions;
pub mod teams;
pub mod uploads;

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

pub use sqlx::{PgConnection, PgTransaction};

pub type Error = sqlx::Error;

/// A pool of connections to the database at `url`.
///
/// # Errors
/// When no connection can be made within ten seconds.
pub async fn connect(url: &str, connections: u32) -> Result<PgPool, Error> {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(10))
        .connect(url)
        .await
}

/// Brings the schema up to this version of the program. Safe to run from several processes at
/// once: they wait for each other.
pub async fn migrate(pool: &PgPool) -> Result<(), sqlx::migrate::MigrateError> {
    MIGRATIONS.run(pool).await
}

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// Whether the schema is the one that this version of the program knows.
///
/// # Errors
/// A sentence for the operator, with the command that mends it.
pub async fn check_schema(pool: &PgPool) -> Result<(), String> {
    let failed = |error: Error| format!("the database's schema cannot be read: {error}");
    let known: Vec<i64> = MIGRATIONS
        .iter()
        .map(|migration| migration.version)
        .collect();
    let has_table =
        sqlx::query_scalar!(r#"select to_regclass('_sqlx_migrations') is not null as "exists!""#)
            .fetch_one(pool)
            .await
            .map_err(failed)?;
    let mut applied = Vec::new();
    if has_table {
        // The table is made by the migrations themselves, so the checked macros do not know it.
        applied = sqlx::query_scalar::<_, i64>(
            "select version from _sqlx_migrations where success order by version",
        )
        .fetch_all(pool)
        .await
        .map_err(failed)?;
    }
    if applied == known {
        return Ok(());
    }
    Err(if known.starts_with(&applied) {
        "the database's schema is older than this program: run `leanboard migrate`".to_owned()
    } else {
        "the database's schema is newer than this program: use the newer program".to_owned()
    })
}

/// Whether the database answers.
///
/// # Errors
/// When it does not.
pub async fn ping(db: &PgPool) -> Result<(), Error> {
    sqlx::query_scalar!("select 1 as one").fetch_one(db).await?;
    Ok(())
}

/// Whether an insertion was the first of its kind; the database decides, not a look beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted<New, Old = ()> {
    New(New),
    Duplicate(Old),
}

/// An interval of the database's clock.
fn interval(duration: Duration) -> sqlx::postgres::types::PgInterval {
    sqlx::postgres::types::PgInterval {
        months: 0,
        days: 0,
        microseconds: i64::try_from(duration.as_micros()).unwrap_or(i64::MAX),
    }
}
