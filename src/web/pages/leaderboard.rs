//! A competition's leaderboard: the page that it opens on.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};

use super::HTML;
use super::competition::cost_on_board;
use super::drawings::{TermsBar, full_bar};
use super::energy::EnergyCell;
use super::error::PageError;
use super::figures::{self, Day, Figure};
use super::formula::Formula;
use super::frame::Frame;
use super::masthead::{Masthead, Tab};
use super::scatter::Scatter;
use super::under_way::UnderWay;
use crate::db;
use crate::db::boards::BoardLine;
use crate::domain::competition::{Cost, Direction, Metric, Window};
use crate::domain::cost::why_unranked;
use crate::domain::energy::Energy;
use crate::domain::ids::TeamId;
use crate::domain::ranking::{Board, RankRange};
use crate::domain::split::Split;
use crate::web::App;
use crate::web::boards::{self, BoardQuery, BoardScale, BoardView};
use crate::web::bodies::KeptBody;
use crate::web::live;

#[derive(Template)]
#[template(path = "competitions/leaderboard.html")]
struct LeaderboardPage<'a> {
    frame: Frame,
    masthead: Masthead,
    view: &'a BoardView,
    /// The reader's team, whose line is marked.
    own_team: Option<TeamId>,
    under_way: Option<UnderWay>,
    /// How many entries are being measured again while nobody waits, or will be.
    deepening: Option<i64>,
}

/// One line, with all that its cells show.
struct Row<'a> {
    line: &'a BoardLine,
    metric: Metric,
    window: Window,
    cost: Cost,
    /// The board's scale is a simulated one.
    is_all_simulated: bool,
    is_own: bool,
    /// Measured without all the walls.
    is_degraded: bool,
    /// Whether ranks depend on what was measured.
    is_by_efficiency: bool,
    /// Of the ranked entries.
    terms: Option<TermsBar>,
}

impl Row<'_> {
    fn class(&self) -> &'static str {
        match (self.is_own, self.line.reference) {
            (true, _) => "own",
            (false, true) => "reference",
            (false, false) => "",
        }
    }

    fn rank(&self) -> String {
        self.line
            .rank
            .map_or_else(|| "–".to_owned(), |rank| rank.to_string())
    }

    /// The ranks that are open: "(2–5)", "(3)" where no other is, "quick" where that is not known.
    fn range(&self) -> Option<RangeCell> {
        if !self.is_by_efficiency || self.line.rank.is_none() {
            return None;
        }
        let trials = figures::counted(i64::from(self.line.summary.trials), "trial");
        match self.line.range {
            Some(RankRange { best, worst }) if best == worst => Some(RangeCell {
                text: format!("({best})"),
                title: format!("no other rank, with 99 % confidence, by {trials}"),
            }),
            Some(RankRange { best, worst }) => Some(RangeCell {
                text: format!("({best}–{worst})"),
                title: format!(
                    "from rank {best} to rank {worst}, with 99 % confidence, by {trials}"
                ),
            }),
            None => Some(RangeCell {
                text: self.line.precision.profile().as_str().to_owned(),
                title: format!("{trials}: no range of ranks can be claimed"),
            }),
        }
    }

    /// Where the efficiency may lie.
    fn interval(&self) -> Option<String> {
        self.line.efficiency_interval.map(figures::efficiencies)
    }

    fn efficiency(&self) -> Result<String, String> {
        match &self.line.efficiency {
            Ok(efficiency) => Ok(figures::efficiency(efficiency.value)),
            Err(reason) => Err(why_unranked(*reason, self.cost, &self.line.summary.energy)),
        }
    }

    fn score(&self) -> String {
        figures::score(self.metric, self.line.score)
    }

    /// Where the score may lie.
    fn score_interval(&self) -> Option<String> {
        (self.line.score_interval).map(|interval| figures::scores(self.metric, interval))
    }

    fn cost(&self) -> Option<Figure> {
        self.line.cost.map(figures::amount)
    }

    /// Whether its cost was made up, where that is not said of the whole column.
    fn is_simulated(&self) -> bool {
        match (self.cost, &self.line.summary.energy) {
            (Cost::Energy, Energy::Measured(energy)) => energy.simulated && !self.is_all_simulated,
            (Cost::Energy, Energy::Missing { .. }) | (Cost::Cpu | Cost::Time, _) => false,
        }
    }

    /// Wall time of the window that the competition ranks by.
    fn runtime(&self) -> Option<Figure> {
        let cost = self.line.summary.window(self.window)?;
        Some(figures::duration(cost.wall))
    }

    fn cpu(&self) -> Option<Figure> {
        let cost = self.line.summary.window(self.window)?;
        Some(figures::duration(cost.cpu))
    }

    fn memory(&self) -> Figure {
        figures::bytes(self.line.summary.peak_memory)
    }

    fn size(&self) -> Figure {
        figures::bytes(self.line.artifact_size)
    }

    /// Rows at a time, of a model.
    fn batch_size(&self) -> Option<String> {
        let rows = self.line.batch_size?;
        Some(figures::count(u64::from(rows)))
    }

    fn energy(&self) -> EnergyCell<'_> {
        EnergyCell::new(&self.line.summary.energy)
    }

    fn submitted(&self) -> Day {
        Day::of(self.line.submitted_at)
    }
}

