//! The door: an upload comes in as a stream, is looked at without being run, and becomes a
//! submission. The form, the one-call API and the three steps all go through here.

use std::time::Duration;

use actix_web::http::StatusCode;
use bytes::Bytes as Chunk;
use futures_util::{Stream, StreamExt};

use super::App;
use super::auth::Secret;
use super::contracts;
use super::error::{Error, Problem};
use crate::db;
use crate::db::Inserted;
use crate::db::accounts::User;
use crate::db::competitions::Competition;
use crate::db::jobs::Priority;
use crate::db::submissions::{Committed, NewSubmission};
use crate::db::uploads::{NewUpload, Received};
use crate::domain::clock::start_of_day;
use crate::domain::competition::EntryKind;
use crate::domain::ids::{SubmissionId, UploadId};
use crate::domain::names;
use crate::domain::units::Bytes;
use crate::entries;

/// An upload that is not committed after this time is forgotten.
const UPLOAD_HOURS: i64 = 6;
/// Uploads that one user may have on the way.
const OPEN_UPLOADS_LIMIT: i64 = 5;
/// Its bytes stay for longer than that, whatever they are the rest of.
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
fn store_full(expected: Bytes) -> Problem {
    tracing::warn!(
        expected_bytes = expected.as_u64(),
        "an upload was refused, because the store's disk is nearly full"
    );
    Problem::new(
        StatusCode::INSUFFICIENT_STORAGE,
        "store_full",
        "The server has no room left for uploads. Nothing was kept and no quota used; its operator has to \
         make room. Try again later.",
    )
}

/// How long a body may take before its pace counts.
const HEAD_START: Duration = Duration::from_secs(60);
/// The pace that a body must have on the whole, in bytes a second: a slower one would hold its place
/// for as long as it liked.
const PACE_MIN: u64 = 8 << 10;
/// The code of a problem with the description.
pub const BAD_DESCRIPTION: &str = "bad_description";

/// Whether the competition takes submissions now, and the team may make one more today.
///
/// # Errors
/// 403 when the competition is not open, 429 when the day's quota is used up.
pub async fn check_may_enter(
    app: &App,
    competition: &Competition,
    user: &User,
) -> Result<(), Error> {
    check_open(app, competition)?;
    if let Some(team) = db::teams::find_of_user(&app.db, competition.id, user.id).await? {
        let since = start_of_day(app.clock.now());
        let used = db::submissions::count_against_quota(&app.db, team.id, since).await?;
        check_quota(competition, used)?;
    }
    Ok(())
}

fn check_open(app: &App, competition: &Competition) -> Result<(), Problem> {
    let now = app.clock.now();
    let spec = &competition.spec;
    if now < spec.opens_at {
        return Err(Problem::forbidden(
            "competition_not_open",
            format!(
                "{} opens on {}.",
                spec.title,
                spec.opens_at.format("%-d %B %Y at %H:%M UTC")
            ),
        ));
    }
    match spec.closes_at {
        Some(closes_at) if closes_at <= now => Err(Problem::forbidden(
            "competition_closed",
            format!(
                "{} closed on {}.",
                spec.title,
                closes_at.format("%-d %B %Y at %H:%M UTC")
            ),
        )),
        Some(_) | None => Ok(()),
    }
}

fn check_quota(competition: &Competition, used: u32) -> Result<(), Problem> {
    let limit = competition.spec.daily_limit;
    if used < limit {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "daily_limit",
        format!(
            "Your team has made its {limit} submissions of today; the count starts anew at 00:00 UTC."
        ),
    )
    .with("daily_limit", limit))
}

/// The first of the three steps: an address that takes one PUT.
pub struct Started {
    pub id: UploadId,
    pub secret: Secret,
    pub expires_at: chrono::DateTime<chrono::Utc>,
}

