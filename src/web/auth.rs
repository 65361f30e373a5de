//! Who asks: a browser with a cookie, or a program with a token. And whether a post really comes
//! from our own pages.

use std::future::Future;
use std::pin::Pin;

use actix_web::body::MessageBody;
use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, PasswordHash};

use super::App;
use super::error::{ApiError, Error, Problem};
use super::pages::PageError;
use crate::db;
use crate::db::accounts::User;
use crate::domain::digest::Digest;
use crate::domain::names;

const COOKIE: &str = "leanboard_sign_in";
pub const SIGN_IN_DAYS: i64 = 30;
/// What every API token begins with, so that it is recognised where it leaks.
const TOKEN_PREFIX: &str = "lb_";
/// Failed sign-ins of one name in a quarter of an hour, after which it has to wait.
const FAILED_SIGN_INS_LIMIT: i64 = 10;

/// 32 random bytes, written in hexadecimal. We keep only its digest.
#[derive(Debug)]
pub struct Secret(String);

impl Secret {
    pub fn new(prefix: &str) -> Secret {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the kernel has random bytes");
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Secret(format!("{prefix}{digits}"))
    }

    /// A new API token.
    pub fn token() -> Secret {
        Secret::new(TOKEN_PREFIX)
    }

    /// A password for an account that is made on the command line.
    pub fn password() -> Secret {
        let Secret(digits) = Secret::new("");
        Secret(digits[..20].to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

/// Hashes a password with argon2id and a salt of its own. Slow by intent: call it where blocking
/// is allowed.
pub fn hash_password(password: &str) -> Result<String, Error> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| Error::Internal(format!("a password cannot be hashed: {error}")))
}

fn is_password(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
    })
}

/// Checks a name and a password. A wrong name takes as long as a wrong password.
///
/// # Errors
/// 401 with one sentence for both; 429 after too many failures.
pub async fn check_password(app: &App, name: &str, password: String) -> Result<User, Error> {
    let wrong = || Problem::unauthorized("The name or the password is wrong.");
    // What nobody can be called is not looked for, and not written down either.
    let name = &names::parse_user_name(name).map_err(|_| wrong())?;
    if db::accounts::insert_sign_in_attempt(&app.db, name).await? > FAILED_SIGN_INS_LIMIT {
        return Err(Problem::new(
            actix_web::http::StatusCode::TOO_MANY_REQUESTS,
            "too_many_sign_ins",
            "Signing in with this name failed too often. Try again in a quarter of an hour.",
        )
        .into());
    }
    let credentials = db::accounts::find_credentials(&app.db, name).await?;
    let hash = match &credentials {
        Some(credentials) => credentials.password_hash.clone(),
        None => app.decoy_hash.clone(),
    };
    let is_right = app
        .hash_blocking(move || is_password(&password, &hash))
        .await?;
    let user = credentials.filter(|_| is_right).ok_or_else(wrong)?.user;
    db::accounts::forget_sign_in_attempts(&app.db, name).await?;
    Ok(user)
}

/// Signs a user in: what the browser is to keep.
pub async fn sign_in(app: &App, user: &User) -> Result<Cookie<'static>, Error> {
    let secret = Secret::new("");
    let expires_at = app.clock.now() + chrono::Duration::days(SIGN_IN_DAYS);
    db::accounts::insert_sign_in(&app.db, &secret.digest(), user.id, expires_at).await?;
    Ok(cookie(app, secret.0, CookieDuration::days(SIGN_IN_DAYS)))
}

/// Signs the request's browser out: what it is to keep instead.
pub async fn sign_out(app: &App, request: &HttpRequest) -> Result<Cookie<'static>, Error> {
    if let Some(cookie) = request.cookie(COOKIE) {
        db::accounts::delete_sign_in(&app.db, &Digest::of(cookie.value().as_bytes())).await?;
    }
    Ok(cookie(app, String::new(), CookieDuration::ZERO))
}

