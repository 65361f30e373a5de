//! Errors as pages, and the way to the sign-in page for whoever has to sign in first.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use askama::Template;

use super::frame::Frame;
use super::{HTML, see_other};
use crate::web::error::{Error, Problem};

/// An error that a page answers.
#[derive(Debug)]
pub enum PageError {
    Shown(Error),
    /// The page is for somebody who is signed in.
    SignInFirst {
        /// The page's own address, to come back to.
        next: String,
    },
}

impl<E: Into<Error>> From<E> for PageError {
    fn from(error: E) -> PageError {
        PageError::Shown(error.into())
    }
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PageError::Shown(error) => error.fmt(f),
            PageError::SignInFirst { next } => write!(f, "{next} is for people who are signed in"),
        }
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    frame: Frame,
    problem: Problem,
}

impl ErrorPage {
    fn heading(&self) -> &'static str {
        match self.problem.status {
            StatusCode::NOT_FOUND => "There is nothing here",
            StatusCode::FORBIDDEN => "This is not open to you",
            StatusCode::INTERNAL_SERVER_ERROR => "Something went wrong",
            _ => self.problem.title(),
        }
    }
}

impl ResponseError for PageError {
    fn error_response(&self) -> HttpResponse {
        let error = match self {
            PageError::Shown(error) => error,
            PageError::SignInFirst { next } => {
                let Ok(next) = askama::filters::urlencode(next);
                return see_other(&format!("/sign-in?next={next}"));
            }
        };
        let problem = error.problem();
        let status = problem.status;
        let page = ErrorPage {
            frame: Frame::without_account(),
            problem,
        };
        let mut response = HttpResponse::build(status);
        match page.render() {
            Ok(body) => response.content_type(HTML).body(body),
            Err(_) => response.body(page.problem.detail),
        }
    }
}
