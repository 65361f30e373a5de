//! Style sheets, scripts and fonts: compiled in, and cached by what they hold.

use std::sync::LazyLock;

use actix_web::http::header::{CACHE_CONTROL, ETAG, EntityTag, Header, IfNoneMatch};
use actix_web::web::{Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::error::Problem;
use super::get;
use super::pages::PageError;
use crate::domain::digest::Digest;

/// For an address with the digest of what it answers: it never changes.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// For an address without: asked again now and then, which costs a 304.
const FOR_AN_HOUR: &str = "public, max-age=3600";
/// Hexadecimal digits of a digest that stand in an address.
const VERSION_DIGITS: usize = 16;

struct StaticFile {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

macro_rules! file {
    ($name:literal, $content_type:literal) => {
        StaticFile {
            name: $name,
            content_type: $content_type,
            bytes: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/static/", $name)),
        }
    };
}

static FILES: [StaticFile; 13] = [
    file!("base.css", "text/css; charset=utf-8"),
    file!("board.css", "text/css; charset=utf-8"),
    file!("favicon.svg", "image/svg+xml"),
    file!("favicon-failed.svg", "image/svg+xml"),
    file!("favicon-queued.svg", "image/svg+xml"),
    file!("favicon-running.svg", "image/svg+xml"),
    file!("favicon-scored.svg", "image/svg+xml"),
    file!("forms.css", "text/css; charset=utf-8"),
    file!("page.js", "text/javascript; charset=utf-8"),
    file!("report.css", "text/css; charset=utf-8"),
    file!("upload.js", "text/javascript; charset=utf-8"),
    file!("vendor/ibm-plex-sans.woff2", "font/woff2"),
    file!("vendor/pico.min.css", "text/css; charset=utf-8"),
];

/// The beginnings of the files' digests, in their order.
static VERSIONS: LazyLock<Vec<String>> = LazyLock::new(|| {
    FILES
        .iter()
        .map(|file| Digest::of(file.bytes).to_string()[..VERSION_DIGITS].to_owned())
        .collect()
});

pub fn routes(service: &mut ServiceConfig) {
    service.route("/static/{name:.*}", get().to(show));
}

/// Where a page finds a file: an address that changes with what the file holds.
pub fn address(name: &str) -> String {
    let (file, version) = find(name).expect("templates name only files that are compiled in");
    format!("/static/{}?v={version}", file.name)
}

fn find(name: &str) -> Option<(&'static StaticFile, &'static str)> {
    let versions = VERSIONS.iter().map(String::as_str);
    FILES
        .iter()
        .zip(versions)
        .find(|(file, _)| file.name == name)
}

#[derive(Deserialize)]
struct VersionQuery {
    v: Option<String>,
}

async fn show(
    name: Path<String>,
    query: Query<VersionQuery>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let (file, version) = find(&name).ok_or_else(|| Problem::not_found("such file"))?;
    let tag = EntityTag::new_weak(version.to_owned());
    let caching = match query.v.as_deref() == Some(version) {
        true => FOREVER,
        false => FOR_AN_HOUR,
    };
    let mut response = match is_known(&request, &tag) {
        true => HttpResponse::NotModified(),
        false => HttpResponse::Ok(),
    };
    response
        .insert_header((ETAG, tag.to_string()))
        .insert_header((CACHE_CONTROL, caching));
    Ok(match is_known(&request, &tag) {
        true => response.finish(),
        false => response.content_type(file.content_type).body(file.bytes),
    })
}

/// Whether the client has this file already.
fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(tag)),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_changes_with_what_the_file_holds() {
        let address = address("base.css");
        let version = address.strip_prefix("/static/base.css?v=").unwrap();
        assert!(
            Digest::of(find("base.css").unwrap().0.bytes)
                .to_string()
                .starts_with(version)
        );
        assert!(find("../Cargo.toml").is_none());
    }
}
