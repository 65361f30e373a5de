//! What people do, from the sign-up to the board: with scripts and without, with a mouse and with the
//! keyboard alone.

use serde_json::json;
use thirtyfour::prelude::*;

use super::{Browser, PHONE, Scripts};
use crate::support::{broken, eventually, starter};

const PASSWORD: &str = "correct horse battery";
const BUTTON: &str = "main form[enctype] button[type=submit]";

impl Browser {
    /// Signs up with the form, on the way to the page where one submits.
    async fn sign_up(&self, name: &str) {
        self.go("/sign-up?next=/competitions/digits/submit").await;
        self.write("name", name).await;
        self.write("password", PASSWORD).await;
        self.click("main button[type=submit]").await;
        self.find("#file").await;
    }

    async fn submit(&self, file: &std::path::Path) {
        self.choose(file).await;
        self.click(BUTTON).await;
    }

    /// Looks at the report's title until the end, and says what it told, each once.
    async fn watch(&self) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        eventually("the score", async || {
            let title = self.title().await;
            // "#12 trial 2 of 3 · Handwritten digits · Leanboard"
            let state = title.split(" · ").next().unwrap_or_default();
            let state = state
                .split_once(' ')
                .map_or("", |(_, state)| state)
                .to_owned();
            if title.starts_with('#') && told.last() != Some(&state) {
                told.push(state.clone());
            }
            (state == "scored").then_some(())
        })
        .await;
        told
    }

    async fn own_row(&self) -> String {
        self.find("tr.own").await.text().await.unwrap()
    }
}

/// The order of what a title tells.
fn rank(state: &str) -> usize {
    let order = [
        "queued",
        "smoke run",
        "warm-up",
        "trial",
        "scoring",
        "scored",
    ];
    let place = order.iter().position(|start| state.starts_with(start));
    place.unwrap_or_else(|| panic!("{state:?}"))
}

#[tokio::test]
async fn somebody_signs_up_uploads_the_starter_watches_it_and_stands_on_the_board() {
    let browser = Browser::start(Scripts::On).await;
    browser.sign_up("kim").await;
    browser.click("a[download][href$='small_mlp.onnx']").await;
    let file = browser.download("small_mlp.onnx").await;
    assert_eq!(std::fs::read(&file).unwrap(), starter("small_mlp"));
    browser.submit(&file).await;

    browser.find("#progress, #result").await;
    let told = browser.watch().await;
    assert!(told.is_sorted_by_key(|state| rank(state)), "{told:?}");
    assert!(
        told.iter().any(|state| state.starts_with("trial ")),
        "{told:?}"
    );
    // The page became what it is now without being loaded anew.
    let icon = browser
        .ask("return document.querySelector('link[rel=icon]').href")
        .await;
    assert!(icon.as_str().unwrap().contains("favicon-scored"), "{icon}");
    browser.wait_for("0.9718").await;
    browser
        .wait_for("no energy counter is read on this machine")
        .await;

    browser
        .click(".crumbs a[href='/competitions/digits']")
        .await;
    let row = browser.own_row().await;
    assert!(row.contains("kim") && row.contains("0.9718"), "{row}");
    browser.end().await;
}