pub async fn start(
    app: &App,
    competition: &Competition,
    user: &User,
    file_name: &str,
) -> Result<Started, Error> {
    check_may_enter(app, competition, user).await?;
    if db::uploads::count_of_user(&app.db, user.id).await? >= OPEN_UPLOADS_LIMIT {
        return Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_uploads",
            format!(
                "You have started {OPEN_UPLOADS_LIMIT} uploads and committed none of them. Commit one, \
                 or wait: each is forgotten after {UPLOAD_HOURS} hours."
            ),
        )
        .into());
    }
    let now = app.clock.now();
    let started = Started {
        id: UploadId::new(),
        secret: Secret::new(""),
        expires_at: now + chrono::Duration::hours(UPLOAD_HOURS),
    };
    let upload = NewUpload {
        id: started.id,
        competition: competition.id,
        user: user.id,
        secret: &started.secret.digest(),
        file_name: &names::clean_file_name(file_name),
        created_at: now,
        expires_at: started.expires_at,
    };
    db::uploads::insert(&app.db, &upload).await?;
    Ok(started)
}

/// Takes the bytes in and looks at them. What is refused leaves nothing behind.
///
/// `announced` is the length that the client says it will send, in bytes.
pub async fn receive<E: std::fmt::Display>(
    app: &App,
    competition: &Competition,
    upload: UploadId,
    announced: Option<u64>,
    body: impl Stream<Item = Result<Chunk, E>>,
) -> Result<Received, Error> {
    let limit = competition.spec.entries.max_size();
    if announced.is_some_and(|size| size > limit.as_u64()) {
        return Err(too_large(limit).into());
    }
    let expected = announced.map_or(limit, Bytes::new);
    if !app.store.has_room_for(expected)? {
        return Err(store_full(expected).into());
    }
    let mut incoming = app.store.receive(upload).await?;
    let mut body = std::pin::pin!(body);
    let began = tokio::time::Instant::now();
    loop {
        let latest = began + time_for(incoming.size());
        let Ok(chunk) = tokio::time::timeout_at(latest, body.next()).await else {
            incoming.abort().await?;
            return Err(too_slow().into());
        };
        let Some(chunk) = chunk else {
            break;
        };
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error) => {
                incoming.abort().await?;
                return Err(broken_off(&error).into());
            }
        };
        if incoming.size().as_u64() + chunk.len() as u64 > limit.as_u64() {
            incoming.abort().await?;
            return Err(too_large(limit).into());
        }
        incoming.write(chunk).await?;
    }
    if announced.is_some_and(|size| size != incoming.size().as_u64()) {
        incoming.abort().await?;
        return Err(broken_off(&"fewer bytes came than were announced").into());
    }
    let (digest, size) = incoming.finish().await?;
    match look_at(app, competition, upload, size).await {
        Ok((kind, model)) => Ok(Received {
            digest,
            size,
            kind,
            model,
        }),
        Err(error) => {
            app.store.discard(upload).await?;
            Err(error)
        }
    }
}

/// How long a body may take of which so much has come.
fn time_for(received: Bytes) -> Duration {
    HEAD_START + Duration::from_secs(received.as_u64() / PACE_MIN)
}

fn too_slow() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "upload_too_slow",
        format!(
            "The upload came more slowly than {} KiB a second. Nothing was kept; send it again over \
             a better connection.",
            PACE_MIN >> 10
        ),
    )
}

/// The door check: reads the file's structure, runs nothing.
async fn look_at(
    app: &App,
    competition: &Competition,
    upload: UploadId,
    size: Bytes,
) -> Result<(EntryKind, serde_json::Value), Error> {
    let rules = competition.spec.entries.clone();
    let spool = app.store.spool();
    let contract = contracts::find(app, competition).await?;
    let file = app.store.open_upload(upload).await?;
    let _turn = app
        .door
        .acquire()
        .await
        .expect("the semaphore is never closed");
    let checked = actix_web::web::block(move || entries::check(file, size, &rules, &spool))
        .await
        .map_err(|error| Error::Internal(error.to_string()))?
        .map_err(|error| Error::Internal(error.to_string()))?;
    let spec = &competition.spec;
    let fitting = checked.and_then(|checked| {
        entries::fit::check(&checked, &contract.kinds(), &spec.task, spec.most_rows())?;
        Ok(checked)
    });
    let checked = fitting.map_err(|rejection| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            rejection.code.as_str(),
            rejection.message,
        )
    })?;
    let model =
        serde_json::to_value(&checked).map_err(|error| Error::Internal(error.to_string()))?;
    Ok((checked.kind(), model))
}

fn too_large(limit: Bytes) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "upload_too_large",
        format!("The file is larger than this competition takes: at most {limit}."),
    )
    .with("max_size_bytes", limit.as_u64())
}

