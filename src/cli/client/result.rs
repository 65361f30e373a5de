//! What is said of one submission.

use super::documents::{
    AmountDocument, CompetitionDocument, FailureDocument, ResultDocument, StandingDocument,
    SubmissionDocument,
};
use super::{Client, in_plain_text, plain};
use crate::domain::competition::{Cost, Metric};
use crate::domain::efficiency::Unranked;
use crate::domain::hardware::is_degraded;
use crate::web::figures;

/// Where it stands, in a line: `queued: place 3, about 2 min to the result`.
pub fn state(submission: &SubmissionDocument) -> String {
    let rest = submission.ends_in_s.filter(|seconds| *seconds > 0);
    let rest = rest.map(|seconds| format!(", {} to the result", figures::wait(seconds as f64)));
    let rest = rest.unwrap_or_default();
    match (submission.status.as_str(), &submission.phase) {
        ("queued", _) => match submission.queue_position {
            Some(1) => format!("queued: next in the queue{rest}"),
            Some(position) => format!("queued: place {position} in the queue{rest}"),
            None => format!("queued{rest}"),
        },
        ("running", Some(phase)) => match (phase.name.as_str(), phase.trial, phase.trials) {
            ("smoke", _, _) => format!("running: smoke run on the public sample{rest}"),
            ("trial", Some(trial), Some(trials)) => {
                format!("running: trial {trial} of {trials}{rest}")
            }
            (name, _, _) => format!("running: {name}{rest}"),
        },
        (status, _) => status.to_owned(),
    }
}

/// All that a participant wants to know of a submission that is finished, or where it stands.
pub fn report(
    client: &Client,
    submission: &SubmissionDocument,
    competition: &CompetitionDocument,
) -> Vec<String> {
    let mut lines = vec![headline(submission)];
    let mut line = |name: &str, text: &str| lines.push(format!("  {name:<11} {}", plain(text)));
    if let Some(result) = &submission.result {
        for (name, text) in measured(result, competition) {
            line(name, &text);
        }
    }
    if let Some(failure) = &submission.failure {
        for (name, text) in failed(failure) {
            line(name, &text);
        }
    }
    let file = format!("{}, of the team {}", submission.file_name, submission.team);
    line("file", &file);
    line("report", &client.page(&submission.url));
    lines
}

fn headline(submission: &SubmissionDocument) -> String {
    let number = submission.number;
    let competition = plain(&submission.competition);
    let standing = submission
        .result
        .as_ref()
        .and_then(|result| result.standing.as_ref());
    match (submission.status.as_str(), standing) {
        ("scored", Some(standing)) => {
            let place = place(standing);
            format!("Submission {number} to {competition} is scored: {place}")
        }
        ("scored" | "failed", _) => {
            let how = state(submission);
            format!(
                "Submission {number} to {competition} {how}",
                how = verb(&how)
            )
        }
        ("cancelled", _) => format!("Submission {number} to {competition} was cancelled"),
        _ => format!(
            "Submission {number} to {competition} is {}",
            state(submission)
        ),
    }
}

fn verb(status: &str) -> &str {
    match status {
        "scored" => "is scored",
        other => other,
    }
}

/// `rank 3 of 7`, or why it has none.
fn place(standing: &StandingDocument) -> String {
    let of = standing.ranked;
    match (
        standing.rank,
        &standing.behind,
        standing.unranked.as_deref(),
    ) {
        (Some(rank), _, _) => format!("rank {rank} of {of}"),
        (None, _, Some(reason)) => format!("no rank, because {}", why_unranked(reason)),
        (None, Some(behind), None) => {
            let rank = behind.rank.map(|rank| format!(", rank {rank} of {of}"));
            format!(
                "submission {} of the same team is better{}",
                behind.number,
                rank.unwrap_or_default()
            )
        }
        (None, None, None) => "no rank yet".to_owned(),
    }
}

/// In words; a reason that this program does not know, as it is written.
fn why_unranked(reason: &str) -> String {
    Unranked::from_name(reason).map_or_else(|| plain(reason), |known| known.to_string())
}

