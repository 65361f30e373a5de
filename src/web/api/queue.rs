//! The queue as a whole.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;

use crate::db;
use crate::web::App;
use crate::web::error::ApiError;

/// How much is waiting and how much is being evaluated, in all competitions.
pub async fn show(app: Data<App>) -> Result<HttpResponse, ApiError> {
    #[derive(Serialize)]
    struct Queue {
        queued: i64,
        running: i64,
    }
    let length = db::jobs::count(&app.db).await?;
    Ok(HttpResponse::Ok().json(Queue {
        queued: length.queued,
        running: length.running,
    }))
}
