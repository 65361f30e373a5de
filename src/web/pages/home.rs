//! The first page: all competitions, each with its leader and a small picture of its board.

use std::sync::Arc;

use actix_web::web::Data;
use askama::Template;
use askama_web::WebTemplate;
use chrono::{DateTime, Utc};

use super::competition::{cost_in_words, cost_on_board};
use super::error::PageError;
use super::figures::{self, Day, Figure};
use super::frame::Frame;
use super::masthead::Stage;
use super::scatter::Miniature;
use crate::db;
use crate::db::boards::BoardLine;
use crate::db::competitions::Listed;
use crate::domain::ranking::Board;
use crate::domain::split::Split;
use crate::web::App;
use crate::web::boards::{self, BoardScale, BoardView, Wanted};

/// Competitions with a picture; each further one would cost another board in memory.
const PICTURES: usize = 30;

#[derive(Template, WebTemplate)]
#[template(path = "home.html")]
pub struct HomePage {
    frame: Frame,
    cards: Vec<Card>,
}

/// A competition, as it is presented to those who have not chosen yet.
struct Card {
    listed: Listed,
    stage: Stage,
    now: DateTime<Utc>,
    /// Its public efficiency board.
    board: Option<Arc<BoardView>>,
}

impl Card {
    fn address(&self) -> String {
        format!("/competitions/{}", self.listed.spec.slug)
    }

    fn teams(&self) -> String {
        figures::counted(self.listed.teams, "team")
    }

    fn submissions(&self) -> String {
        figures::counted(self.listed.submissions, "submission")
    }

    /// Until it changes: "closes in 12 days".
    fn deadline(&self) -> String {
        let (verb, at) = match self.stage {
            Stage::OpensAt(at) => ("opens", at),
            Stage::Open {
                closes_at: Some(at),
            } => ("closes", at),
            Stage::Open { closes_at: None } => return "open, no deadline".to_owned(),
            Stage::ClosedAt(at) => ("closed", at),
        };
        format!("{verb} {}", figures::from_now(self.now, at))
    }

    fn day(&self) -> Option<Day> {
        match self.stage {
            Stage::OpensAt(at) | Stage::ClosedAt(at) => Some(Day::of(at)),
            Stage::Open { closes_at } => closes_at.map(Day::of),
        }
    }

    fn cost_name(&self) -> &'static str {
        let cost = self.listed.spec.efficiency.cost;
        match &self.board {
            Some(board) => cost_on_board(cost, &board.scale),
            None => cost_in_words(cost),
        }
    }

    fn leader(&self) -> Option<&BoardLine> {
        let mut lines = self.board.as_ref()?.lines.iter();
        lines.find(|line| line.rank == Some(1))
    }

    fn leader_score(&self, leader: &BoardLine) -> String {
        figures::score(self.listed.spec.metric.name, leader.score)
    }

    fn leader_cost(&self, leader: &BoardLine) -> Option<Figure> {
        leader.cost.map(figures::amount)
    }

    /// Whether what its leader costs was made up.
    fn is_simulated(&self) -> bool {
        match self.board.as_ref().map(|board| &board.scale) {
            Some(BoardScale::Frozen(scale)) => scale.is_simulated(),
            Some(BoardScale::Pending | BoardScale::Degenerate(_)) | None => false,
        }
    }

    /// Drawn once for each version of the board.
    fn picture(&self) -> Option<&str> {
        let board = self.board.as_ref()?;
        let draw = || {
            let picture = Miniature::new(&self.listed.spec.metric, self.cost_name(), &board.lines)?;
            picture.render().ok()
        };
        board.picture.get_or_init(draw).as_deref()
    }

    fn has_public_starter(&self) -> bool {
        let mut starters = self.listed.spec.starter.iter();
        starters.any(|starter| starter.public)
    }
}

impl HomePage {
    /// Where somebody new begins: the first competition that is open, best with a starter.
    fn way_in(&self) -> Option<&Card> {
        let open = || self.cards.iter().filter(|card| card.stage.is_open());
        open()
            .find(|card| card.has_public_starter())
            .or_else(|| open().next())
    }
}

pub async fn show(app: Data<App>, frame: Frame) -> Result<HomePage, PageError> {
    let now = app.clock.now();
    let mut cards = Vec::new();
    for listed in db::competitions::list(&app.db, now).await? {
        let wanted = Wanted {
            board: Board::Efficiency,
            split: Split::Public,
            hardware_class: None,
        };
        let board = match cards.len() {
            drawn if drawn < PICTURES => {
                Some(boards::find(&app, listed.spec.slug.as_str(), None, wanted).await?)
            }
            _ => None,
        };
        cards.push(Card {
            stage: Stage::of(&listed.spec, now),
            listed,
            now,
            board,
        });
    }
    Ok(HomePage { frame, cards })
}
