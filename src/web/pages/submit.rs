//! The form that a submission is uploaded with.

use actix_multipart::Multipart;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;

use super::error::PageError;
use super::figures::{self, Figure};
use super::frame::{Frame, OwnFrame};
use super::masthead::{Masthead, Tab};
use super::{page, see_other};
use crate::db;
use crate::db::competitions::Competition;
use crate::domain::clock::start_of_day;
use crate::domain::competition::{CompetitionSpec, TaskKind};
use crate::web::App;
use crate::web::error::{Error, Problem};
use crate::web::forms::{self, RefusedForm};
use crate::web::lookups::find_competition;
use crate::web::uploads::BAD_DESCRIPTION;

#[derive(Template)]
#[template(path = "competitions/submit.html")]
struct SubmitPage {
    frame: Frame,
    masthead: Masthead,
    /// How many submissions the reader's team has made today.
    used_today: u32,
    description: String,
    refused: Option<Problem>,
}

impl SubmitPage {
    async fn read(app: &App, competition: &Competition, frame: Frame) -> Result<SubmitPage, Error> {
        let now = app.clock.now();
        let team = match frame.viewer() {
            Some(viewer) => db::teams::find_of_user(&app.db, competition.id, viewer.id).await?,
            None => None,
        };
        let used_today = match team {
            Some(team) => {
                db::submissions::count_against_quota(&app.db, team.id, start_of_day(now)).await?
            }
            None => 0,
        };
        Ok(SubmitPage {
            frame,
            masthead: Masthead::new(&competition.spec, now, Tab::Submit),
            used_today,
            description: String::new(),
            refused: None,
        })
    }

    fn spec(&self) -> &CompetitionSpec {
        &self.masthead.spec
    }

    fn left_today(&self) -> u32 {
        self.spec().daily_limit.saturating_sub(self.used_today)
    }

    fn file_error(&self) -> Option<&Problem> {
        (self.refused.as_ref()).filter(|problem| problem.code != BAD_DESCRIPTION)
    }

    fn description_error(&self) -> Option<&Problem> {
        (self.refused.as_ref()).filter(|problem| problem.code == BAD_DESCRIPTION)
    }

    /// The first submission of the same bytes, if that is what was wrong.
    fn first_submission(&self) -> Option<&str> {
        self.refused.as_ref()?.members.get("url")?.as_str()
    }

    fn largest_upload_bytes(&self) -> u64 {
        self.spec().entries.max_size().as_u64()
    }

    fn time(&self) -> Figure {
        figures::duration(self.spec().limits.time)
    }

    /// The class list of a task of labels.
    fn classes(&self) -> Option<&[String]> {
        match self.spec().task.kind {
            TaskKind::Label => Some(&self.spec().task.classes),
            TaskKind::Value => None,
        }
    }
}

pub async fn show(
    app: Data<App>,
    slug: Path<String>,
    frame: Frame,
) -> Result<HttpResponse, PageError> {
    let competition = find_competition(&app, &slug).await?;
    let form = SubmitPage::read(&app, &competition, frame).await?;
    page(StatusCode::OK, &form)
}

pub async fn create(
    app: Data<App>,
    slug: Path<String>,
    OwnFrame { frame, user }: OwnFrame,
    form: Multipart,
) -> Result<HttpResponse, PageError> {
    let competition = find_competition(&app, &slug).await?;
    let RefusedForm { error, description } =
        match forms::receive(&app, &competition, &user, form).await {
            Ok(committed) => return Ok(see_other(&format!("/submissions/{}", committed.id))),
            Err(refused) => refused,
        };
    let Error::Refused(problem) = error else {
        return Err(error.into());
    };
    let again = SubmitPage {
        description,
        refused: Some(problem.clone()),
        ..SubmitPage::read(&app, &competition, frame).await?
    };
    page(problem.status, &again)
}