/// What is wrong with a description, told apart from what is wrong with the file.
pub fn bad_description(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, BAD_DESCRIPTION, detail)
}

fn broken_off(error: &dyn std::fmt::Display) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "upload_broken_off",
        format!("The upload broke off before its end ({error}). Nothing was kept; send it again."),
    )
}

/// Makes a submission and its job of what was received, in one transaction.
///
/// # Errors
/// 409 with the first submission's id for the same bytes of the same team, 429 over the quota, 403
/// when the competition closed meanwhile. What was received is forgotten in each case.
pub async fn commit(
    app: &App,
    competition: &Competition,
    user: &User,
    upload: UploadId,
    file_name: &str,
    received: &Received,
    description: &str,
) -> Result<Committed, Error> {
    let committed = insert(
        app,
        competition,
        user,
        upload,
        file_name,
        received,
        description,
    )
    .await;
    if let Err(Error::Refused(_)) = committed {
        app.store.discard(upload).await?;
        db::uploads::delete(&app.db, upload).await?;
    }
    committed
}

async fn insert(
    app: &App,
    competition: &Competition,
    user: &User,
    upload: UploadId,
    file_name: &str,
    received: &Received,
    description: &str,
) -> Result<Committed, Error> {
    check_open(app, competition)?;
    let description = names::parse_description(description)
        .map_err(|error| bad_description(error.to_string()))?;
    let now = app.clock.now();
    let mut transaction = app.db.begin().await?;
    let team =
        db::teams::find_or_enter(&mut transaction, competition.id, user.id, &user.name).await?;
    db::teams::lock(&mut *transaction, team.id).await?;
    let id = SubmissionId::new();
    let submission = NewSubmission {
        id,
        competition: competition.id,
        team: team.id,
        user: Some(user.id),
        kind: received.kind,
        file_name: &names::clean_file_name(file_name),
        description: &description,
        artifact: received.digest,
        artifact_size: received.size,
        model: &received.model,
        reference: false,
        submitted_at: now,
    };
    let used =
        db::submissions::count_against_quota(&mut *transaction, team.id, start_of_day(now)).await?;
    let committed = match db::submissions::insert(&mut transaction, &submission).await? {
        Inserted::New(number) => {
            check_quota(competition, used)?;
            db::jobs::insert(&mut *transaction, id, Priority::Person, now).await?;
            Committed { id, number }
        }
        // What was cancelled, or failed through no fault of the team's, is queued once more.
        Inserted::Duplicate(first) => {
            if !db::jobs::queue_again(&mut *transaction, first.id, now).await? {
                return Err(duplicate(first.id).into());
            }
            check_quota(competition, used)?;
            first
        }
    };
    db::uploads::delete(&mut *transaction, upload).await?;
    db::notifications::job_queued(&mut *transaction).await?;
    // The bytes are named before the rows that name them can be seen.
    app.store.adopt(upload, &received.digest).await?;
    transaction.commit().await?;
    tracing::info!(
        submission.id = %committed.id,
        submission.number = %committed.number,
        artifact.size_bytes = received.size.as_u64(),
        "a submission was queued"
    );
    Ok(committed)
}

fn duplicate(first: SubmissionId) -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "duplicate",
        "Your team has submitted exactly these bytes before, so nothing was queued and no quota used.",
    )
    .with("submission", first.to_string())
    .with("url", format!("/submissions/{first}"))
}

/// Cancels a submission of the user's own team that is not finished.
///
/// # Errors
/// 404 for another team's, 409 for one that is finished.
pub async fn cancel(app: &App, user: &User, id: SubmissionId) -> Result<(), Error> {
    let not_found = || Problem::not_found("such submission of your team");
    let submission = db::submissions::find(&app.db, id)
        .await?
        .ok_or_else(not_found)?;
    let team = db::teams::find_of_user(&app.db, submission.competition, user.id)
        .await?
        .filter(|team| team.id == submission.team)
        .ok_or_else(not_found)?;
    if !db::jobs::cancel(&app.db, id, team.id).await? {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "already_finished",
            "This submission is finished, so there is nothing left to cancel.",
        )
        .into());
    }
    db::notifications::submission_moved(&app.db, id).await?;
    Ok(())
}