#[tokio::test]
async fn what_is_refused_and_what_fails_later_say_why_and_what_to_try() {
    let browser = Browser::start(Scripts::On).await;
    browser.sign_up("max").await;
    // At the door: beside the field, and what was typed is kept.
    browser.write("description", "one hidden layer").await;
    browser
        .submit(&browser.file("no_model.onnx", b"no model"))
        .await;
    browser.find("#file-error").await;
    let kept = browser.find("[name=description]").await;
    assert_eq!(
        kept.prop("value").await.unwrap().unwrap(),
        "one hidden layer"
    );
    let focused = browser.ask("return document.activeElement.id").await;
    assert_eq!(focused, "file");
    assert!(browser.text().await.contains("20 of 20 submissions left"));

    browser
        .submit(&browser.file("nan.onnx", &broken("output_nan")))
        .await;
    browser.find("#failure").await;
    assert!(browser.title().await.contains(" failed · "));
    let page = browser.text().await.to_lowercase();
    for words in [
        "output_nonfinite",
        "whose fault",
        "daily limit",
        "what to try",
        "division by zero",
        "submit again",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    browser.end().await;
}

#[tokio::test]
async fn the_same_journey_goes_without_scripts() {
    let browser = Browser::start(Scripts::Off).await;
    browser.sign_up("noa").await;
    browser.submit(&browser.model("small_mlp")).await;
    // The page reloads by itself until there is a result.
    browser.find("#progress, #result").await;
    let told = browser.watch().await;
    assert!(told.is_sorted_by_key(|state| rank(state)), "{told:?}");
    browser.wait_for("0.9718").await;
    browser.go("/competitions/digits").await;
    let row = browser.own_row().await;
    assert!(row.contains("noa") && row.contains("0.9718"), "{row}");
    // Instants are in UTC where no script knows the reader's zone.
    browser
        .go(&format!("/submissions/{}", browser.site.scored))
        .await;
    assert!(browser.text().await.contains("UTC"));
    browser.end().await;
}

/// Keys alone.
impl Browser {
    async fn press(&self, key: Key) {
        let keys = self.driver.action_chain().send_keys(key);
        keys.perform().await.unwrap();
    }

    async fn type_in(&self, text: &str) {
        let keys = self.driver.action_chain().send_keys(text);
        keys.perform().await.unwrap();
    }

    /// Presses Tab until the focus is there. Wherever it goes it can be seen.
    async fn tab_to(&self, selector: &str) {
        // What stands for it may show it: a card around a link, a circle inside one.
        const LOOK: &str = "
            const it = document.activeElement;
            const shows = (element) => {
                const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
                return (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none';
            };
            const box = it.getBoundingClientRect();
            return {
                is_there: it.matches(arguments[0]),
                is_seen: box.width > 0 && box.right > 0
                    && [it, ...it.children, it.closest('li')].some((near) => near !== null && shows(near)),
                what: it.outerHTML.slice(0, 120),
            };";
        for _ in 0..100 {
            self.press(Key::Tab).await;
            let found = self
                .driver
                .execute(LOOK, vec![json!(selector)])
                .await
                .unwrap();
            let found = found.json();
            let is_page = found["what"].as_str().unwrap().starts_with("<body");
            assert!(
                is_page || found["is_seen"] == true,
                "the focus cannot be seen: {found}"
            );
            if found["is_there"] == true {
                return;
            }
        }
        panic!("{selector} cannot be reached with the keyboard");
    }

    /// Goes on to the page behind what has the focus.
    async fn enter(&self, path: &str) {
        self.press(Key::Enter).await;
        eventually(path, async || (self.path().await == path).then_some(())).await;
        self.find("footer").await;
    }
}

#[tokio::test]
async fn the_same_journey_goes_with_the_keyboard_alone() {
    let browser = Browser::start(Scripts::On).await;
    browser.go("/").await;
    browser.tab_to("header a[href^='/sign-up']").await;
    browser.enter("/sign-up").await;
    browser.tab_to("#name").await;
    browser.type_in("bea").await;
    browser.tab_to("#password").await;
    browser.type_in(PASSWORD).await;
    browser.enter("/").await;
    browser.tab_to("main a[href='/competitions/digits']").await;
    browser.enter("/competitions/digits").await;
    browser.tab_to(".tabs a[href$='/submit']").await;
    browser.enter("/competitions/digits/submit").await;
    browser.tab_to("#description").await;
    browser.type_in("without a mouse").await;
    browser.tab_to("#file").await;
    // The dialogue of the system, which a driver cannot reach.
    browser.choose(&browser.model("small_mlp")).await;
    browser.tab_to(BUTTON).await;
    browser.press(Key::Enter).await;
    browser.find("#progress, #result").await;
    browser.watch().await;
    browser
        .tab_to(".crumbs a[href='/competitions/digits']")
        .await;
    browser.enter("/competitions/digits").await;
    let row = browser.own_row().await;
    assert!(row.contains("bea") && row.contains("0.9718"), "{row}");
    browser.end().await;
}

#[tokio::test]
async fn a_board_takes_a_new_row_without_losing_the_readers_place() {
    let browser = Browser::start(Scripts::On).await;
    browser.resize(PHONE).await;
    browser.go("/competitions/digits").await;
    // Some row is there: the reader has the focus on it, has scrolled, and would notice a reload.
    browser.find("tbody tr[id] a").await;
    let focused = browser
        .ask("const it = document.querySelector('tbody tr[id] a'); it.focus(); window.scrollBy(0, 40); \
              window.sameDocument = true; return it.closest('tr').id;")
        .await;
    let id = browser.site.ada.submitted(starter("big_mlp")).await;
    browser.find("#under-way").await;
    eventually("another ranking", async || {
        let submission = browser.site.ada.submission(&id).await;
        (submission["status"] == "scored").then_some(())
    })
    .await;
    eventually("the new figures", async || {
        let rows = browser
            .ask("return document.querySelector('tbody').innerText")
            .await;
        rows.as_str().unwrap().contains("ada").then_some(())
    })
    .await;
    let now = browser
        .ask("return [window.sameDocument, window.scrollY > 0, document.activeElement.closest('tr')?.id]")
        .await;
    assert_eq!(now, json!([true, true, focused]));
    browser.end().await;
}

#[tokio::test]
async fn without_a_stream_of_events_the_page_asks_by_itself() {
    let browser = Browser::start(Scripts::On).await;
    let no_streams = json!({"source": "delete window.EventSource"});
    browser
        .tell("Page.addScriptToEvaluateOnNewDocument", no_streams)
        .await;
    let host = &browser.site.host;
    let id = host.submitted(starter("logistic_regression")).await;
    browser.go(&format!("/submissions/{id}")).await;
    browser.find("#progress").await;
    // To its end, which a quick runner may bring first.
    let cancel = format!("/api/v1/submissions/{id}/cancel");
    host.post_json(&cancel, json!({})).await;
    eventually("the end", async || {
        let title = browser.title().await;
        let is_over = title.contains(" cancelled · ") || title.contains(" scored · ");
        is_over.then_some(())
    })
    .await;
    assert_eq!(browser.ask("return 'EventSource' in window").await, false);
    browser.end().await;
}

#[tokio::test]
async fn a_page_that_was_refused_a_stream_asks_for_one_again() {
    let browser = Browser::start(Scripts::On).await;
    let refused = json!({"source": "
        const Real = window.EventSource;
        window.asked = 0;
        window.EventSource = class extends Real {
            constructor(path) {
                window.asked += 1;
                super(window.asked === 1 ? '/nowhere' : path);
            }
        };"});
    browser
        .tell("Page.addScriptToEvaluateOnNewDocument", refused)
        .await;
    browser.go("/competitions/digits").await;
    eventually("another question", async || {
        (browser.ask("return window.asked").await == 2).then_some(())
    })
    .await;
    browser.end().await;
}

#[tokio::test]
async fn an_answer_that_is_no_page_leaves_the_form_as_it_is() {
    let browser = Browser::start(Scripts::On).await;
    browser.be(&browser.site.host).await;
    browser.go("/competitions/digits/submit").await;
    // As a proxy answers that lets less through.
    browser
        .ask("const { open } = XMLHttpRequest.prototype; \
              XMLHttpRequest.prototype.open = function (method) { open.call(this, method, '/api/v1/nowhere'); }; \
              return null;")
        .await;
    browser.write("description", "sent in vain").await;
    browser.submit(&browser.model("small_mlp")).await;
    browser.wait_for("The answer was 404").await;
    browser.wait_for("look at your submissions").await;
    let kept = browser.find("[name=description]").await;
    let kept = kept.prop("value").await.unwrap().unwrap();
    assert_eq!(kept, "sent in vain");
    assert!(browser.find(BUTTON).await.is_enabled().await.unwrap());
    browser.end().await;
}

#[tokio::test]
async fn an_upload_shows_its_speed_and_can_be_stopped() {
    let browser = Browser::start(Scripts::On).await;
    browser.be(&browser.site.host).await;
    browser.go("/competitions/digits/submit").await;
    browser.tell("Network.enable", json!({})).await;
    let network = async |is_offline: bool, bytes_per_second: i64| {
        let conditions = json!({
            "offline": is_offline, "latency": 0,
            "downloadThroughput": -1, "uploadThroughput": bytes_per_second,
        });
        browser
            .tell("Network.emulateNetworkConditions", conditions)
            .await;
    };
    let state = async |words: &str| {
        eventually(words, async || {
            let state = browser
                .find("[data-state]")
                .await
                .text()
                .await
                .unwrap_or_default();
            state.contains(words).then_some(())
        })
        .await;
    };

    network(false, 100_000).await;
    browser.submit(&browser.model("random_forest")).await;
    let figures = eventually("the speed", async || {
        let figures = browser
            .find(".figures")
            .await
            .text()
            .await
            .unwrap_or_default();
        (figures.contains("/s") && figures.contains("left")).then_some(figures)
    })
    .await;
    assert!(figures.contains("MiB"), "{figures}");
    // The button that stops it has the focus.
    browser.press(Key::Enter).await;
    state("Cancelled").await;
    assert!(browser.find(BUTTON).await.is_enabled().await.unwrap());

    browser.click(BUTTON).await;
    browser.find("[data-cancel-upload]").await;
    network(true, 100_000).await;
    state("The connection broke").await;
    network(false, -1).await;

    // What is too large is not sent at all.
    browser
        .ask("document.querySelector('[data-upload]').dataset.maxSize = '1000'; return null;")
        .await;
    browser.click(BUTTON).await;
    let problem = browser
        .ask("return document.querySelector('#file').validationMessage")
        .await;
    assert!(
        problem.as_str().unwrap().contains("at most 1 KiB"),
        "{problem}"
    );
    browser.end().await;
}
