//! Bodies that an account sends at once: each takes a place, so that one account cannot take them all.

use std::sync::Mutex;

use actix_web::http::StatusCode;

use super::error::{Problem, RETRY_AFTER_S};
use crate::domain::ids::UserId;

/// Forms with files that one account may be sending at once.
const AT_ONCE: usize = 5;

/// One line for each body on its way.
#[derive(Default)]
pub struct Places {
    taken: Mutex<Vec<UserId>>,
}

/// A place that is free again when this is dropped.
pub struct Place<'a> {
    places: &'a Places,
    user: UserId,
}

impl Places {
    /// # Errors
    /// 429 when the account has taken all of its places.
    pub fn take(&self, user: UserId) -> Result<Place<'_>, Problem> {
        let mut taken = self.taken.lock().unwrap_or_else(|lock| lock.into_inner());
        if taken.iter().filter(|other| **other == user).count() >= AT_ONCE {
            return Err(Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_at_once",
                format!(
                    "You are sending {AT_ONCE} files at once already. Send this one when one of them \
                     has arrived."
                ),
            )
            .with(RETRY_AFTER_S, 10));
        }
        taken.push(user);
        Ok(Place { places: self, user })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let taken = &self.places.taken;
        let mut taken = taken.lock().unwrap_or_else(|lock| lock.into_inner());
        if let Some(at) = taken.iter().position(|other| *other == self.user) {
            taken.swap_remove(at);
        }
    }
}
