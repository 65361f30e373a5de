//! What addresses name, for the pages and the API alike.

use actix_web::HttpRequest;

use super::App;
use super::error::{Error, Problem};
use crate::db;
use crate::db::competitions::Competition;
use crate::db::submissions::Submission;
use crate::domain::ids::SubmissionId;
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

/// Where clients reach us: as configured, else as they just did.
pub fn origin(app: &App, request: &HttpRequest) -> String {
    app.public_url.clone().unwrap_or_else(|| {
        let connection = request.connection_info();
        format!("{}://{}", connection.scheme(), connection.host())
    })
}
