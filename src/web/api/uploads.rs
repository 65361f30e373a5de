//! Uploading in three steps: start, PUT, commit.

use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::{Data, Json, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::submissions::created;
use crate::db;
use crate::domain::digest::Digest;
use crate::domain::ids::UploadId;
use crate::web::App;
use crate::web::auth::SignedIn;
use crate::web::error::{ApiError, Problem};
use crate::web::lookups::{find_competition, origin};
use crate::web::uploads;

#[derive(Deserialize)]
pub struct Start {
    file_name: String,
}

#[derive(Serialize)]
struct Started {
    id: UploadId,
    /// Takes one PUT of the file's bytes, without an account.
    url: String,
    max_size_bytes: u64,
    expires_at: DateTime<Utc>,
}

pub async fn start(
    app: Data<App>,
    slug: Path<String>,
    SignedIn(user): SignedIn,
    Json(body): Json<Start>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let competition = find_competition(&app, &slug).await?;
    let started = uploads::start(&app, &competition, &user, &body.file_name).await?;
    let origin = origin(&app, &request);
    Ok(HttpResponse::Created().json(Started {
        id: started.id,
        url: format!(
            "{origin}/api/v1/uploads/{}/{}",
            started.id,
            started.secret.as_str()
        ),
        max_size_bytes: competition.spec.entries.max_size().as_u64(),
        expires_at: started.expires_at,
    }))
}

#[derive(Serialize)]
struct Put {
    digest: Digest,
    size_bytes: u64,
    model: serde_json::Value,
}

pub async fn put(
    app: Data<App>,
    path: Path<(UploadId, String)>,
    request: HttpRequest,
    body: Payload,
) -> Result<HttpResponse, ApiError> {
    let (id, secret) = path.into_inner();
    let secret = Digest::of(secret.as_bytes());
    let competition = db::uploads::begin_receiving(&app.db, id, &secret, app.clock.now())
        .await?
        .ok_or_else(|| {
            Problem::not_found("upload at this address, or it was used already: start a new one")
        })?;
    let competition = db::competitions::find(&app.db, competition)
        .await?
        .ok_or_else(|| Problem::not_found("such competition"))?;
    match uploads::receive(&app, &competition, id, announced(&request), body).await {
        Ok(received) => {
            db::uploads::set_received(&app.db, id, &received).await?;
            Ok(HttpResponse::Ok().json(Put {
                digest: received.digest,
                size_bytes: received.size.as_u64(),
                model: received.model,
            }))
        }
        Err(error) => {
            db::uploads::delete(&app.db, id).await?;
            Err(error.into())
        }
    }
}

/// The body's length as the client announces it, in bytes.
fn announced(request: &HttpRequest) -> Option<u64> {
    request
        .headers()
        .get(CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

#[derive(Deserialize)]
pub struct Commit {
    #[serde(default)]
    description: String,
}

pub async fn commit(
    app: Data<App>,
    id: Path<UploadId>,
    SignedIn(user): SignedIn,
    Json(body): Json<Commit>,
) -> Result<HttpResponse, ApiError> {
    let upload = db::uploads::find_of_user(&app.db, *id, user.id, app.clock.now())
        .await?
        .ok_or_else(|| Problem::not_found("such upload of yours; it may have expired"))?;
    let received = upload.received.ok_or_else(|| {
        Problem::bad_request(
            "The file has not been sent yet: PUT it to the upload's address first.",
        )
    })?;
    let competition = db::competitions::find(&app.db, upload.competition)
        .await?
        .ok_or_else(|| Problem::not_found("such competition"))?;
    let file_name = &upload.file_name;
    let committed = uploads::commit(
        &app,
        &competition,
        &user,
        *id,
        file_name,
        &received,
        &body.description,
    )
    .await?;
    Ok(created(committed))
}
