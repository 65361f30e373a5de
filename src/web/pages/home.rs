//! The first page: all competitions.

use actix_web::web::Data;
use askama::Template;
use askama_web::WebTemplate;
use chrono::{DateTime, Utc};

use super::error::PageError;
use super::figures;
use super::frame::Frame;
use super::masthead::Stage;
use crate::db;
use crate::db::competitions::Listed;
use crate::web::App;

#[derive(Template, WebTemplate)]
#[template(path = "home.html")]
pub struct HomePage {
    frame: Frame,
    competitions: Vec<Listed>,
    now: DateTime<Utc>,
}

impl HomePage {
    fn stage(&self, competition: &Listed) -> Stage {
        Stage::of(&competition.spec, self.now)
    }

    fn counts(&self, competition: &Listed) -> String {
        format!(
            "{} · {}",
            figures::counted(competition.teams, "team"),
            figures::counted(competition.submissions, "submission")
        )
    }
}

pub async fn show(app: Data<App>, frame: Frame) -> Result<HomePage, PageError> {
    let now = app.clock.now();
    let competitions = db::competitions::list(&app.db, now).await?;
    Ok(HomePage {
        frame,
        competitions,
        now,
    })
}
