//! The pages: HTML made on the server, readable without a script.

mod account;
mod competition;
mod docs;
mod drawings;
mod energy;
mod error;
pub mod figures;
mod formula;
mod frame;
mod home;
mod leaderboard;
mod machine;
pub(crate) mod markdown;
mod masthead;
mod measurement;
mod model_facts;
mod progress;
mod report;
mod runtimes;
mod scatter;
mod script_facts;
mod sign_in;
mod starter_script;
mod submissions;
mod submit;
mod under_way;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, FormConfig, PathConfig, QueryConfig, ServiceConfig};
use askama::Template;

use super::error::Problem;
use super::live::streams;
use super::{advice, get, standing};
pub use error::PageError;

const HTML: &str = "text/html; charset=utf-8";

pub fn routes(service: &mut ServiceConfig) {
    service
        .app_data(
            PathConfig::default()
                .error_handler(|_, _| PageError::from(Problem::not_found("such page")).into()),
        )
        .app_data(QueryConfig::default().error_handler(|error, _| {
            PageError::from(Problem::bad_request(format!(
                "The address cannot be read: {error}."
            )))
            .into()
        }))
        .app_data(FormConfig::default().error_handler(|error, _| {
            PageError::from(Problem::bad_request(format!(
                "The form cannot be read: {error}."
            )))
            .into()
        }))
        .route("/", get().to(home::show))
        .route("/competitions", get().to(home::show))
        .route("/competitions/{slug}", get().to(leaderboard::show))
        .route(
            "/competitions/{slug}/overview",
            get().to(competition::overview),
        )
        .route("/competitions/{slug}/data", get().to(competition::data))
        .route(
            "/competitions/{slug}/data/{path:.*}",
            get().to(competition::download),
        )
        .route(
            "/competitions/{slug}/starter/{path:.*}",
            get().to(competition::download_starter),
        )
        .route(
            "/competitions/{slug}/starter.py",
            get().to(starter_script::download),
        )
        .route("/competitions/{slug}/submit", get().to(submit::show))
        .route(
            "/competitions/{slug}/submit",
            web::post().to(submit::create),
        )
        .route(
            "/competitions/{slug}/events",
            web::get().to(streams::competition),
        )
        .route(
            "/competitions/{slug}/submissions",
            get().to(submissions::list_mine),
        )
        .route("/submissions/{id}", get().to(report::show))
        .route(
            "/submissions/{id}/events",
            web::get().to(streams::submission),
        )
        .route(
            "/submissions/{id}/cancel",
            web::post().to(submissions::cancel),
        )
        .route("/sign-up", get().to(sign_in::show_sign_up))
        .route("/sign-up", web::post().to(sign_in::sign_up))
        .route("/sign-in", get().to(sign_in::show_sign_in))
        .route("/sign-in", web::post().to(sign_in::sign_in))
        .route("/sign-out", web::post().to(sign_in::sign_out))
        .route("/account", get().to(account::show))
        .route("/account/tokens", web::post().to(account::create_token))
        .route(
            "/account/tokens/{id}/revoke",
            web::post().to(account::revoke_token),
        )
        .route("/runtimes", get().to(runtimes::show))
        .route("/docs/api", get().to(docs::api))
        .route("/health", get().to(docs::health))
        .default_service(web::to(nothing));
}

/// A page with a status of its own.
fn page(status: StatusCode, page: &impl Template) -> Result<HttpResponse, PageError> {
    let body = page.render()?;
    Ok(HttpResponse::build(status).content_type(HTML).body(body))
}

/// Leads the browser on after a post, so that reloading does not post again.
fn see_other(address: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header(("Location", address))
        .finish()
}

async fn nothing() -> Result<HttpResponse, PageError> {
    Err(Problem::not_found("such page").into())
}
