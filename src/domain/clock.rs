//! The time that deadlines, quotas and dates are judged by. A rehearsal can set it.

use std::sync::Arc;
use std::sync::Mutex;

use chrono::{DateTime, Utc};

/// Where "now" comes from. Durations are never measured with it: those are monotonic.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    #[default]
    System,
    /// Stands still until it is set.
    Set(Arc<Mutex<DateTime<Utc>>>),
}

impl Clock {
    pub fn set_to(now: DateTime<Utc>) -> Clock {
        Clock::Set(Arc::new(Mutex::new(now)))
    }

    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Clock::System => Utc::now(),
            Clock::Set(now) => *now
                .lock()
                .expect("no thread panics while it sets the clock"),
        }
    }
}

/// The first instant of the UTC day that `now` lies in: daily limits count from it.
pub fn start_of_day(now: DateTime<Utc>) -> DateTime<Utc> {
    now.date_naive().and_time(chrono::NaiveTime::MIN).and_utc()
}
