//! Where a submission is on its way from the queue to its score: the part of its page that moves.

use std::time::Duration;

use askama::Template;
use askama::filters::HtmlSafe;
use chrono::{DateTime, Utc};

use super::figures;
use crate::db::submissions::Submission;
use crate::domain::forecast::Forecast;
use crate::domain::submission::{Phase, Status};
use crate::web::live::{InQueue, Outlook, seconds, share_at_end_of};

/// The progress bar is whole when the submission is scored, and not before.
const NEARLY_WHOLE: f64 = 0.97;

#[derive(Debug, Template)]
#[template(path = "submissions/progress.html")]
pub struct Progress {
    address: String,
    may_cancel: bool,
    heading: String,
    /// Read out when it changes, and only then.
    announcement: String,
    outlook: String,
    bar: Option<Bar>,
    steps: Vec<Step>,
    short: String,
}

impl HtmlSafe for Progress {}

/// How far it is, and how fast it goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    fraction: f64,
    /// How much of the bar a second brings, so that a script moves it.
    per_second: f64,
    /// As far as a script moves it.
    until: f64,
}

impl Bar {
    fn of(done: Duration, all: Duration, until: f64) -> Bar {
        let all_s = all.as_secs_f64().max(0.1);
        let until = until.min(NEARLY_WHOLE);
        Bar {
            fraction: (done.as_secs_f64() / all_s).min(until),
            per_second: 1.0 / all_s,
            until,
        }
    }

    pub fn value(&self) -> String {
        format!("{:.3}", self.fraction)
    }

    pub fn speed(&self) -> String {
        format!("{:.5}", self.per_second)
    }

    pub fn until(&self) -> String {
        format!("{:.3}", self.until)
    }

    pub fn percent(&self) -> String {
        format!("{:.0} %", self.fraction * 100.0)
    }
}

/// A step on the way from the queue to the score.
#[derive(Debug)]
struct Step {
    name: String,
    state: StepState,
    took: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StepState {
    Done,
    Current,
    Ahead,
}

impl Step {
    fn class(&self) -> &'static str {
        match self.state {
            StepState::Done => "done",
            StepState::Current => "current",
            StepState::Ahead => "ahead",
        }
    }

    fn is_current(&self) -> bool {
        self.state == StepState::Current
    }

    /// What a reader of the list is told of a step's state.
    fn state(&self) -> &'static str {
        match self.state {
            StepState::Done => "done",
            StepState::Current => "now",
            StepState::Ahead => "to come",
        }
    }

    fn took(&self) -> Option<String> {
        self.took.map(figures::clock)
    }

    /// In seconds, for the script that counts on.
    fn ticks(&self) -> Option<String> {
        let took = self.took.filter(|_| self.is_current())?;
        Some(format!("{:.1}", took.as_secs_f64()))
    }
}

impl Progress {
    /// Of a submission that is not finished.
    pub fn new(
        submission: &Submission,
        outlook: &Outlook,
        now: DateTime<Utc>,
        may_cancel: bool,
    ) -> Option<Progress> {
        if submission.status.is_final() {
            return None;
        }
        let place = outlook.find(submission.id);
        let position = place.and_then(|place| place.position);
        let waited = place
            .and_then(|place| (now - place.job.queued_at).to_std().ok())
            .unwrap_or_default();
        let heading = heading(submission.status, place);
        Some(Progress {
            address: format!("/submissions/{}", submission.id),
            may_cancel,
            announcement: format!("Submission {}: {heading}", submission.number),
            heading,
            outlook: expectation(submission.status, place, outlook),
            bar: place.and_then(|place| bar(place, waited)),
            steps: steps(submission.status, place, waited),
            short: short(submission.status, position),
        })
    }

    /// For the page's title.
    pub fn short(&self) -> &str {
        &self.short
    }
}

fn heading(status: Status, place: Option<InQueue<'_>>) -> String {
    if place.is_some_and(|place| place.retry_in.is_some()) {
        return "Waiting to be tried again".to_owned();
    }
    match (status, place.and_then(|place| place.position)) {
        (Status::Running(phase), _) => format!("Being measured: {phase}"),
        (_, Some(1)) => "Waiting, next in the queue".to_owned(),
        (_, Some(position)) => {
            format!("Waiting, {} in the queue", figures::ordinal(position))
        }
        (_, None) => "Waiting in the queue".to_owned(),
    }
}

fn short(status: Status, position: Option<usize>) -> String {
    match (status, position) {
        (Status::Running(phase), _) => phase.to_string(),
        (_, Some(position)) => format!("queued ({})", figures::ordinal(position)),
        (_, None) => "queued".to_owned(),
    }
}

fn expectation(status: Status, place: Option<InQueue<'_>>, outlook: &Outlook) -> String {
    let forecast = place.map(|place| place.forecast).unwrap_or_default();
    let soon = |time: Duration| figures::wait(time.as_secs_f64());
    match status {
        Status::Running(_) => match forecast.ends_in {
            Some(ends_in) if ends_in.is_zero() => {
                "It takes longer than the last ones did; it should be scored soon.".to_owned()
            }
            Some(ends_in) => format!(
                "It should be scored in {}, by what the last ones took.",
                soon(ends_in)
            ),
            None => {
                "How long it takes is not known yet: nothing was measured before it.".to_owned()
            }
        },
        Status::Queued | Status::Scored | Status::Failed | Status::Cancelled => {
            let retry_in = place.and_then(|place| place.retry_in);
            let mut sentences = Vec::new();
            if let Some(retry_in) = retry_in {
                sentences.push(format!(
                    "It is tried again in {}: the last attempt failed through our fault.",
                    soon(retry_in)
                ));
            }
            if place.is_some_and(|place| place.job.is_abandoned) {
                sentences.push(
                    "The runner that was measuring it is not heard of any more; another one begins \
                     anew."
                        .to_owned(),
                );
            }
            if outlook.queue.runners == 0 {
                sentences.push(
                    "No runner is at work just now; the submission waits until one is started."
                        .to_owned(),
                );
            } else if retry_in.is_none() {
                sentences.push(turn(forecast));
            }
            sentences.join(" ")
        }
    }
}

