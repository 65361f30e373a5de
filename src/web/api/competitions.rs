//! Competitions and their leaderboards.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::energy::EnergyDocument;
use super::submissions::{AmountDocument, AmountIntervalDocument, CostDocument};
use crate::db;
use crate::db::boards::BoardLine;
use crate::domain::competition::{CompetitionSpec, Cost, EntryKind, Form, Metric, Profile, Window};
use crate::domain::competition::{Direction, TaskKind};
use crate::domain::cost::{EnergyKind, Unit};
use crate::domain::efficiency::{Scale, Unranked};
use crate::domain::ids::{SubmissionId, SubmissionNumber, TeamId};
use crate::domain::limits::Limits;
use crate::domain::ranking::Board;
use crate::domain::split::Split;
use crate::web::App;
use crate::web::auth::Viewer;
use crate::web::boards::{self, BoardQuery, BoardScale, BoardView};
use crate::web::bodies::KeptBody;
use crate::web::error::ApiError;
use crate::web::lookups::find_competition;

#[derive(Serialize)]
struct CompetitionDocument {
    slug: String,
    title: String,
    summary: String,
    opens_at: DateTime<Utc>,
    closes_at: Option<DateTime<Utc>>,
    open: bool,
    demo: bool,
    daily_limit: u32,
    metric: Metric,
    /// With its parameters, as pages name it.
    metric_title: String,
    direction: Direction,
    benchmark: f64,
    task: TaskKind,
    kinds: Vec<EntryKind>,
    max_size_bytes: u64,
    batch_size: u32,
    max_batch_size: u32,
    limits: Limits,
    profile: Profile,
    window: Window,
    cost: Cost,
    form: Form,
    #[serde(skip_serializing_if = "Option::is_none")]
    teams: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    submissions: Option<i64>,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<FileDocument>>,
}

#[derive(Serialize)]
struct FileDocument {
    path: String,
    size_bytes: u64,
    digest: crate::domain::digest::Digest,
    url: String,
}

impl CompetitionDocument {
    fn of(spec: &CompetitionSpec, now: DateTime<Utc>) -> CompetitionDocument {
        CompetitionDocument {
            slug: spec.slug.to_string(),
            title: spec.title.clone(),
            summary: spec.summary.clone(),
            opens_at: spec.opens_at,
            closes_at: spec.closes_at,
            open: spec.is_open(now),
            demo: spec.demo,
            daily_limit: spec.daily_limit,
            metric: spec.metric.name,
            metric_title: spec.metric.to_string(),
            direction: spec.metric.direction(),
            benchmark: spec.metric.benchmark,
            task: spec.task.kind,
            kinds: spec.entries.kinds.clone(),
            max_size_bytes: spec.entries.max_size().as_u64(),
            batch_size: spec.entries.batch_size,
            max_batch_size: spec.most_rows(),
            limits: spec.limits.clone(),
            profile: spec.measuring.profile,
            window: spec.measuring.window,
            cost: spec.efficiency.cost,
            form: spec.efficiency.form,
            teams: None,
            submissions: None,
            url: format!("/competitions/{}", spec.slug),
            files: None,
        }
    }
}

pub async fn list(app: Data<App>) -> Result<HttpResponse, ApiError> {
    #[derive(Serialize)]
    struct List {
        competitions: Vec<CompetitionDocument>,
    }
    let now = app.clock.now();
    let competitions = db::competitions::list(&app.db, now)
        .await?
        .into_iter()
        .map(|listed| CompetitionDocument {
            teams: Some(listed.teams),
            submissions: Some(listed.submissions),
            ..CompetitionDocument::of(&listed.spec, now)
        })
        .collect();
    Ok(HttpResponse::Ok().json(List { competitions }))
}

