//! How to use the API, and whether the server is well.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use askama_web::WebTemplate;

use super::error::PageError;
use super::frame::Frame;
use crate::db;
use crate::web::App;
use crate::web::lookups::origin;

#[derive(Template, WebTemplate)]
#[template(path = "docs/api.html")]
pub struct ApiPage {
    frame: Frame,
    /// Scheme and host of the examples.
    origin: String,
}

pub async fn api(app: Data<App>, frame: Frame, request: HttpRequest) -> Result<ApiPage, PageError> {
    Ok(ApiPage {
        frame,
        origin: origin(&app, &request),
    })
}

/// For whoever watches the server: 200 where the database answers, else 503.
pub async fn health(app: Data<App>) -> HttpResponse {
    match db::ping(&app.db).await {
        Ok(()) => HttpResponse::Ok().content_type("text/plain").body("ok\n"),
        Err(error) => {
            tracing::warn!(%error, "the database does not answer");
            HttpResponse::ServiceUnavailable()
                .content_type("text/plain")
                .body("the database does not answer\n")
        }
    }
}