fn measured(
    result: &ResultDocument,
    competition: &CompetitionDocument,
) -> Vec<(&'static str, String)> {
    let metric = metric_name(&competition.metric, competition.metric_title.as_deref());
    let mut lines = vec![(
        "score",
        format!(
            "{}  ({metric}, on the public split){}",
            score(result.score),
            match result.score_low.zip(result.score_high) {
                Some((low, high)) => format!(
                    "; {} to {} on other rows, with 95 % confidence",
                    score(low),
                    score(high)
                ),
                None => String::new(),
            }
        ),
    )];
    if let Some(standing) = &result.standing {
        let kind = cost_name(&competition.cost, &competition.window);
        let energy = result
            .energy
            .as_ref()
            .filter(|_| is_energy(&competition.cost));
        let simulated = match energy.and_then(|energy| energy.simulated) {
            Some(true) => ", simulated",
            Some(false) | None => "",
        };
        let amount = cost(&standing.cost);
        lines.push(("cost", format!("{amount}  ({kind}{simulated})")));
        lines.push(("efficiency", efficiency(standing)));
        if let Some(missing) = energy.and_then(|energy| energy.missing.as_deref()) {
            lines.push(("no energy", plain(missing)));
        }
    }
    let trials = result.trials.len();
    lines.push((
        "measured",
        format!("in {trials} trials on {}", result.hardware_class),
    ));
    if is_degraded(&result.hardware_class) {
        let meaning = "not all walls of the sandbox stood, so this compares with nothing";
        lines.push(("degraded", meaning.to_owned()));
    }
    lines
}

fn efficiency(standing: &StandingDocument) -> String {
    match (
        standing.efficiency,
        standing.quality_term,
        standing.cost_term,
    ) {
        (Some(efficiency), Some(quality), Some(cost)) => {
            let [efficiency, quality, cost] = [efficiency, quality, cost].map(figures::efficiency);
            format!(
                "{efficiency} = {quality} for the score + {cost} for the cost  (lower is better)"
            )
        }
        _ => {
            let reason = standing.unranked.as_deref().map(why_unranked);
            format!(
                "none: {}",
                reason.as_deref().unwrap_or("it is not known yet")
            )
        }
    }
}

fn failed(failure: &FailureDocument) -> Vec<(&'static str, String)> {
    let mut lines = vec![("why", format!("{} ({})", failure.message, failure.code))];
    if let Some(fault) = &failure.fault {
        lines.push(("fault", fault.clone()));
    }
    match failure.uses_quota {
        Some(true) => lines.push(("quota", "counts against the daily limit".to_owned())),
        Some(false) => lines.push(("quota", "does not count against the daily limit".to_owned())),
        None => {}
    }
    if let Some(advice) = &failure.advice {
        lines.push(("try", advice.clone()));
    }
    lines
}

/// The metric as the server names it, else as this program does.
pub fn metric_name(metric: &str, title: Option<&str>) -> String {
    if let Some(title) = title {
        return plain(title);
    }
    let known: Result<Metric, _> = serde_json::from_value(metric.into());
    known.map_or_else(|_| metric.to_owned(), |metric| metric.to_string())
}

pub fn score(score: f64) -> String {
    figures::efficiency(score)
}

pub fn cost(cost: &AmountDocument) -> String {
    let seconds = cost.cost_s.map(|value| Cost::Time.amount(value));
    let joules = cost.cost_j.map(|value| Cost::Energy.amount(value));
    (seconds.or(joules)).map_or("not measured".to_owned(), |amount| {
        in_plain_text(&figures::amount(amount))
    })
}

/// Whether joules are ranked.
pub fn is_energy(cost: &str) -> bool {
    cost == "energy"
}

/// `CPU time per pass`
pub fn cost_name(cost: &str, window: &str) -> String {
    let cost = match cost {
        "cpu" => "CPU time",
        "time" => "wall time",
        other => other,
    };
    match window {
        "inference" => format!("{cost} per pass"),
        "total" => format!("{cost} from start to exit"),
        other => format!("{cost}, {other}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn said(standing: Value) -> String {
        place(&serde_json::from_value(standing).unwrap())
    }

    #[test]
    fn a_place_is_told_to_whoever_asks() {
        assert_eq!(said(json!({"ranked": 7, "rank": 3})), "rank 3 of 7");
        assert_eq!(
            said(json!({"ranked": 7, "behind": {"number": 4, "rank": 2}})),
            "submission 4 of the same team is better, rank 2 of 7"
        );
        assert_eq!(
            said(json!({"ranked": 7, "unranked": "scale_degenerate"})),
            "no rank, because the reference entry gives the formula nothing to go by"
        );
        assert_eq!(
            said(json!({"ranked": 7, "unranked": "of_tomorrow"})),
            "no rank, because of_tomorrow"
        );
    }
}