pub async fn show(app: Data<App>, slug: Path<String>) -> Result<HttpResponse, ApiError> {
    let competition = find_competition(&app, &slug).await?;
    let files = db::competitions::list_public_files(&app.db, competition.id).await?;
    let document = CompetitionDocument {
        files: Some(
            files
                .into_iter()
                .map(|file| FileDocument {
                    url: format!("/competitions/{slug}/{}", file.path),
                    size_bytes: file.size.as_u64(),
                    digest: file.digest,
                    path: file.path,
                })
                .collect(),
        ),
        ..CompetitionDocument::of(&competition.spec, app.clock.now())
    };
    Ok(HttpResponse::Ok().json(document))
}

#[derive(Serialize)]
struct LeaderboardDocument<'a> {
    competition: &'a str,
    board: Board,
    split: Split,
    hardware_class: Option<&'a str>,
    /// Whether it was measured without all the walls, and so compares with nothing.
    degraded: bool,
    hardware_classes: &'a [String],
    formula: FormulaDocument<'a>,
    standings: Vec<StandingDocument<'a>>,
}

#[derive(Serialize)]
struct FormulaDocument<'a> {
    form: Form,
    expression: &'static str,
    better: &'static str,
    cost: Cost,
    window: Window,
    metric: Metric,
    /// With its parameters, as pages name it.
    metric_title: String,
    direction: Direction,
    /// What costs are counted in.
    cost_unit: Unit,
    /// Null until the reference entry is scored, or where the formula is degenerate.
    constants: Option<ConstantsDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_no_constants: Option<&'a str>,
}

/// Amounts of cost are there in the unit that their name says.
#[derive(Serialize)]
struct ConstantsDocument<'a> {
    benchmark: f64,
    best: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference_cost_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference_cost_j: Option<f64>,
    halving_cost_is_worth: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_scale_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_scale_j: Option<f64>,
    /// How the reference's energy was measured: only what is alike is ranked.
    #[serde(skip_serializing_if = "Option::is_none")]
    energy: Option<&'a EnergyKind>,
}

impl<'a> From<&'a Scale> for ConstantsDocument<'a> {
    fn from(scale: &'a Scale) -> ConstantsDocument<'a> {
        let reference_cost = scale.amount(scale.reference_cost);
        let cost_scale = scale.amount(scale.cost_scale);
        ConstantsDocument {
            benchmark: scale.benchmark,
            best: scale.best,
            reference_cost_s: reference_cost.in_seconds(),
            reference_cost_j: reference_cost.in_joules(),
            halving_cost_is_worth: scale.halving_cost_is_worth,
            cost_scale_s: cost_scale.in_seconds(),
            cost_scale_j: cost_scale.in_joules(),
            energy: scale.energy.as_ref(),
        }
    }
}

#[derive(Serialize)]
struct StandingDocument<'a> {
    place: i32,
    /// Null for a line that is listed but has no rank.
    rank: Option<i32>,
    /// The ranks that what was measured leaves open; null where no range is claimed.
    rank_best: Option<u32>,
    rank_worst: Option<u32>,
    team_id: TeamId,
    team: &'a str,
    submission: SubmissionId,
    number: SubmissionNumber,
    reference: bool,
    submitted_at: DateTime<Utc>,
    score: f64,
    /// Where it may lie with 95 % confidence, for other test rows of the kind; null of metrics that
    /// are no mean over rows.
    score_low: Option<f64>,
    score_high: Option<f64>,
    #[serde(flatten)]
    cost: AmountDocument,
    #[serde(flatten)]
    cost_interval: AmountIntervalDocument,
    efficiency: Option<f64>,
    efficiency_low: Option<f64>,
    efficiency_high: Option<f64>,
    quality: Option<f64>,
    quality_term: Option<f64>,
    cost_term: Option<f64>,
    unranked: Option<Unranked>,
    inference: Option<CostDocument>,
    total: CostDocument,
    peak_memory_bytes: u64,
    file_size_bytes: u64,
    /// Rows that a model was given at once; null for code, and where it was not recorded.
    batch_size: Option<u32>,
    energy: EnergyDocument,
    trials: u32,
    profile: Profile,
    deterministic: bool,
    /// The code of the failure of a trial made after the evaluation.
    later_failure: Option<&'a str>,
    entries: i64,
}

