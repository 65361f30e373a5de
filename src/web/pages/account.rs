//! An account's API tokens.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::error::PageError;
use super::figures::Moment;
use super::frame::{Frame, OwnFrame};
use super::{page, see_other};
use crate::db;
use crate::db::accounts::{ApiToken, User};
use crate::domain::ids::TokenId;
use crate::domain::names;
use crate::web::App;
use crate::web::auth::Secret;
use crate::web::error::Problem;
use crate::web::lookups::origin;

#[derive(Template)]
#[template(path = "accounts/account.html")]
struct AccountPage {
    frame: Frame,
    user: User,
    tokens: Vec<ApiToken>,
    origin: String,
    /// The token that was just made: shown this once.
    new_token: Option<Secret>,
    /// What was typed as a token's name, and what is wrong with it.
    token_name: String,
    token_error: Option<String>,
}

impl AccountPage {
    async fn read(
        app: &App,
        own: OwnFrame,
        request: &HttpRequest,
    ) -> Result<AccountPage, PageError> {
        Ok(AccountPage {
            tokens: db::accounts::list_tokens(&app.db, own.user.id).await?,
            frame: own.frame,
            user: own.user,
            origin: origin(app, request),
            new_token: None,
            token_name: String::new(),
            token_error: None,
        })
    }

    fn created_at(&self, token: &ApiToken) -> Moment {
        Moment(token.created_at)
    }

    fn last_used_at(&self, token: &ApiToken) -> Option<Moment> {
        token.last_used_at.map(Moment)
    }
}

pub async fn show(
    app: Data<App>,
    own: OwnFrame,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    page(
        StatusCode::OK,
        &AccountPage::read(&app, own, &request).await?,
    )
}

#[derive(Deserialize)]
pub struct NewToken {
    name: String,
}

pub async fn create_token(
    app: Data<App>,
    own: OwnFrame,
    Form(form): Form<NewToken>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let name = match names::parse_token_name(&form.name) {
        Ok(name) => name,
        Err(error) => {
            let again = AccountPage {
                token_name: form.name,
                token_error: Some(error.to_string()),
                ..AccountPage::read(&app, own, &request).await?
            };
            return page(StatusCode::UNPROCESSABLE_ENTITY, &again);
        }
    };
    let token = Secret::token();
    db::accounts::insert_token(&app.db, own.user.id, &name, &token.digest()).await?;
    let created = AccountPage {
        new_token: Some(token),
        ..AccountPage::read(&app, own, &request).await?
    };
    page(StatusCode::OK, &created)
}

pub async fn revoke_token(
    app: Data<App>,
    own: OwnFrame,
    id: Path<TokenId>,
) -> Result<HttpResponse, PageError> {
    if !db::accounts::revoke_token(&app.db, own.user.id, *id).await? {
        return Err(Problem::not_found("such token of yours").into());
    }
    Ok(see_other("/account"))
}
