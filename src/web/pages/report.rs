//! The public report of one submission: where it stands, what it cost and how that was measured.

use std::sync::Arc;

use actix_web::web::{Data, Path};
use askama::Template;
use askama_web::WebTemplate;
use chrono::{DateTime, Utc};

use super::advice;
use super::competition::cost_in_words;
use super::drawings::TermsBar;
use super::energy::{EnergyCell, EnergyTable};
use super::error::PageError;
use super::figures::{self, Figure, Moment};
use super::frame::Frame;
use super::measurement::{Measurement, PhaseFigures, SessionFacts};
use super::model_facts::ModelFacts;
use super::progress::Progress;
use super::script_facts::ScriptFacts;
use super::standing::{Place, Standing, find_board};
use crate::db;
use crate::db::boards::BoardLine;
use crate::db::sessions::{Program, RunLog, Session, SmokeRun};
use crate::db::submissions::{Scored, Submission};
use crate::domain::clock::start_of_day;
use crate::domain::competition::{CompetitionSpec, EntryKind, Scenario, Window};
use crate::domain::cost::{RankedCost, why_unranked};
use crate::domain::deepening::Precision;
use crate::domain::efficiency::{Gap, Unranked};
use crate::domain::hardware;
use crate::domain::ids::SubmissionId;
use crate::domain::submission::{Failure, Status};
use crate::domain::trial::Trial;
use crate::web::App;
use crate::web::boards::{BoardScale, BoardView};
use crate::web::error::Problem;
use crate::web::live;
use crate::web::lookups::find_submission;

#[derive(Template, WebTemplate)]
#[template(path = "submissions/report.html")]
pub struct ReportPage {
    frame: Frame,
    submission: Submission,
    spec: CompetitionSpec,
    progress: Option<Progress>,
    trials: Vec<Trial>,
    session: Option<Session>,
    board: Option<Arc<BoardView>>,
    model: Option<ModelFacts>,
    script: Option<ScriptFacts>,
    /// For its team and for hosts.
    smoke: Option<SmokeRun>,
    /// For hosts.
    hidden_runs: Vec<RunLog>,
    is_own: bool,
    now: DateTime<Utc>,
}

/// An efficiency and what it is made of, in figures and words.
struct Made {
    bar: TermsBar,
    quality_term: String,
    cost_term: String,
    score_words: String,
    cost_words: String,
    next: Option<NextStep>,
}

/// What it would take to stand better.
struct NextStep {
    what: String,
    submission: Option<SubmissionId>,
    team: String,
    ways: String,
}

impl ReportPage {
    fn title(&self) -> String {
        let state = match &self.progress {
            Some(progress) => progress.short(),
            None => self.submission.status.as_str(),
        };
        format!("#{} {state}", self.submission.number)
    }

    /// Whether it was measured without all the walls.
    fn is_degraded(&self) -> bool {
        let result = self.submission.result.as_ref();
        result.is_some_and(|result| hardware::is_degraded(&result.hardware_class))
    }

    fn icon(&self) -> String {
        self.frame.asset(match self.submission.status {
            Status::Queued => "favicon-queued.svg",
            Status::Running(_) => "favicon-running.svg",
            Status::Scored => "favicon-scored.svg",
            Status::Failed => "favicon-failed.svg",
            Status::Cancelled => "favicon.svg",
        })
    }

    fn is_final(&self) -> bool {
        self.submission.status.is_final()
    }

    fn submitted(&self) -> Moment {
        Moment(self.submission.submitted_at)
    }

    fn file_size(&self) -> Figure {
        figures::bytes(self.submission.artifact_size)
    }

