//! The queue as a whole.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;

use crate::db;
use crate::db::jobs::Purpose;
use crate::web::App;
use crate::web::error::ApiError;

/// How much is waiting and how much is being evaluated, in all competitions. What an idle runner does
/// in the background stands apart: nobody waits for it.
pub async fn show(app: Data<App>) -> Result<HttpResponse, ApiError> {
    #[derive(Serialize)]
    struct Queue {
        queued: i64,
        running: i64,
        deepening: Deepening,
    }
    #[derive(Serialize)]
    struct Deepening {
        queued: i64,
        running: i64,
    }
    let evaluations = db::jobs::count(&app.db, Purpose::Evaluate).await?;
    let deepening = db::jobs::count(&app.db, Purpose::Deepen).await?;
    Ok(HttpResponse::Ok().json(Queue {
        queued: evaluations.queued,
        running: evaluations.running,
        deepening: Deepening {
            queued: deepening.queued,
            running: deepening.running,
        },
    }))
}
