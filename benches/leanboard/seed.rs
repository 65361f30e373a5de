//! A thousand teams, by the statements that the site and the runner use.

use chrono::{Duration, Utc};
use leanboard::db;
use leanboard::db::Inserted;
use leanboard::db::jobs::Priority;
use leanboard::db::sessions::StoredScores;
use leanboard::db::submissions::NewSubmission;
use leanboard::domain::competition::EntryKind;
use leanboard::domain::digest::Digest;
use leanboard::domain::energy::Energy;
use leanboard::domain::ids::SubmissionId;
use leanboard::domain::score::ScoreIntervals;
use leanboard::domain::trial::{PhaseCost, Summary};
use leanboard::domain::units::Bytes;
use serde_json::json;

use crate::Outcome;
use crate::service::COMPETITION;

/// Adds teams of one member with a scored submission each. They are on no board before the runner
/// ranks the competition the next time.
pub async fn insert_teams(pool: &sqlx::PgPool, teams: usize) -> Outcome<()> {
    let mut transaction = pool.begin().await?;
    let competition = db::competitions::find_by_slug(&mut *transaction, &COMPETITION.parse()?)
        .await?
        .ok_or("there is no competition")?;
    let classes = db::boards::list_hardware_classes(&mut *transaction, competition.id).await?;
    let class = classes.first().ok_or("nothing was measured yet")?;
    let model = json!({
        "ir_version": 8, "producer": "bench", "opsets": [], "inputs": [], "outputs": [],
        "node_count": 3, "parameter_count": 2410, "operators": ["MatMul"]
    });
    for number in 0..teams {
        let name = format!("{} {number}", NAMES[number % NAMES.len()]);
        let user = db::accounts::insert_user(&mut *transaction, &name, "none", false).await?;
        let Inserted::New(user) = user else {
            return Err(format!("there is a user {name} already").into());
        };
        let team = db::teams::find_or_enter(&mut transaction, competition.id, user, &name).await?;
        let now = Utc::now() - Duration::minutes(i64::try_from(number)?);
        let id = SubmissionId::new();
        let submission = NewSubmission {
            id,
            competition: competition.id,
            team: team.id,
            user: Some(user),
            kind: EntryKind::Onnx,
            file_name: "model.onnx",
            description: "",
            artifact: Digest::of(name.as_bytes()),
            artifact_size: Bytes::new(10_000 + 997 * number as u64),
            model: &model,
            reference: false,
            submitted_at: now,
        };
        db::submissions::insert(&mut transaction, &submission).await?;
        db::jobs::insert(&mut *transaction, id, Priority::Person, now).await?;
        let score = 0.80 + 0.19 * part(number, 0.618_034);
        let scores = StoredScores {
            public: score,
            private: score,
            all: score,
        };
        let summary = summary(2e-4 * 200f64.powf(part(number, 0.754_878)));
        db::sessions::insert_summary(
            &mut *transaction,
            id,
            class,
            scores,
            ScoreIntervals::default(),
            &summary,
            None,
            now,
        )
        .await?;
    }
    // Nobody can see them as queued before the transaction ends.
    sqlx::query(
        "update jobs
         set state = 'scored', attempt = 1, claimed_at = queued_at, finished_at = queued_at
         where state = 'queued'",
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(())
}

/// Names of the length that people choose.
const NAMES: [&str; 5] = [
    "Gradient Gardeners",
    "Ada",
    "The Quantised Quokkas",
    "lean & mean",
    "Prüfstand",
];

/// A number from 0 to 1, spread evenly over all teams and the same in each run.
fn part(number: usize, step: f64) -> f64 {
    (number as f64 * step).fract()
}

fn summary(cost_s: f64) -> Summary {
    let cost = |seconds: f64| PhaseCost {
        wall: std::time::Duration::from_secs_f64(seconds * 1.01),
        cpu: std::time::Duration::from_secs_f64(seconds),
    };
    Summary {
        inference: Some(cost(cost_s)),
        total: cost(cost_s + 0.21),
        peak_memory: Bytes::from_mib(61),
        energy: Energy::missing("this machine has no energy counter"),
        trials: 3,
        deterministic: true,
    }
}
