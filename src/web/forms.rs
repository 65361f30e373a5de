//! Reads the form that a submission comes in, for the page and the one-call API alike.

use std::time::Duration;

use actix_multipart::{Field, Multipart, MultipartError};
use futures_util::StreamExt;

use super::App;
use super::error::{Error, Problem};
use super::uploads;
use crate::db::accounts::User;
use crate::db::competitions::Competition;
use crate::db::submissions::Committed;
use crate::db::uploads::Received;
use crate::domain::ids::UploadId;

/// More than a description may have, in bytes; longer fields are refused while they come.
const FIELD_LIMIT: usize = 16 << 10;
/// How long the rest of a refused form is read before the answer. A browser shows an answer only
/// once it has sent everything; a connection that is cut before is all it would show.
const DRAIN_FOR: Duration = Duration::from_secs(30);

/// A form that made no submission, with what is worth keeping of it.
#[derive(Debug)]
pub struct RefusedForm {
    pub error: Error,
    pub description: String,
}

/// Reads a form with `file` and `description`, in any order, and makes a submission of it.
pub async fn receive(
    app: &App,
    competition: &Competition,
    user: &User,
    form: Multipart,
) -> Result<Committed, RefusedForm> {
    let mut form = Fields {
        form,
        is_broken: false,
    };
    let mut description = String::new();
    match read(app, competition, user, &mut form, &mut description).await {
        Ok(committed) => Ok(committed),
        Err(error) => {
            // A form that broke cannot be read any further.
            if !form.is_broken {
                let _ = tokio::time::timeout(DRAIN_FOR, drain(&mut form, &mut description)).await;
            }
            Err(RefusedForm { error, description })
        }
    }
}

async fn read(
    app: &App,
    competition: &Competition,
    user: &User,
    form: &mut Fields,
    description: &mut String,
) -> Result<Committed, Error> {
    let _place = app.forms.take(user.id)?;
    uploads::check_may_enter(app, competition, user).await?;
    let upload = UploadId::new();
    let mut file = None;
    while let Some(field) = form.next().await {
        if let Err(error) =
            read_field(app, competition, upload, field, &mut file, description).await
        {
            app.store.discard(upload).await?;
            return Err(error);
        }
    }
    let Some((name, received)) = file else {
        return Err(Problem::bad_request("The form has no `file`.").into());
    };
    uploads::commit(
        app,
        competition,
        user,
        upload,
        &name,
        &received,
        description,
    )
    .await
}

async fn read_field(
    app: &App,
    competition: &Competition,
    upload: UploadId,
    field: Result<Field, MultipartError>,
    file: &mut Option<(String, Received)>,
    description: &mut String,
) -> Result<(), Error> {
    let field = field.map_err(|error| unreadable(&error))?;
    match field.name() {
        Some("file") if file.is_none() => {
            let name = field
                .content_disposition()
                .and_then(|disposition| disposition.get_filename())
                .unwrap_or_default()
                .to_owned();
            let received = uploads::receive(app, competition, upload, None, field).await?;
            *file = Some((name, received));
        }
        Some("description") => *description = read_text(field).await?,
        Some(_) | None => {
            return Err(Problem::bad_request(
                "The form has one `file` and, if you like, a `description`; nothing else.",
            )
            .into());
        }
    }
    Ok(())
}

async fn read_text(mut field: Field) -> Result<String, Error> {
    let mut text = Vec::new();
    while let Some(chunk) = field.next().await {
        text.extend_from_slice(&chunk.map_err(|error| unreadable(&error))?);
        if text.len() > FIELD_LIMIT {
            return Err(uploads::bad_description("The description is too long.").into());
        }
    }
    String::from_utf8(text)
        .map_err(|_| uploads::bad_description("The description is not UTF-8.").into())
}

/// Reads what is left and keeps nothing of it but a description.
async fn drain(form: &mut Fields, description: &mut String) {
    while let Some(Ok(mut field)) = form.next().await {
        if field.name() == Some("description") {
            *description = read_text(field).await.unwrap_or_default();
        } else {
            while let Some(Ok(_)) = field.next().await {}
        }
    }
}

/// The fields of a form, which must not be asked for another after one that could not be read.
struct Fields {
    form: Multipart,
    is_broken: bool,
}

impl Fields {
    async fn next(&mut self) -> Option<Result<Field, MultipartError>> {
        if self.is_broken {
            return None;
        }
        let field = self.form.next().await;
        self.is_broken = matches!(field, Some(Err(_)));
        field
    }
}

fn unreadable(error: &MultipartError) -> Error {
    Problem::bad_request(format!("The form cannot be read: {error}.")).into()
}
