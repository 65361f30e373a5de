//! The reader's own submissions in a competition.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;
use askama_web::WebTemplate;

use super::error::PageError;
use super::figures::{self, Figure, Moment};
use super::frame::{Frame, OwnFrame};
use super::masthead::{Masthead, Tab};
use super::see_other;
use super::standing::Standing;
use crate::db;
use crate::db::competitions::Competition;
use crate::db::submissions::{Scored, Submission};
use crate::domain::competition::Cost;
use crate::domain::cost::why_unranked;
use crate::domain::efficiency::Unranked;
use crate::domain::energy::Energy;
use crate::domain::ids::SubmissionId;
use crate::domain::submission::Status;
use crate::web::App;
use crate::web::boards::BoardView;
use crate::web::lookups::{find_competition, find_submission};
use crate::web::uploads;

#[derive(Template, WebTemplate)]
#[template(path = "competitions/submissions.html")]
pub struct SubmissionsPage {
    frame: Frame,
    masthead: Masthead,
    submissions: Vec<Submission>,
    /// The efficiency board of each hardware class that has some of them.
    boards: HashMap<String, Arc<BoardView>>,
}

impl SubmissionsPage {
    fn status(&self, submission: &Submission) -> String {
        match submission.status {
            Status::Running(phase) => phase.to_string(),
            Status::Queued | Status::Scored | Status::Failed | Status::Cancelled => {
                submission.status.as_str().to_owned()
            }
        }
    }

    fn submitted(&self, submission: &Submission) -> Moment {
        Moment(submission.submitted_at)
    }

    fn score(&self, result: &Scored) -> String {
        figures::score(self.masthead.spec.metric.name, result.score_public)
    }

    fn cost(&self, result: &Scored) -> Option<Figure> {
        let spec = &self.masthead.spec;
        let cost = (result.summary).ranked_cost(spec.measuring.window, spec.efficiency.cost);
        Some(figures::amount(cost.ok()?.amount))
    }

    /// Whether the cost was made up.
    fn is_simulated(&self, result: &Scored) -> bool {
        match (self.masthead.spec.efficiency.cost, &result.summary.energy) {
            (Cost::Energy, Energy::Measured(energy)) => energy.simulated,
            (Cost::Energy, Energy::Missing { .. }) | (Cost::Cpu | Cost::Time, _) => false,
        }
    }

    fn why_unranked(&self, submission: &Submission, reason: &Unranked) -> String {
        let cost = self.masthead.spec.efficiency.cost;
        match &submission.result {
            Some(result) => why_unranked(*reason, cost, &result.summary.energy),
            None => reason.to_string(),
        }
    }

    fn standing(&self, submission: &Submission) -> Option<Standing> {
        let result = submission.result.as_ref()?;
        let board = self.boards.get(&result.hardware_class)?;
        Some(Standing::of(submission, result, &self.masthead.spec, board))
    }
}

/// Without an account the page is the way to one, as on the form.
pub async fn list_mine(
    app: Data<App>,
    slug: Path<String>,
    frame: Frame,
) -> Result<SubmissionsPage, PageError> {
    let competition = find_competition(&app, &slug).await?;
    let submissions = match frame.viewer() {
        Some(viewer) => list(&app, &competition, viewer.id).await?,
        None => Vec::new(),
    };
    let mut boards = HashMap::new();
    for result in submissions.iter().filter_map(|own| own.result.as_ref()) {
        let class = &result.hardware_class;
        if !boards.contains_key(class) {
            let board = super::standing::find_board(&app, &competition, class).await?;
            boards.insert(class.clone(), board);
        }
    }
    Ok(SubmissionsPage {
        frame,
        masthead: Masthead::new(&competition.spec, app.clock.now(), Tab::Submissions),
        submissions,
        boards,
    })
}

async fn list(
    app: &App,
    competition: &Competition,
    user: crate::domain::ids::UserId,
) -> Result<Vec<Submission>, crate::db::Error> {
    match db::teams::find_of_user(&app.db, competition.id, user).await? {
        Some(team) => db::submissions::list_of_team(&app.db, team.id).await,
        None => Ok(Vec::new()),
    }
}

pub async fn cancel(
    app: Data<App>,
    id: Path<SubmissionId>,
    OwnFrame { user, .. }: OwnFrame,
) -> Result<HttpResponse, PageError> {
    let submission = find_submission(&app, *id).await?;
    uploads::cancel(&app, &user, submission.id).await?;
    Ok(see_other(&format!("/submissions/{}", submission.id)))
}
