//! What models run in: the images, and the runners that offer them.

use actix_web::web::Data;
use askama::Template;
use askama_web::WebTemplate;

use super::error::PageError;
use super::figures::Moment;
use super::frame::Frame;
use super::machine::without_tools;
use crate::db::runtimes::StoredImage;
use crate::domain::digest::Digest;
use crate::domain::runtime::{Package, RuntimeKind};
use crate::web::App;
use crate::web::runtimes::{self, Offer};

#[derive(Template, WebTemplate)]
#[template(path = "runtimes.html")]
pub struct RuntimesPage {
    frame: Frame,
    offers: Vec<Offer>,
    images: Vec<StoredImage>,
}

pub async fn show(app: Data<App>, frame: Frame) -> Result<RuntimesPage, PageError> {
    let (offers, images) = runtimes::list(&app).await?;
    Ok(RuntimesPage {
        frame,
        offers,
        images,
    })
}

impl RuntimesPage {
    fn last_seen(&self, offer: &Offer) -> Moment {
        Moment(offer.last_seen_at)
    }

    fn first_seen(&self, image: &StoredImage) -> Moment {
        Moment(image.first_seen_at)
    }

    /// The runners that work with this image.
    fn offered_by(&self, image: &StoredImage) -> String {
        let runners: Vec<&str> = (self.offers.iter())
            .filter(|offer| offer.runtime.and_then(|runtime| runtime.digest) == Some(image.digest))
            .map(|offer| offer.runner.as_str())
            .collect();
        match runners.as_slice() {
            [] => "no runner of the last month".to_owned(),
            runners => runners.join(", "),
        }
    }

    fn on_hosts(&self) -> impl Iterator<Item = &Offer> {
        self.offers.iter().filter(|offer| {
            offer
                .runtime
                .is_some_and(|runtime| runtime.kind == RuntimeKind::Host)
        })
    }

    fn packages(&self, offer: &Offer) -> Vec<(String, String)> {
        without_tools(&offer.packages)
    }

    /// Each with its title and the beginning of its anchor.
    fn lists<'a>(
        &self,
        image: &'a StoredImage,
    ) -> Vec<(&'static str, &'static str, &'a [Package])> {
        vec![
            ("Python packages", "wheels", &image.manifest.wheels),
            ("Debian packages", "debian", &image.manifest.debian),
        ]
    }

    /// A digest by its beginning.
    fn short(&self, digest: &Digest) -> String {
        digest.to_string().chars().take(12).collect()
    }
}