struct RangeCell {
    text: String,
    title: String,
}

/// A way to another view of the board.
struct Choice {
    title: &'static str,
    address: String,
    is_current: bool,
}

impl LeaderboardPage<'_> {
    fn has_score_intervals(&self) -> bool {
        let mut lines = self.view.lines.iter();
        lines.any(|line| line.score_interval.is_some())
    }

    fn metric(&self) -> Metric {
        self.masthead.spec.metric.name
    }

    fn is_score_board(&self) -> bool {
        self.view.board == Board::Score
    }

    /// The order of scores from the best on.
    fn score_order(&self) -> &'static str {
        match self.masthead.spec.metric.direction() {
            Direction::HigherIsBetter => "descending",
            Direction::LowerIsBetter => "ascending",
        }
    }

    fn boards(&self) -> Vec<Choice> {
        Board::ALL
            .into_iter()
            .map(|board| Choice {
                title: match board {
                    Board::Efficiency => "Efficiency",
                    Board::Score => "Score",
                },
                address: self.address_of(board, self.view.split),
                is_current: board == self.view.board,
            })
            .collect()
    }

    /// Hosts alone choose between the splits until the competition is finalised.
    fn splits(&self) -> Vec<Choice> {
        if !self.frame.is_host() {
            return Vec::new();
        }
        Split::ALL
            .into_iter()
            .map(|split| Choice {
                title: split.as_str(),
                address: self.address_of(self.view.board, split),
                is_current: split == self.view.split,
            })
            .collect()
    }

    fn address_of(&self, board: Board, split: Split) -> String {
        let mut query = Vec::new();
        if board != Board::Efficiency {
            query.push(format!("board={}", board.as_str()));
        }
        if split != Split::Public {
            query.push("split=private".to_owned());
        }
        if let Some(class) = self.view.hardware_class.as_ref()
            && self.view.hardware_classes.first() != Some(class)
        {
            let Ok(class) = askama::filters::urlencode(class);
            query.push(format!("hardware_class={class}"));
        }
        match query.as_slice() {
            [] => self.masthead.address(),
            _ => format!("{}?{}", self.masthead.address(), query.join("&")),
        }
    }

    fn has_several_classes(&self) -> bool {
        self.view.hardware_classes.len() > 1
    }

    fn is_shown_class(&self, class: &str) -> bool {
        self.view.hardware_class.as_deref() == Some(class)
    }

    fn cost_name(&self) -> &'static str {
        cost_on_board(self.masthead.spec.efficiency.cost, &self.view.scale)
    }

    fn window_name(&self) -> &'static str {
        match self.masthead.spec.measuring.window {
            Window::Inference => "per pass",
            Window::Total => "from start to exit",
        }
    }

    fn ranked(&self) -> Vec<Row<'_>> {
        self.rows(true)
    }

    fn unranked(&self) -> Vec<Row<'_>> {
        self.rows(false)
    }

    fn rows(&self, ranked: bool) -> Vec<Row<'_>> {
        let efficiencies: Vec<f64> = (self.view.lines.iter())
            .filter_map(|line| line.efficiency.as_ref().ok())
            .map(|efficiency| efficiency.value)
            .collect();
        let full = full_bar(&efficiencies);
        (self.view.lines.iter())
            .filter(|line| line.rank.is_some() == ranked)
            .map(|line| Row {
                line,
                metric: self.metric(),
                window: self.masthead.spec.measuring.window,
                cost: self.masthead.spec.efficiency.cost,
                is_all_simulated: self.is_simulated(),
                is_own: self.own_team == Some(line.team),
                is_degraded: self.view.is_degraded(),
                is_by_efficiency: !self.is_score_board(),
                terms: (line.efficiency.as_ref().ok())
                    .map(|efficiency| TermsBar::new(efficiency, full)),
            })
            .collect()
    }

    /// What was made up is no result, and the page says so before anything else.
    fn is_simulated(&self) -> bool {
        match &self.view.scale {
            BoardScale::Frozen(scale) => scale.is_simulated(),
            BoardScale::Pending | BoardScale::Degenerate(_) => false,
        }
    }

    fn is_pending(&self) -> bool {
        matches!(self.view.scale, BoardScale::Pending)
    }

    fn degenerate(&self) -> Option<&str> {
        match &self.view.scale {
            BoardScale::Degenerate(reason) => Some(reason),
            BoardScale::Frozen(_) | BoardScale::Pending => None,
        }
    }

    fn formula(&self) -> Option<Formula<'_>> {
        match &self.view.scale {
            BoardScale::Frozen(scale) => {
                Some(Formula::new(scale, &self.masthead.spec, &self.view.lines))
            }
            BoardScale::Pending | BoardScale::Degenerate(_) => None,
        }
    }

    fn scatter(&self) -> Option<Scatter> {
        match &self.view.scale {
            BoardScale::Frozen(scale) => Scatter::new(
                scale,
                &self.masthead.spec.metric,
                self.cost_name(),
                &self.view.lines,
                self.own_team,
            ),
            BoardScale::Pending | BoardScale::Degenerate(_) => None,
        }
    }

    /// What an idle runner does.
    fn deepening(&self) -> Option<String> {
        let entries = figures::counted(self.deepening?, "entry");
        Some(format!(
            "Nobody waits, so the runner measures {entries} again: more trials make ranges of ranks \
             narrower. An upload goes first."
        ))
    }

    fn icon(&self) -> String {
        self.frame.asset(match self.under_way {
            Some(_) => "favicon-running.svg",
            None => "favicon.svg",
        })
    }
}