impl<'a> StandingDocument<'a> {
    fn of(line: &'a BoardLine, cost: Cost) -> StandingDocument<'a> {
        let efficiency = line.efficiency.as_ref().ok();
        StandingDocument {
            place: line.place,
            rank: line.rank,
            rank_best: line.range.map(|range| range.best),
            rank_worst: line.range.map(|range| range.worst),
            team_id: line.team,
            team: &line.team_name,
            submission: line.submission,
            number: line.number,
            reference: line.reference,
            submitted_at: line.submitted_at,
            score: line.score,
            score_low: line.score_interval.map(|interval| interval.low),
            score_high: line.score_interval.map(|interval| interval.high),
            cost: line.cost.into(),
            cost_interval: AmountIntervalDocument::of(cost, line.precision.cost),
            efficiency: efficiency.map(|e| e.value),
            efficiency_low: line.efficiency_interval.map(|interval| interval.low),
            efficiency_high: line.efficiency_interval.map(|interval| interval.high),
            quality: efficiency.map(|e| e.quality),
            quality_term: efficiency.map(|e| e.quality_term),
            cost_term: efficiency.map(|e| e.cost_term),
            unranked: line.efficiency.as_ref().err().copied(),
            inference: line.summary.inference.map(CostDocument::from),
            total: CostDocument::from(line.summary.total),
            peak_memory_bytes: line.summary.peak_memory.as_u64(),
            file_size_bytes: line.artifact_size.as_u64(),
            batch_size: line.batch_size,
            energy: EnergyDocument::from(&line.summary.energy),
            trials: line.summary.trials,
            profile: line.precision.profile(),
            deterministic: line.summary.deterministic,
            later_failure: line.precision.later_failure.as_deref(),
            entries: line.entries,
        }
    }
}

pub async fn leaderboard(
    app: Data<App>,
    slug: Path<String>,
    query: Query<BoardQuery>,
    Viewer(viewer): Viewer,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let wanted = query.into_inner().wanted();
    let view = boards::find(&app, &slug, viewer.as_ref(), wanted).await?;
    let body = view.json.get_or_init(|| document(&view));
    Ok(body.answer("application/json", &request))
}

fn document(view: &BoardView) -> KeptBody {
    let spec = &view.competition.spec;
    let cost = spec.efficiency.cost;
    let (constants, why_no_constants) = match &view.scale {
        BoardScale::Frozen(scale) => (Some(scale.into()), None),
        BoardScale::Pending => (None, Some("the reference entry has not been measured yet")),
        BoardScale::Degenerate(reason) => (None, Some(reason.as_str())),
    };
    let document = LeaderboardDocument {
        competition: spec.slug.as_str(),
        board: view.board,
        split: view.split,
        hardware_class: view.hardware_class.as_deref(),
        degraded: view.is_degraded(),
        hardware_classes: &view.hardware_classes,
        formula: FormulaDocument {
            form: spec.efficiency.form,
            expression: match cost.unit() {
                Unit::Seconds => {
                    "(1 - (score - benchmark) / (best - benchmark)) + cost_s / cost_scale_s"
                }
                Unit::Joules => {
                    "(1 - (score - benchmark) / (best - benchmark)) + cost_j / cost_scale_j"
                }
            },
            better: "lower",
            cost,
            cost_unit: cost.unit(),
            window: spec.measuring.window,
            metric: spec.metric.name,
            metric_title: spec.metric.to_string(),
            direction: spec.metric.direction(),
            constants,
            why_no_constants,
        },
        standings: (view.lines.iter())
            .map(|line| StandingDocument::of(line, cost))
            .collect(),
    };
    KeptBody::new(serde_json::to_vec(&document).expect("a board is numbers and texts"))
}
