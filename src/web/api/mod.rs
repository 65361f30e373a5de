//! The JSON API under `/api/v1`. Its documents are declared beside the handlers that answer them.

mod competitions;
mod energy;
mod queue;
mod runtimes;
mod submissions;
mod uploads;

use actix_web::web::{self, JsonConfig, PathConfig, QueryConfig, ServiceConfig};

use super::error::{ApiError, Problem};
use super::get;
use super::live::streams;

pub fn routes(service: &mut ServiceConfig) {
    service
        .app_data(
            JsonConfig::default()
                .limit(64 << 10)
                .error_handler(|error, _| {
                    ApiError::from(Problem::bad_request(format!(
                        "The JSON cannot be read: {error}."
                    )))
                    .into()
                }),
        )
        .app_data(
            PathConfig::default()
                .error_handler(|_, _| ApiError::from(Problem::not_found("such resource")).into()),
        )
        .app_data(QueryConfig::default().error_handler(|error, _| {
            ApiError::from(Problem::bad_request(format!(
                "The query cannot be read: {error}."
            )))
            .into()
        }))
        .route("/competitions", get().to(competitions::list))
        .route("/competitions/{slug}", get().to(competitions::show))
        .route(
            "/competitions/{slug}/leaderboard",
            get().to(competitions::leaderboard),
        )
        .route(
            "/competitions/{slug}/events",
            web::get().to(streams::competition),
        )
        .route(
            "/competitions/{slug}/submissions",
            get().to(submissions::list_mine),
        )
        .route(
            "/competitions/{slug}/submissions",
            web::post().to(submissions::create),
        )
        .route(
            "/competitions/{slug}/uploads",
            web::post().to(uploads::start),
        )
        .route("/uploads/{id}/{secret}", web::put().to(uploads::put))
        .route("/uploads/{id}/commit", web::post().to(uploads::commit))
        .route("/queue", get().to(queue::show))
        .route("/runtimes", get().to(runtimes::list))
        .route("/submissions", get().to(submissions::list_latest))
        .route("/submissions/{id}", get().to(submissions::show))
        .route(
            "/submissions/{id}/events",
            web::get().to(streams::submission),
        )
        .route(
            "/submissions/{id}/cancel",
            web::post().to(submissions::cancel),
        )
        .default_service(web::to(nothing));
}

async fn nothing() -> Result<actix_web::HttpResponse, ApiError> {
    Err(Problem::not_found("such address in the API").into())
}