pub async fn show(
    app: Data<App>,
    slug: Path<String>,
    query: Query<BoardQuery>,
    frame: Frame,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let wanted = query.into_inner().wanted();
    let view = boards::find(&app, &slug, frame.viewer(), wanted).await?;
    let outlook = app.live.outlook();
    let seen = outlook.of_competition(view.competition.id);
    let deepening = outlook.deepening(view.competition.id);
    let now = app.clock.now();
    if let Some(viewer) = frame.viewer() {
        let own_team = db::teams::find_of_user(&app.db, view.competition.id, viewer.id).await?;
        let body = render(
            &view,
            frame,
            now,
            own_team.map(|team| team.id),
            seen.as_ref(),
            deepening,
        )?;
        return Ok(HttpResponse::Ok().content_type(HTML).body(body));
    }
    let look = match (&seen, deepening) {
        (None, None) => 0,
        (Some(_), _) | (_, Some(_)) => outlook.number,
    };
    let page = view.page.find_or_make(look, || {
        render(&view, frame, now, None, seen.as_ref(), deepening).map(KeptBody::new)
    })?;
    Ok(page.answer(HTML, &request))
}

fn render(
    view: &BoardView,
    frame: Frame,
    now: DateTime<Utc>,
    own_team: Option<TeamId>,
    seen: Option<&live::UnderWay<'_>>,
    deepening: Option<i64>,
) -> Result<String, askama::Error> {
    let page = LeaderboardPage {
        frame,
        masthead: Masthead::new(&view.competition.spec, now, Tab::Leaderboard),
        view,
        own_team,
        under_way: seen.map(UnderWay::new),
        deepening,
    };
    page.render()
}