    fn headline(&self, failure: &Failure) -> &'static str {
        advice::headline(failure)
    }

    fn fault(&self, failure: &Failure) -> &'static str {
        advice::fault(failure.class)
    }

    fn what_to_try(&self, failure: &Failure) -> &'static str {
        advice::what_to_try(failure, self.submission.passed_smoke)
    }

    /// Whether a runner had begun with it before it was cancelled.
    fn was_taken(&self) -> bool {
        self.submission.attempt > 0
    }

    /// What the submission did to its team's daily limit.
    fn quota(&self, counts: bool) -> String {
        let limit = self.spec.daily_limit;
        let is_today = self.submission.submitted_at >= start_of_day(self.now);
        match (self.is_own, counts) {
            (true, true) if is_today => {
                format!("This used one of your {limit} submissions today.")
            }
            (true, true) => format!("This used one of your {limit} submissions of that day."),
            (true, false) => format!("This did not count: it used none of your {limit} a day."),
            (false, true) => format!("It used one of its team’s {limit} submissions of the day."),
            (false, false) => "It did not count against its team’s daily limit.".to_owned(),
        }
    }

    fn score(&self, result: &Scored) -> String {
        figures::score(self.spec.metric.name, result.score_public)
    }

    /// Where the score may lie.
    fn score_interval(&self, result: &Scored) -> Option<String> {
        let interval = result.score_intervals.public?;
        Some(figures::scores(self.spec.metric.name, interval))
    }

    /// For hosts until the competition is finalised.
    fn private_score(&self, result: &Scored) -> Option<String> {
        (self.frame.is_host()).then(|| figures::score(self.spec.metric.name, result.score_private))
    }

    fn cost(&self, result: &Scored) -> Option<Figure> {
        self.ranked_cost(result)
            .map(|cost| figures::amount(cost.amount))
    }

    fn ranked_cost(&self, result: &Scored) -> Option<RankedCost> {
        let (window, cost) = (self.spec.measuring.window, self.spec.efficiency.cost);
        result.summary.ranked_cost(window, cost).ok()
    }

    /// What was made up is called so wherever it is named.
    fn cost_name(&self) -> &'static str {
        let cost = (self.submission.result.as_ref()).and_then(|result| self.ranked_cost(result));
        match cost.and_then(|cost| cost.energy) {
            Some(energy) if energy.simulated => "simulated energy",
            Some(_) | None => cost_in_words(self.spec.efficiency.cost),
        }
    }

    fn why_unranked(&self, result: &Scored, reason: &Unranked) -> String {
        if let (Unranked::ScaleDegenerate, Some(BoardScale::Degenerate(why))) =
            (reason, self.board.as_ref().map(|board| &board.scale))
        {
            return why.clone();
        }
        why_unranked(*reason, self.spec.efficiency.cost, &result.summary.energy)
    }

    fn window_name(&self) -> &'static str {
        match self.spec.measuring.window {
            Window::Inference => "per pass over the test inputs",
            Window::Total => "from process start to exit, with one pass",
        }
    }

    /// The figures of the window that the competition ranks by.
    fn ranked(&self, result: &Scored) -> Option<PhaseFigures> {
        let window = result.summary.window(self.spec.measuring.window)?;
        Some(PhaseFigures::of(window))
    }

    fn memory(&self, result: &Scored) -> Figure {
        figures::bytes(result.summary.peak_memory)
    }

    fn energy<'a>(&self, result: &'a Scored) -> EnergyCell<'a> {
        EnergyCell::new(&result.summary.energy)
    }

    fn energy_table<'a>(&self, result: &'a Scored) -> Option<EnergyTable<'a>> {
        EnergyTable::of(&result.summary.energy)
    }

    fn standing(&self) -> Option<Standing> {
        let result = self.submission.result.as_ref()?;
        let board = self.board.as_ref()?;
        Some(Standing::of(&self.submission, result, &self.spec, board))
    }

    /// How many lines of the board have a rank.
    fn ranked_lines(&self) -> usize {
        let lines = self.board.iter().flat_map(|board| &board.lines);
        lines
            .filter(|line: &&BoardLine| line.rank.is_some())
            .count()
    }

    fn efficiency(&self, value: f64) -> String {
        figures::efficiency(value)
    }

    /// How the efficiency came about, where there is one.
    fn made(&self, standing: &Standing) -> Option<Made> {
        let result = self.submission.result.as_ref()?;
        let efficiency = standing.efficiency.as_ref().ok()?;
        let BoardScale::Frozen(scale) = &self.board.as_ref()?.scale else {
            return None;
        };
        let metric = &self.spec.metric;
        let best = figures::score(metric.name, scale.best);
        let score = self.score(result);
        let score_words = match efficiency.quality_term {
            term if term < 0.0 => {
                format!("{metric} {score}, better than the reference’s {best}")
            }
            0.0 => format!("{metric} {score}, as good as the reference’s"),
            _ => format!("what {metric} {score} falls short of the reference’s {best}"),
        };
        let cost_words = format!(
            "{} of {}; {} would weigh as much as all of the score",
            self.cost(result)?.text(),
            self.cost_name(),
            figures::amount(scale.amount(scale.cost_scale)).text(),
        );
        Some(Made {
            bar: TermsBar::new(efficiency, efficiency.value.max(f64::MIN_POSITIVE)),
            quality_term: figures::efficiency(efficiency.quality_term),
            cost_term: figures::efficiency(efficiency.cost_term),
            score_words,
            cost_words,
            next: self.next(standing, result),
        })
    }

    fn next(&self, standing: &Standing, result: &Scored) -> Option<NextStep> {
        if let Place::Ranked(1) = standing.place {
            return Some(NextStep {
                what: "It leads".to_owned(),
                submission: None,
                team: String::new(),
                ways: "there is nobody to pass.".to_owned(),
            });
        }
        let next = standing.next.as_ref()?;
        let cost = self.ranked_cost(result)?.amount.value;
        Some(NextStep {
            what: match next.rank {
                Some(rank) => format!("To pass rank {rank}"),
                None => "To become its team’s line".to_owned(),
            },
            submission: Some(next.submission),
            team: next.team.clone(),
            ways: self.ways(&next.gap, cost),
        })
    }

    /// What would be enough, one thing at a time.
    fn ways(&self, gap: &Gap, cost: f64) -> String {
        let metric = &self.spec.metric;
        let kind = self.spec.efficiency.cost;
        let saving = gap.cost.map(|less| figures::saving(kind.amount(less)));
        let less = (saving.filter(|(rounded_up, _)| *rounded_up < cost)).map(|(_, figure)| {
            format!(
                "\u{2212}{} of {} at this score",
                figure.text(),
                self.cost_name()
            )
        });
        let better = gap.score.map(|change| {
            let change = figures::score_change(metric.name, change);
            format!("{change} {metric} at this cost")
        });
        match (less, better) {
            (Some(less), Some(better)) => format!("{less}, or {better}."),
            (Some(less), None) => {
                format!("{less}. No score alone is enough, not even a perfect one.")
            }
            (None, Some(better)) => {
                format!("{better}. No saving alone is enough, not even of all its cost.")
            }
            (None, None) => {
                "neither a perfect score nor a cost of nothing would be enough alone.".to_owned()
            }
        }
    }

    fn trials_in_words(&self, result: &Scored) -> String {
        let count = figures::counted(i64::try_from(self.trials.len()).unwrap_or(0), "trial");
        let profile = result.precision.profile().as_str();
        let kind = self.spec.efficiency.cost;
        match result.precision.cost {
            Some(interval) => format!(
                "{profile}: {count}; with 99 % confidence the median lies between {} and {}",
                figures::amount(kind.amount(interval.low)).text(),
                figures::amount(kind.amount(interval.high)).text()
            ),
            None => format!("{profile}: {count}, no interval"),
        }
    }

    /// What no figure stands for, and why.
    fn not_measured(&self, result: &Scored) -> Vec<(&'static str, String)> {
        let mut missing = Vec::new();
        let energy = self.energy(result);
        if energy.figure().is_none() {
            missing.push(("Energy", energy.why_not().to_owned()));
        }
        missing.push((
            "GPU",
            "entries are given none: the runtime computes on the CPU".to_owned(),
        ));
        let single = match self.submission.kind {
            EntryKind::Onnx | EntryKind::Tflite => match self.spec.measuring.scenario {
                Scenario::SingleStream => None,
                Scenario::Offline => Some(format!(
                    "a pass goes through all test rows, {} at once; single requests are not timed",
                    result.batch_size.unwrap_or(self.spec.entries.batch_size)
                )),
            },
            EntryKind::Predict => match self.spec.measuring.scenario {
                Scenario::SingleStream => None,
                Scenario::Offline => Some(format!(
                    "of single requests: a call is one of up to {} rows",
                    self.spec.entries.batch_size
                )),
            },
            EntryKind::Script => Some(
                "a script answers all test rows in one run; single requests are not timed"
                    .to_owned(),
            ),
        };
        missing.extend(single.map(|why| ("Latency", why)));
        if result.summary.inference.is_none() {
            missing.push((
                "Phases",
                "a script’s start-up and inference cannot be told apart from outside".to_owned(),
            ));
        }
        let Precision {
            cost,
            later_failure,
        } = &result.precision;
        let trials = figures::counted(i64::from(result.summary.trials), "trial");
        match (later_failure, cost) {
            (Some(code), _) => missing.push((
                "Range of ranks",
                format!("none is claimed, because a later trial failed ({code})"),
            )),
            (None, None) => missing.push((
                "Range of ranks",
                format!("{trials} are too few to say how sure the median is; eight are needed"),
            )),
            (None, Some(_)) => {}
        }
        missing
    }

    fn session(&self) -> Option<SessionFacts<'_>> {
        self.session.as_ref().map(SessionFacts)
    }

    fn measurement(&self) -> Measurement<'_> {
        Measurement {
            trials: &self.trials,
            window: self.spec.measuring.window,
            cost: self.spec.efficiency.cost,
            cost_interval: (self.submission.result.as_ref())
                .and_then(|result| result.precision.cost),
        }
    }
}

