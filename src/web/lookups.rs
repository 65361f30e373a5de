//! What addresses name, for the pages and the API alike.

use actix_web::HttpRequest;
use serde::Deserialize;

use super::App;
use super::error::{Error, Problem};
use crate::db;
use crate::db::competitions::Competition;
use crate::db::submissions::Submission;
use crate::domain::ids::{SubmissionId, SubmissionNumber};
use crate::domain::slug::Slug;

/// The competition of this slug.
///
/// # Errors
/// 404 where there is none.
pub async fn find_competition(app: &App, slug: &str) -> Result<Competition, Error> {
    let not_found = || Problem::not_found(format!("competition `{slug}`"));
    let slug: Slug = slug.parse().map_err(|_| not_found())?;
    let competition = db::competitions::find_by_slug(&app.db, &slug).await?;
    competition.ok_or_else(|| not_found().into())
}

/// The submission of this id.
///
/// # Errors
/// 404 where there is none.
pub async fn find_submission(app: &App, id: SubmissionId) -> Result<Submission, Error> {
    let submission = db::submissions::find(&app.db, id).await?;
    submission.ok_or_else(|| Problem::not_found("such submission").into())
}

/// A submission as an address names it: by its id, or by the number that people quote.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub enum SubmissionName {
    Id(SubmissionId),
    Number(SubmissionNumber),
}

impl TryFrom<String> for SubmissionName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<SubmissionName, &'static str> {
        let id = text.parse().map(SubmissionName::Id);
        let number = || text.parse().map(SubmissionNumber);
        id.or_else(|_| number().map(SubmissionName::Number))
            .map_err(|_| "no id and no number of a submission")
    }
}

/// The submission of this name.
///
/// # Errors
/// 404 where there is none.
pub async fn find_named_submission(app: &App, name: SubmissionName) -> Result<Submission, Error> {
    let id = match name {
        SubmissionName::Id(id) => Some(id),
        SubmissionName::Number(number) => {
            db::submissions::find_id_of_number(&app.db, number).await?
        }
    };
    match id {
        Some(id) => find_submission(app, id).await,
        None => Err(Problem::not_found("such submission").into()),
    }
}

/// Where clients reach us: as configured, else as they just did.
pub fn origin(app: &App, request: &HttpRequest) -> String {
    app.public_url.clone().unwrap_or_else(|| {
        let connection = request.connection_info();
        format!("{}://{}", connection.scheme(), connection.host())
    })
}