fn cookie(app: &App, value: String, max_age: CookieDuration) -> Cookie<'static> {
    Cookie::build(COOKIE, value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(
            app.public_url
                .as_deref()
                .is_some_and(|url| url.starts_with("https://")),
        )
        .max_age(max_age)
        .finish()
}

/// Whoever asks, with an account or without.
#[derive(Debug, Clone)]
pub struct Viewer(pub Option<User>);

impl FromRequest for Viewer {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Viewer, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Ok(Viewer(find_viewer(&request).await?)) })
    }
}

/// Who asks, if it is anybody: by a token in `Authorization: Bearer`, else by the cookie.
///
/// # Errors
/// 401 for a token that is not, or no longer, ours.
pub async fn find_viewer(request: &HttpRequest) -> Result<Option<User>, Error> {
    let app = app(request);
    if let Some(token) = bearer_token(request.headers()) {
        return token_user(&app, token?).await.map(Some);
    }
    let Some(cookie) = request.cookie(COOKIE) else {
        return Ok(None);
    };
    let token = Digest::of(cookie.value().as_bytes());
    Ok(db::accounts::find_signed_in(&app.db, &token, app.clock.now()).await?)
}

/// Somebody with an account.
#[derive(Debug, Clone)]
pub struct SignedIn(pub User);

impl FromRequest for SignedIn {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<SignedIn, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let user = find_viewer(&request).await?.ok_or_else(|| {
                Problem::unauthorized(
                    "This needs an account: send an API token as `Authorization: Bearer lb_…`.",
                )
            })?;
            Ok(SignedIn(user))
        })
    }
}

async fn token_user(app: &App, token: Digest) -> Result<User, Error> {
    let user = db::accounts::find_token_user(&app.db, &token).await?;
    user.ok_or_else(|| {
        Problem::unauthorized(
            "This API token is unknown or was revoked. Make a new one on your account page.",
        )
        .into()
    })
}

/// The token of the request, if it sends one. One that cannot be ours is refused unread.
fn bearer_token(headers: &HeaderMap) -> Option<Result<Digest, Problem>> {
    let header = headers.get(AUTHORIZATION)?;
    let token = header.to_str().ok().and_then(|header| {
        let (scheme, token) = header.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    Some(
        match token.filter(|token| token.starts_with(TOKEN_PREFIX)) {
            Some(token) => Ok(Digest::of(token.as_bytes())),
            None => Err(Problem::unauthorized(
                "The Authorization header holds no token of ours: they look like `Bearer lb_…`.",
            )),
        },
    )
}

/// The application that a request came to.
pub fn app(request: &HttpRequest) -> Data<App> {
    Data::clone(
        request
            .app_data::<Data<App>>()
            .expect("the application's state is set where the server is built"),
    )
}

/// Refuses posts that another site's page makes a browser send. A request with an `Authorization`
/// header is let through, because then the cookie counts for nothing; browsers always say where a
/// post comes from.
pub async fn refuse_cross_site(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let changes_something = !matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    if changes_something && is_cross_site(&request) {
        let problem = Problem::forbidden(
            "cross_site",
            "This request came from another site's page, so it was refused.",
        );
        return Err(if request.path().starts_with("/api/") {
            ApiError::from(problem).into()
        } else {
            PageError::from(problem).into()
        });
    }
    next.call(request).await
}

fn is_cross_site(request: &ServiceRequest) -> bool {
    let headers = request.headers();
    if headers.contains_key(AUTHORIZATION) {
        return false;
    }
    if let Some(site) = headers.get("Sec-Fetch-Site") {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = headers.get(ORIGIN) else {
        return false;
    };
    let app = app(request.request());
    let is_ours = match &app.public_url {
        Some(url) => origin == url.as_str(),
        None => {
            let host = headers
                .get(HOST)
                .map(|host| host.as_bytes())
                .unwrap_or_default();
            let origin = origin.as_bytes();
            origin
                .strip_prefix(b"http://")
                .or(origin.strip_prefix(b"https://"))
                == Some(host)
        }
    };
    !is_ours
}
