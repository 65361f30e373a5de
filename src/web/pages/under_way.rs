//! What is being measured in a competition, above its leaderboard while that fills.

use std::time::Duration;

use askama::Template;
use askama::filters::HtmlSafe;

use super::figures;
use crate::web::live;

#[derive(Debug, Template)]
#[template(path = "competitions/under_way.html")]
pub struct UnderWay {
    heading: String,
    /// Who is measured, and how long all of it will take.
    detail: String,
    /// Entries that are done, and all of them.
    done: usize,
    all: usize,
    /// How many entries a second brings, so that a script moves the bar.
    per_second: String,
    /// How far the ones are that are being measured.
    begun: f64,
}

impl HtmlSafe for UnderWay {}

impl UnderWay {
    pub fn new(seen: &live::UnderWay<'_>) -> UnderWay {
        let teams: Vec<&str> = (seen.running.iter())
            .map(|job| job.team_name.as_str())
            .collect();
        let number = seen.finished + seen.running.len();
        let heading = match (seen.running.len(), seen.all()) {
            (0, _) => format!(
                "{} waiting",
                figures::counted(i64::try_from(seen.queued).unwrap_or(0), "submission")
            ),
            (1, 1) => "Measuring".to_owned(),
            (_, all) => format!("Measuring {number} of {all}"),
        };
        let mut details = Vec::new();
        if !teams.is_empty() {
            details.push(teams.join(" and "));
        }
        if !seen.has_runners {
            details.push("no runner is at work just now".to_owned());
        } else if let Some(ends_in) = seen.ends_in {
            details.push(format!("{} left", figures::wait(ends_in.as_secs_f64())));
        }
        let takes_s = seen.takes.map(|takes| takes.as_secs_f64().max(0.1));
        let begun = (seen.running.iter())
            .filter_map(|job| {
                Some(live::done(job, seen.takes, Duration::ZERO)?.as_secs_f64() / takes_s?)
            })
            .sum();
        let speed = takes_s.map_or(0.0, |takes_s| seen.running.len() as f64 / takes_s);
        UnderWay {
            heading,
            detail: details.join(", "),
            done: seen.finished,
            all: seen.all(),
            per_second: format!("{speed:.4}"),
            begun,
        }
    }

    fn value(&self) -> String {
        format!("{:.2}", self.done as f64 + self.begun)
    }

    /// As far as a script moves the bar: the last of them is not done before it is told.
    fn until(&self) -> String {
        format!("{:.2}", self.done as f64 + 0.97)
    }
}
