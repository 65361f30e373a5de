//! A stream of server-sent events, read as it comes.

use reqwest::{Method, Response};
use serde_json::Value;

use super::Person;

/// An open stream.
pub struct Events {
    response: Response,
    /// What came and is no whole event yet.
    rest: String,
}

#[derive(Debug)]
pub struct Event {
    /// Empty for an ordinary one.
    pub name: String,
    pub data: Value,
}

impl Person {
    pub async fn events(&self, path: &str) -> Events {
        let response = self.request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["content-encoding"], "identity");
        Events {
            response,
            rest: String::new(),
        }
    }
}

impl Events {
    /// The next event; `None` when the server has closed the stream.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.rest.split_once("\n\n") {
                let event = parse(block);
                self.rest = rest.to_owned();
                if event.is_some() {
                    return event;
                }
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.rest.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

/// An event; `None` for what is a comment or a setting.
fn parse(block: &str) -> Option<Event> {
    let field = |name: &str| {
        let mut lines = block.lines();
        lines.find_map(|line| line.strip_prefix(name))
    };
    Some(Event {
        name: field("event: ").unwrap_or_default().to_owned(),
        data: serde_json::from_str(field("data: ")?).unwrap(),
    })
}
