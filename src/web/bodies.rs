//! Bodies that are made once and sent many times: plain, and compressed once somebody takes that.

use std::io::Write;
use std::sync::OnceLock;

use actix_web::http::header::{AcceptEncoding, ContentEncoding, Encoding, Header, VARY};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

#[derive(Debug)]
pub struct KeptBody {
    plain: Bytes,
    gzip: OnceLock<Bytes>,
}

impl KeptBody {
    pub fn new(plain: impl Into<Bytes>) -> KeptBody {
        KeptBody {
            plain: plain.into(),
            gzip: OnceLock::new(),
        }
    }

    /// Answers with what the client takes. The middleware leaves alone what is compressed already.
    pub fn answer(&self, content_type: &str, request: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        response
            .content_type(content_type)
            .insert_header((VARY, "accept-encoding"));
        if !takes_gzip(request) {
            return response.body(self.plain.clone());
        }
        let body = self.gzip.get_or_init(|| compress(&self.plain));
        response
            .insert_header(ContentEncoding::Gzip)
            .body(body.clone())
    }
}

fn takes_gzip(request: &HttpRequest) -> bool {
    let ours = [Encoding::gzip(), Encoding::identity()];
    AcceptEncoding::parse(request)
        .is_ok_and(|accepted| accepted.negotiate(ours.iter()) == Some(Encoding::gzip()))
}

fn compress(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(plain)
        .and_then(|()| encoder.finish())
        .expect("memory can be written to")
        .into()
}

#[cfg(test)]
mod tests {
    use actix_web::body::{MessageBody, to_bytes};
    use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
    use actix_web::test::TestRequest;

    use super::*;

    #[actix_web::test]
    async fn a_client_gets_the_encoding_that_it_takes() {
        let body = KeptBody::new("a board, a board, a board, a board, a board, a board");
        for (accepted, is_compressed) in [
            (None, false),
            (Some("gzip"), true),
            (Some("br, gzip;q=0.5"), true),
            (Some("gzip;q=0"), false),
            (Some("identity"), false),
            (Some("gzip;q=0.5, identity"), false),
        ] {
            let mut request = TestRequest::default();
            if let Some(accepted) = accepted {
                request = request.insert_header((ACCEPT_ENCODING, accepted));
            }
            let response = body.answer("text/plain", &request.to_http_request());
            assert_eq!(
                response.headers().contains_key(CONTENT_ENCODING),
                is_compressed,
                "{accepted:?}"
            );
            assert_eq!(response.headers().get(VARY).unwrap(), "accept-encoding");
            let bytes = to_bytes(response.into_body().boxed()).await.unwrap();
            assert_eq!(bytes.starts_with(b"\x1f\x8b"), is_compressed);
        }
    }
}
