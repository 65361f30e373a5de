//! What models run in.

use actix_web::HttpResponse;
use actix_web::web::Data;
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::digest::Digest;
use crate::domain::runtime::Manifest;
use crate::web::App;
use crate::web::error::ApiError;
use crate::web::runtimes::{self, Offer};

#[derive(Serialize)]
struct RuntimesDocument {
    runners: Vec<Offer>,
    images: Vec<ImageDocument>,
}

#[derive(Serialize)]
struct ImageDocument {
    digest: Digest,
    first_seen_at: DateTime<Utc>,
    manifest: Manifest,
}

pub async fn list(app: Data<App>) -> Result<HttpResponse, ApiError> {
    let (runners, images) = runtimes::list(&app).await?;
    let images = images.into_iter().map(|image| ImageDocument {
        digest: image.digest,
        first_seen_at: image.first_seen_at,
        manifest: image.manifest,
    });
    Ok(HttpResponse::Ok().json(RuntimesDocument {
        runners,
        images: images.collect(),
    }))
}