pub async fn show(
    app: Data<App>,
    id: Path<SubmissionId>,
    frame: Frame,
) -> Result<ReportPage, PageError> {
    let submission = find_submission(&app, *id).await?;
    let competition = db::competitions::find(&app.db, submission.competition)
        .await?
        .ok_or_else(|| Problem::not_found("such competition"))?;
    let is_own = match frame.viewer() {
        Some(viewer) => db::teams::find_of_user(&app.db, competition.id, viewer.id)
            .await?
            .is_some_and(|team| team.id == submission.team),
        None => false,
    };
    let smoke = match is_own || frame.is_host() {
        true => db::sessions::find_smoke_run(&app.db, submission.job).await?,
        false => None,
    };
    let hidden_runs = match frame.is_host() {
        true => db::sessions::list_hidden_runs(&app.db, submission.job).await?,
        false => Vec::new(),
    };
    let board = match &submission.result {
        Some(result) => Some(find_board(&app, &competition, &result.hardware_class).await?),
        None => None,
    };
    let now = app.clock.now();
    let progress = match submission.status.is_final() {
        true => None,
        false => {
            let outlook = live::look_for(&app, &submission).await?;
            Progress::new(&submission, &outlook, now, is_own)
        }
    };
    Ok(ReportPage {
        progress,
        trials: db::sessions::list_trials(&app.db, submission.id).await?,
        session: db::sessions::list(&app.db, submission.id).await?.pop(),
        model: match submission.kind {
            EntryKind::Onnx | EntryKind::Tflite => ModelFacts::read(&submission.model),
            EntryKind::Predict | EntryKind::Script => None,
        },
        script: match submission.kind {
            EntryKind::Onnx | EntryKind::Tflite => None,
            EntryKind::Predict | EntryKind::Script => ScriptFacts::read(&submission.model),
        },
        spec: competition.spec,
        frame,
        submission,
        board,
        smoke,
        hidden_runs,
        is_own,
        now,
    })
}
