//! Making an account, signing in and signing out.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::error::PageError;
use super::frame::{Frame, local_path};
use super::{page, see_other};
use crate::db;
use crate::db::Inserted;
use crate::db::accounts::User;
use crate::domain::names;
use crate::web::App;
use crate::web::auth;
use crate::web::error::{Error, Problem};

#[derive(Deserialize)]
pub struct NextQuery {
    #[serde(default)]
    next: String,
}

/// What both forms send.
#[derive(Deserialize)]
pub struct Credentials {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

#[derive(Template)]
#[template(path = "accounts/sign_in.html")]
struct SignInPage {
    frame: Frame,
    name: String,
    error: Option<String>,
}

pub async fn show_sign_in(
    frame: Frame,
    query: Query<NextQuery>,
) -> Result<HttpResponse, PageError> {
    let next = local_path(&query.next).to_owned();
    if frame.viewer().is_some() {
        return Ok(see_other(&next));
    }
    let form = SignInPage {
        frame: frame.returning_to(next),
        name: String::new(),
        error: None,
    };
    page(StatusCode::OK, &form)
}

pub async fn sign_in(
    app: Data<App>,
    frame: Frame,
    Form(form): Form<Credentials>,
) -> Result<HttpResponse, PageError> {
    let next = local_path(&form.next).to_owned();
    match auth::check_password(&app, form.name.trim(), form.password).await {
        Ok(user) => signed_in(&app, &user, &next).await,
        Err(Error::Refused(problem)) => {
            let again = SignInPage {
                frame: frame.returning_to(next),
                name: form.name,
                error: Some(problem.detail),
            };
            page(problem.status, &again)
        }
        Err(error) => Err(error.into()),
    }
}

async fn signed_in(app: &App, user: &User, next: &str) -> Result<HttpResponse, PageError> {
    let mut response = see_other(next);
    response
        .add_cookie(&auth::sign_in(app, user).await?)
        .map_err(|error| Error::Internal(error.to_string()))?;
    Ok(response)
}

#[derive(Template)]
#[template(path = "accounts/sign_up.html")]
struct SignUpPage {
    frame: Frame,
    name: String,
    name_error: Option<String>,
    password_error: Option<String>,
}

impl SignUpPage {
    fn empty(frame: Frame, next: String) -> SignUpPage {
        SignUpPage {
            frame: frame.returning_to(next),
            name: String::new(),
            name_error: None,
            password_error: None,
        }
    }
}

pub async fn show_sign_up(
    frame: Frame,
    query: Query<NextQuery>,
) -> Result<HttpResponse, PageError> {
    let next = local_path(&query.next).to_owned();
    if frame.viewer().is_some() {
        return Ok(see_other(&next));
    }
    page(StatusCode::OK, &SignUpPage::empty(frame, next))
}

pub async fn sign_up(
    app: Data<App>,
    frame: Frame,
    Form(form): Form<Credentials>,
) -> Result<HttpResponse, PageError> {
    if !app.sign_up {
        return Err(Problem::forbidden(
            "sign_up_closed",
            "On this server the host makes the accounts: ask them for one.",
        )
        .into());
    }
    let next = local_path(&form.next).to_owned();
    match create_account(&app, &form.name, form.password).await? {
        Created::Account(user) => {
            tracing::info!(user.id = %user.id, "somebody made an account");
            signed_in(&app, &user, &next).await
        }
        Created::Refused { name, password } => {
            let again = SignUpPage {
                name: form.name,
                name_error: name,
                password_error: password,
                ..SignUpPage::empty(frame, next)
            };
            page(StatusCode::UNPROCESSABLE_ENTITY, &again)
        }
    }
}

enum Created {
    Account(User),
    /// What is wrong with each field, if anything.
    Refused {
        name: Option<String>,
        password: Option<String>,
    },
}

async fn create_account(app: &App, name: &str, password: String) -> Result<Created, Error> {
    let (name, password) = match (
        names::parse_user_name(name),
        names::parse_password(password),
    ) {
        (Ok(name), Ok(password)) => (name, password),
        (name, password) => {
            return Ok(Created::Refused {
                name: name.err().map(|error| error.to_string()),
                password: password.err().map(|error| error.to_string()),
            });
        }
    };
    let hash = app
        .hash_blocking(move || auth::hash_password(&password))
        .await??;
    Ok(
        match db::accounts::insert_user(&app.db, &name, &hash, false).await? {
            Inserted::New(id) => Created::Account(User {
                id,
                name,
                is_host: false,
            }),
            Inserted::Duplicate(()) => Created::Refused {
                name: Some(format!("`{name}` is taken; choose another name.")),
                password: None,
            },
        },
    )
}

pub async fn sign_out(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, PageError> {
    let mut response = see_other("/");
    response
        .add_cookie(&auth::sign_out(&app, &request).await?)
        .map_err(|error| Error::Internal(error.to_string()))?;
    Ok(response)
}
