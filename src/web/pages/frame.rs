//! What stands around every page: who is signed in, and the way to everything else.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::{FromRequest, HttpRequest};

use super::error::PageError;
use crate::db::accounts::User;
use crate::web::auth;
use crate::web::static_files;

#[derive(Debug, Clone)]
pub struct Frame {
    account: Account,
    /// Where a visitor comes back to after signing in: this page.
    next: String,
}

/// The corner of the page that is about the reader's account.
#[derive(Debug, Clone)]
enum Account {
    SignedIn(User),
    SignedOut {
        /// Whether visitors may make accounts.
        sign_up: bool,
    },
    /// It is not known who reads, as on a page about an error.
    Unknown,
}

impl Frame {
    /// Of a page that is made without looking at who asks.
    pub fn without_account() -> Frame {
        Frame {
            account: Account::Unknown,
            next: "/".to_owned(),
        }
    }

    pub fn viewer(&self) -> Option<&User> {
        match &self.account {
            Account::SignedIn(user) => Some(user),
            Account::SignedOut { .. } | Account::Unknown => None,
        }
    }

    pub fn is_host(&self) -> bool {
        self.viewer().is_some_and(|viewer| viewer.is_host)
    }

    pub fn is_signed_out(&self) -> bool {
        matches!(self.account, Account::SignedOut { .. })
    }

    pub fn may_sign_up(&self) -> bool {
        matches!(self.account, Account::SignedOut { sign_up: true })
    }

    pub fn next(&self) -> &str {
        &self.next
    }

    /// Comes back to another page than this one.
    pub fn returning_to(self, next: String) -> Frame {
        Frame { next, ..self }
    }

    /// The address of a style sheet, script or image.
    pub fn asset(&self, name: &str) -> String {
        static_files::address(name)
    }
}

impl FromRequest for Frame {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Frame, PageError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let account = match auth::find_viewer(&request).await? {
                Some(user) => Account::SignedIn(user),
                None => Account::SignedOut {
                    sign_up: auth::app(&request).sign_up,
                },
            };
            let next = match *request.method() {
                Method::GET | Method::HEAD => request.path().to_owned(),
                // The answer to a post cannot be come back to.
                _ => "/".to_owned(),
            };
            Ok(Frame { account, next })
        })
    }
}

/// The frame of a page that is for somebody who is signed in. Everybody else is sent to sign in.
#[derive(Debug, Clone)]
pub struct OwnFrame {
    pub frame: Frame,
    pub user: User,
}

impl FromRequest for OwnFrame {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<OwnFrame, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let frame = Frame::from_request(request, payload);
        Box::pin(async move {
            let frame = frame.await?;
            match frame.viewer().cloned() {
                Some(user) => Ok(OwnFrame { frame, user }),
                None => Err(PageError::SignInFirst { next: frame.next }),
            }
        })
    }
}

/// Where to go after signing in: only ever a page of ours.
pub fn local_path(next: &str) -> &str {
    let is_local = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && !next.contains(char::is_control);
    if is_local { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::local_path;

    #[test]
    fn signing_in_leads_to_a_page_of_ours_only() {
        for (next, expected) in [
            ("/submissions/1", "/submissions/1"),
            ("", "/"),
            ("https://elsewhere.example/", "/"),
            ("//elsewhere.example/", "/"),
            ("/\\elsewhere.example/", "/"),
            ("/\t/elsewhere.example/", "/"),
            ("/a\r\nSet-Cookie: b", "/"),
        ] {
            assert_eq!(local_path(next), expected, "{next:?}");
        }
    }
}
