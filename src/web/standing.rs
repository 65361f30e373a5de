//! Where one submission stands on the efficiency board: also one that is not its team's best.

use std::sync::Arc;

use crate::db::competitions::Competition;
use crate::db::submissions::{Scored, Submission};
use crate::domain::competition::CompetitionSpec;
use crate::domain::cost::RankedCost;
use crate::domain::efficiency::{Efficiency, Gap, Unranked};
use crate::domain::ids::{SubmissionId, SubmissionNumber};
use crate::domain::ranking::{Board, RankRange};
use crate::domain::split::Split;
use crate::web::App;
use crate::web::boards::{self, BoardScale, BoardView, Wanted};
use crate::web::error::Error;

#[derive(Debug)]
pub struct Standing {
    pub efficiency: Result<Efficiency, Unranked>,
    pub place: Place,
    /// The ranks that what was measured leaves open.
    pub range: Option<RankRange>,
    /// The line before its own, or its team's better one.
    pub next: Option<Next>,
}

/// Whom it would have to pass, and what that would take.
#[derive(Debug)]
pub struct Next {
    pub submission: SubmissionId,
    pub team: String,
    /// `None` where it is its own team's.
    pub rank: Option<i32>,
    pub gap: Gap,
}

#[derive(Debug)]
pub enum Place {
    /// It is its team's line.
    Ranked(i32),
    /// Another of its team's submissions is.
    Behind {
        id: SubmissionId,
        number: SubmissionNumber,
    },
    /// Listed without a rank, or not listed yet.
    Unranked,
}

impl Standing {
    /// What is claimed of the rank beyond itself.
    pub fn range_text(&self) -> Option<String> {
        let RankRange { best, worst } = self.range?;
        Some(if best == worst {
            "certain, to 99 %".to_owned()
        } else {
            format!("{best}–{worst} with 99 % confidence")
        })
    }

    /// Where a scored submission stands on this board.
    pub fn of(
        submission: &Submission,
        result: &Scored,
        spec: &CompetitionSpec,
        board: &BoardView,
    ) -> Standing {
        let ranked = (result.summary).ranked_cost(spec.measuring.window, spec.efficiency.cost);
        let cost = ranked.ok();
        let efficiency = match &board.scale {
            BoardScale::Frozen(scale) => scale.efficiency_of(result.score_public, cost.as_ref()),
            BoardScale::Pending => Err(Unranked::ScalePending),
            BoardScale::Degenerate(_) => Err(Unranked::ScaleDegenerate),
        };
        let line = (board.lines.iter()).find(|line| line.team == submission.team);
        let place = match line {
            Some(line) if line.submission != submission.id => Place::Behind {
                id: line.submission,
                number: line.number,
            },
            Some(line) => line.rank.map_or(Place::Unranked, Place::Ranked),
            None => Place::Unranked,
        };
        let range = match &place {
            Place::Ranked(_) => line.and_then(|line| line.range),
            Place::Behind { .. } | Place::Unranked => None,
        };
        let next = next(result, spec, cost.as_ref(), board, &place);
        Standing {
            efficiency,
            place,
            range,
            next,
        }
    }
}

fn next(
    result: &Scored,
    spec: &CompetitionSpec,
    cost: Option<&RankedCost>,
    board: &BoardView,
    place: &Place,
) -> Option<Next> {
    let BoardScale::Frozen(scale) = &board.scale else {
        return None;
    };
    let mut lines = board.lines.iter();
    let (ahead, rank) = match place {
        Place::Ranked(rank) => {
            let ahead = lines.find(|line| line.rank == Some(rank - 1))?;
            (ahead, ahead.rank)
        }
        Place::Behind { id, .. } => (lines.find(|line| line.submission == *id)?, None),
        Place::Unranked => return None,
    };
    let value = ahead.efficiency.as_ref().ok()?.value;
    let perfect = spec.metric.name.perfect();
    Some(Next {
        submission: ahead.submission,
        team: ahead.team_name.clone(),
        rank,
        gap: scale.gap(result.score_public, cost?.amount.value, value, perfect)?,
    })
}

/// The public efficiency board of a hardware class.
pub async fn find_board(
    app: &App,
    competition: &Competition,
    hardware_class: &str,
) -> Result<Arc<BoardView>, Error> {
    let wanted = Wanted {
        board: Board::Efficiency,
        split: Split::Public,
        hardware_class: Some(hardware_class.to_owned()),
    };
    boards::find(app, competition.spec.slug.as_str(), None, wanted).await
}
