//! The pictures of the README: `make screenshots` writes them, and the test sees to it that it could.

use std::path::{Path, PathBuf};

use super::{Browser, Scripts};

/// How large a page is shown, in pixels.
const SIZE: (u32, u32) = (1280, 960);
/// A picture of a blank page has fewer bytes.
const BLANK: usize = 30_000;

#[tokio::test]
async fn pictures_of_board_report_and_form_can_be_made() {
    let browser = Browser::start(Scripts::On).await;
    browser.be(&browser.site.ada).await;
    browser.site.is_measured().await;
    if folder().is_some() {
        browser.site.has_ranges().await;
    }
    browser.resize(SIZE).await;
    for (name, page) in [
        ("leaderboard", "/competitions/digits".to_owned()),
        ("report", format!("/submissions/{}", browser.site.scored)),
        ("submit", "/competitions/digits/submit".to_owned()),
    ] {
        browser.go(&page).await;
        browser
            .ask("return document.fonts.ready.then(() => true)")
            .await;
        let picture = browser.driver.screenshot_as_png().await.unwrap();
        assert_eq!(size(&picture), SIZE, "{name}");
        assert!(picture.len() > BLANK, "{name} is blank");
        if let Some(folder) = folder() {
            std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
        }
    }
    browser.end().await;
}

/// Where pictures are to be written, if they are. The variable has not our prefix: what has it is a
/// setting of the program.
pub fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("SCREENSHOTS")?;
    Some(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
}

/// Width and height, as the first chunk of a PNG says.
fn size(picture: &[u8]) -> (u32, u32) {
    assert!(picture.starts_with(b"\x89PNG"));
    let number = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}
