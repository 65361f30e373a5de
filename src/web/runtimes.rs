//! What runners show to their sandboxes, as they announced it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::App;
use crate::db;
use crate::db::runtimes::StoredImage;
use crate::domain::digest::Digest;
use crate::domain::runtime::RuntimeKind;

/// Of a fingerprint, what it says of the runtime. All of it may be missing: earlier versions said
/// less.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Told {
    runtime_kind: Option<RuntimeKind>,
    runtime_digest: Option<Digest>,
    python: Option<String>,
    packages: BTreeMap<String, String>,
}

/// Which runtime it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RuntimeDocument {
    pub kind: RuntimeKind,
    /// Names the image; the host's `/usr` has none.
    pub digest: Option<Digest>,
}

/// A runner and what it offers.
#[derive(Debug, Clone, Serialize)]
pub struct Offer {
    pub runner: String,
    pub hardware_class: String,
    pub last_seen_at: DateTime<Utc>,
    pub runtime: Option<RuntimeDocument>,
    pub python: Option<String>,
    /// Versions of Python's packages.
    pub packages: BTreeMap<String, String>,
}

impl RuntimeDocument {
    /// `None` where the fingerprint does not say.
    pub fn read(fingerprint: &Value) -> Option<RuntimeDocument> {
        tell(fingerprint).document()
    }
}

impl Told {
    fn document(&self) -> Option<RuntimeDocument> {
        self.runtime_kind.map(|kind| RuntimeDocument {
            kind,
            digest: self.runtime_digest,
        })
    }
}

fn tell(fingerprint: &Value) -> Told {
    serde_json::from_value(fingerprint.clone()).unwrap_or_default()
}

/// The runners of the last month, and every image that was ever used: results name them.
pub async fn list(app: &App) -> Result<(Vec<Offer>, Vec<StoredImage>), db::Error> {
    let runners = db::runners::list_recent(&app.db).await?;
    let images = db::runtimes::list(&app.db).await?;
    let offers = runners.into_iter().map(|runner| {
        let told = tell(&runner.fingerprint);
        Offer {
            runtime: told.document(),
            runner: runner.name,
            hardware_class: runner.hardware_class,
            last_seen_at: runner.last_seen_at,
            python: told.python,
            packages: told.packages,
        }
    });
    Ok((offers.collect(), images))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_runtime_is_told_only_where_its_runner_says_which_it_is() {
        let digest = Digest::of(b"image");
        let read = |fingerprint: Value| RuntimeDocument::read(&fingerprint);
        let image = read(json!({"runtime_kind": "image", "runtime_digest": digest}));
        assert_eq!(
            image,
            Some(RuntimeDocument {
                kind: RuntimeKind::Image,
                digest: Some(digest)
            })
        );
        let host = read(json!({"runtime_kind": "host", "runtime_digest": null})).unwrap();
        assert_eq!((host.kind, host.digest), (RuntimeKind::Host, None));
        assert_eq!(read(json!({"python": "3.11.2"})), None);
        assert_eq!(read(json!({"runtime_kind": "of a later version"})), None);
    }
}
