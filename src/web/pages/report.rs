//! The public report of one submission: where it stands, what it cost and how that was measured.

use std::sync::Arc;

use actix_web::web::{Data, Path};
use askama::Template;
use askama_web::WebTemplate;

use super::advice;
use super::competition::cost_in_words;
use super::drawings::TermsBar;
use super::energy::EnergyCell;
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
use crate::db::sessions::{RunLog, Session, SmokeRun};
use crate::db::submissions::{Scored, Submission};
use crate::domain::competition::{CompetitionSpec, EntryKind, Window};
use crate::domain::efficiency::Efficiency;
use crate::domain::ids::SubmissionId;
use crate::domain::submission::{Failure, Status};
use crate::domain::trial::Trial;
use crate::web::App;
use crate::web::boards::BoardView;
use crate::web::error::Problem;
use crate::web::live::Outlook;
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
}

impl ReportPage {
    fn title(&self) -> String {
        let state = match &self.progress {
            Some(progress) => progress.short(),
            None => self.submission.status.as_str(),
        };
        format!("#{} {state}", self.submission.number)
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

    fn fault(&self, failure: &Failure) -> &'static str {
        advice::fault(failure.class)
    }

    fn what_to_try(&self, failure: &Failure) -> &'static str {
        advice::what_to_try(failure)
    }

    fn score(&self, result: &Scored) -> String {
        figures::score(self.spec.metric.name, result.score_public)
    }

    /// For hosts until the competition is finalised.
    fn private_score(&self, result: &Scored) -> Option<String> {
        (self.frame.is_host()).then(|| figures::score(self.spec.metric.name, result.score_private))
    }

    fn cost(&self, result: &Scored) -> Option<Figure> {
        let window = result.summary.window(self.spec.measuring.window)?;
        Some(figures::duration(window.of(self.spec.efficiency.cost)))
    }

    fn cost_name(&self) -> &'static str {
        cost_in_words(self.spec.efficiency.cost)
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

    fn terms(&self, efficiency: &Efficiency) -> TermsBar {
        TermsBar::new(efficiency, efficiency.value.max(f64::MIN_POSITIVE))
    }

    fn session(&self) -> Option<SessionFacts<'_>> {
        self.session.as_ref().map(SessionFacts)
    }

    fn measurement(&self) -> Measurement<'_> {
        Measurement {
            trials: &self.trials,
            window: self.spec.measuring.window,
            cost: self.spec.efficiency.cost,
            cost_interval_s: (self.submission.result.as_ref())
                .and_then(|result| result.precision.cost_s),
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
    let progress = match submission.status.is_final() {
        true => None,
        // What a page shows of its own submission is never older than the page.
        false => Progress::new(
            &submission,
            &Outlook::read(&app).await?,
            app.clock.now(),
            is_own,
        ),
    };
    Ok(ReportPage {
        progress,
        trials: db::sessions::list_trials(&app.db, submission.id).await?,
        session: db::sessions::list(&app.db, submission.id).await?.pop(),
        model: match submission.kind {
            EntryKind::Onnx => ModelFacts::read(&submission.model),
            EntryKind::Script => None,
        },
        script: match submission.kind {
            EntryKind::Onnx => None,
            EntryKind::Script => ScriptFacts::read(&submission.model),
        },
        spec: competition.spec,
        frame,
        submission,
        board,
        smoke,
        hidden_runs,
    })
}