/// When a runner takes what waits, and how long that takes.
fn turn(forecast: Forecast) -> String {
    let soon = |time: Duration| figures::wait(time.as_secs_f64());
    match (forecast.starts_in, forecast.ends_in) {
        (Some(starts_in), Some(ends_in)) if starts_in.is_zero() => format!(
            "A runner takes it as soon as one is free; it should be scored in {}, by what the \
             last ones took.",
            soon(ends_in)
        ),
        (Some(starts_in), Some(ends_in)) => format!(
            "It should be taken in {}, and scored {} after that, by what the last ones took.",
            soon(starts_in),
            soon(ends_in.saturating_sub(starts_in))
        ),
        (Some(_) | None, None) | (None, Some(_)) => {
            "A runner takes it when its turn comes; when that is cannot be told before \
             something was measured."
                .to_owned()
        }
    }
}

fn bar(place: InQueue<'_>, waited: Duration) -> Option<Bar> {
    match place.job.status {
        Status::Running(phase) => Some(Bar::of(place.done?, place.takes?, share_at_end_of(phase))),
        // The way to its turn.
        Status::Queued | Status::Scored | Status::Failed | Status::Cancelled => {
            let starts_in = place.forecast.starts_in?;
            Some(Bar::of(waited, waited + starts_in, NEARLY_WHOLE))
        }
    }
}

fn steps(status: Status, place: Option<InQueue<'_>>, waited: Duration) -> Vec<Step> {
    let current = match status {
        Status::Running(phase) => step_of(phase),
        Status::Queued | Status::Scored | Status::Failed | Status::Cancelled => 0,
    };
    let trials = match status {
        Status::Running(phase @ Phase::Trial { .. }) => phase.to_string(),
        _ => "trials".to_owned(),
    };
    let names = [
        "queue".to_owned(),
        "smoke run".to_owned(),
        "warm-up".to_owned(),
        trials,
        "scoring".to_owned(),
    ];
    let steps = names.into_iter().enumerate().map(|(index, name)| Step {
        name,
        state: match index.cmp(&current) {
            std::cmp::Ordering::Less => StepState::Done,
            std::cmp::Ordering::Equal => StepState::Current,
            std::cmp::Ordering::Greater => StepState::Ahead,
        },
        took: match index {
            0 if current == 0 => Some(waited),
            _ => place.and_then(|place| took(place, index)),
        },
    });
    steps.collect()
}

fn step_of(phase: Phase) -> usize {
    match phase {
        Phase::Smoke => 1,
        Phase::WarmUp => 2,
        Phase::Trial { .. } => 3,
        Phase::Scoring => 4,
    }
}

/// How long a step took, or is taking: from its first phase to the next step's.
fn took(place: InQueue<'_>, step: usize) -> Option<Duration> {
    let phases = &place.job.phases;
    let began = phases.iter().find(|begun| step_of(begun.phase) == step)?;
    let ended = phases.iter().find(|begun| step_of(begun.phase) > step);
    Some(match ended {
        Some(ended) => seconds(began.began_s - ended.began_s),
        None => seconds(began.began_s) + place.age,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::queue::{BegunPhase, Unfinished};
    use crate::domain::ids::{CompetitionId, JobId, SubmissionId, SubmissionNumber};

    #[test]
    fn a_step_took_until_the_next_one_began_and_the_bar_is_not_whole_before_the_score() {
        let begun = |phase, began_s| BegunPhase { phase, began_s };
        let second = Phase::Trial { number: 2, of: 3 };
        let job = Unfinished {
            job: JobId::new(),
            submission: SubmissionId::new(),
            number: SubmissionNumber(1),
            competition: CompetitionId::new(),
            team_name: "ada".to_owned(),
            queued_at: DateTime::UNIX_EPOCH,
            status: Status::Running(second),
            attempt: 1,
            elapsed_s: Some(9.0),
            is_abandoned: false,
            retry_in_s: None,
            phases: vec![
                begun(Phase::Smoke, 9.0),
                begun(Phase::WarmUp, 7.0),
                begun(Phase::Trial { number: 1, of: 3 }, 4.0),
                begun(second, 1.5),
            ],
        };
        let place = InQueue {
            job: &job,
            position: None,
            forecast: Forecast::default(),
            takes: Some(Duration::from_secs(10)),
            done: Some(Duration::from_secs(8)),
            retry_in: None,
            age: Duration::from_secs(1),
        };
        let steps = steps(job.status, Some(place), Duration::ZERO);
        let took: Vec<_> = steps.iter().map(Step::took).collect();
        // The last of them goes on since the queue was looked at.
        let expected = [None, Some("2 s"), Some("3 s"), Some("5 s"), None];
        assert_eq!(took, expected.map(|time| time.map(str::to_owned)));
        assert_eq!(steps[3].name, "trial 2 of 3");
        assert!(steps[3].is_current() && steps[3].ticks().is_some());
        let bar = bar(place, Duration::ZERO).unwrap();
        assert_eq!(
            (bar.percent(), bar.until()),
            ("80 %".to_owned(), "0.800".to_owned())
        );
        let ten = Duration::from_secs(10);
        assert_eq!(Bar::of(ten, ten, 1.0).percent(), "97 %");
    }
}
