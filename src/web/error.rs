//! One table from error to status and sentence. Ours is logged once, here, and not shown.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::store::StoreError;

/// What went wrong with a request.
#[derive(Debug)]
pub enum Error {
    /// The client's doing: what it is told.
    Refused(Problem),
    Database(crate::db::Error),
    Store(StoreError),
    Page(askama::Error),
    /// Anything else of ours, with a sentence for the log.
    Internal(String),
}

/// An RFC 9457 problem: what the client is told, as JSON by the API and as a page elsewhere.
#[derive(Debug, Clone)]
pub struct Problem {
    pub status: StatusCode,
    /// A stable word that programs can match.
    pub code: &'static str,
    /// A sentence that names the thing and the fix.
    pub detail: String,
    /// Further members, such as the link to the first submission of the same bytes.
    pub members: Map<String, Value>,
}

/// The member of a problem that says in how many seconds to try again; the API sends it as the
/// header, too.
pub const RETRY_AFTER_S: &str = "retry_after_s";

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Problem {
        Problem {
            status,
            code,
            detail: detail.into(),
            members: Map::new(),
        }
    }

    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    pub fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Error")
    }

    pub fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    pub fn not_found(what: impl fmt::Display) -> Problem {
        Problem::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("There is no {what}."),
        )
    }

    pub fn unauthorized(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    pub fn forbidden(code: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, code, detail)
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        Error::Refused(problem)
    }
}

impl From<crate::db::Error> for Error {
    fn from(error: crate::db::Error) -> Error {
        Error::Database(error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        Error::Store(error)
    }
}

impl From<askama::Error> for Error {
    fn from(error: askama::Error) -> Error {
        Error::Page(error)
    }
}

impl Error {
    /// What the client is told; an error of ours is logged and becomes a plain 500.
    pub fn problem(&self) -> Problem {
        let cause: &dyn fmt::Display = match self {
            Error::Refused(problem) => return problem.clone(),
            Error::Database(error) => error,
            Error::Store(error) => error,
            Error::Page(error) => error,
            Error::Internal(sentence) => sentence,
        };
        tracing::error!(error = %cause, "a request failed through our fault");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side. It has been logged; please try again.",
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused(problem) => f.write_str(&problem.detail),
            Error::Database(error) => error.fmt(f),
            Error::Store(error) => error.fmt(f),
            Error::Page(error) => error.fmt(f),
            Error::Internal(sentence) => f.write_str(sentence),
        }
    }
}

/// An error that the API answers, as `application/problem+json`.
#[derive(Debug)]
pub struct ApiError(Error);

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> ApiError {
        ApiError(error.into())
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for ApiError {
    fn error_response(&self) -> HttpResponse {
        problem_response(&self.0.problem())
    }
}

/// A problem as its JSON document.
pub fn problem_response(problem: &Problem) -> HttpResponse {
    #[derive(Serialize)]
    struct Document<'a> {
        #[serde(rename = "type")]
        kind: &'static str,
        title: &'static str,
        status: u16,
        code: &'static str,
        detail: &'a str,
        #[serde(flatten)]
        members: &'a Map<String, Value>,
    }
    let document = Document {
        kind: "about:blank",
        title: problem.title(),
        status: problem.status.as_u16(),
        code: problem.code,
        detail: &problem.detail,
        members: &problem.members,
    };
    let mut response = HttpResponse::build(problem.status);
    if problem.status == StatusCode::UNAUTHORIZED {
        response.insert_header(("WWW-Authenticate", "Bearer realm=\"leanboard\""));
    }
    if let Some(seconds) = problem.members.get(RETRY_AFTER_S) {
        response.insert_header(("Retry-After", seconds.to_string()));
    }
    let body = serde_json::to_vec(&document).unwrap_or_default();
    response.content_type("application/problem+json").body(body)
}
