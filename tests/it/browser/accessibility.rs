//! Every page, as a visitor, a participant and a host see it, in light and dark: axe-core finds nothing
//! serious, and on a phone nothing hangs over the edge.

use serde_json::{Value, json};

use super::{Browser, DESKTOP, PHONE, Scripts};
use crate::support::starter;

const AXE: &str = include_str!("axe-core/axe.min.js");

/// What is seriously wrong with the page that is shown: the rule, where, and what it asks for.
const LOOK: &str = "
    return axe.run(document, { resultTypes: ['violations'], ...arguments[0] }).then((results) =>
        results.violations
            .filter(({ impact }) => impact === 'serious' || impact === 'critical')
            .flatMap(({ id, nodes }) => nodes.map((node) =>
                `${id}: ${node.target} ${node.html.slice(0, 160)} ${node.failureSummary}`)));";

impl Browser {
    /// Looks at these pages, and says what is wrong with them.
    async fn look_at(&self, who: &str, pages: &[String]) -> Vec<String> {
        let mut wrong = Vec::new();
        for page in pages {
            self.set_dark(false).await;
            self.go(page).await;
            // Colours are all that the dark differs in.
            let colours = json!({"runOnly": ["color-contrast"]});
            for (is_dark, options) in [(false, json!({})), (true, colours)] {
                self.set_dark(is_dark).await;
                let found = self.driver.execute(LOOK, vec![options]).await.unwrap();
                let found = found.json().as_array().unwrap().clone();
                let colours = if is_dark { "dark" } else { "light" };
                wrong.extend(
                    found
                        .iter()
                        .filter_map(Value::as_str)
                        .map(|problem| format!("{who}, {page}, {colours}: {problem}")),
                );
            }
            self.resize(PHONE).await;
            let overhang = self.overhang().await;
            if overhang > 0 {
                wrong.push(format!("{who}, {page}: {overhang} px too wide for a phone"));
            }
            self.resize(DESKTOP).await;
        }
        wrong
    }
}

#[tokio::test]
async fn nothing_keeps_anybody_out_of_any_page() {
    let browser = Browser::start(Scripts::On).await;
    let site = browser.site;
    browser
        .tell(
            "Page.addScriptToEvaluateOnNewDocument",
            json!({"source": AXE}),
        )
        .await;
    let report = |id: &str| format!("/submissions/{id}");
    let pages = |paths: &[&str]| -> Vec<String> {
        let all = paths.iter().map(|path| match path.strip_prefix('+') {
            Some(path) => format!("/competitions/digits{path}"),
            None => (*path).to_owned(),
        });
        all.collect()
    };

    // While something is under way.
    browser.be(&site.ada).await;
    let waiting = site.ada.submitted(starter("svc")).await;
    let mut wrong = browser.look_at("participant", &[report(&waiting)]).await;
    let cancel = format!("/api/v1/submissions/{waiting}/cancel");
    // A quick runner may have been done before.
    site.ada.post_json(&cancel, json!({})).await;
    site.is_measured().await;

    let mut own = pages(&["+", "+/submit", "+/submissions", "/account", "/nowhere"]);
    own.extend([&site.scored, &site.failed, &waiting, &site.script].map(|id| report(id)));
    wrong.extend(browser.look_at("participant", &own).await);

    browser.be(&site.host).await;
    let mut all = pages(&["+?split=private", "+/submit", "/account"]);
    all.extend([report(&site.script), report(&site.failed)]);
    wrong.extend(browser.look_at("host", &all).await);

    browser.driver.delete_all_cookies().await.unwrap();
    let mut public = pages(&[
        "/",
        "+",
        "+?board=score",
        "+/overview",
        "+/data",
        "+/submit",
        "+/submissions",
        "/sign-in",
        "/sign-up",
        "/runtimes",
        "/docs/api",
        "/competitions/diamonds",
        "/competitions/diamonds/submit",
    ]);
    public.extend([report(&site.scored), report(&site.failed)]);
    wrong.extend(browser.look_at("visitor", &public).await);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    browser.end().await;
}
