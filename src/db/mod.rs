//! Every SQL statement, one function each, one file per noun. Functions take an executor, so that
//! the caller decides on the transaction.

pub mod accounts;
pub mod boards;
pub mod competitions;
pub mod embedded;
pub mod jobs;
pub mod notifications;
pub mod runners;
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
    sqlx::migrate!().run(pool).await
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
