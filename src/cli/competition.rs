//! `leanboard competition`: competitions from bundles.

use std::fs::File;
use std::path::{Path, PathBuf};

use chrono::Utc;
use clap::Subcommand;
use sqlx::PgPool;

use super::{Failure, Settings, tokio_runtime};
use crate::competitions::{Bundle, BundleFile, FileKind};
use crate::db;
use crate::db::Inserted;
use crate::db::competitions::{Competition, CompetitionFile, Visibility};
use crate::db::jobs::Priority;
use crate::db::submissions::NewSubmission;
use crate::domain::competition::{EntryKind, Starter};
use crate::domain::digest::Digest;
use crate::domain::ids::{CompetitionId, SubmissionId};
use crate::domain::names;
use crate::domain::units::Bytes;
use crate::entries;
use crate::store::Store;

#[derive(Debug, Subcommand)]
pub enum CompetitionCommand {
    /// Check a bundle and open its competition
    Create {
        /// The folder with competition.toml
        dir: PathBuf,
    },
}

impl CompetitionCommand {
    pub fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self {
            CompetitionCommand::Create { dir } => tokio_runtime()?.block_on(async {
                let bundle = read(&dir)?;
                let pool = settings.connect(1).await?;
                let store =
                    Store::local(&settings.data.store_dir()).map_err(|error| error.to_string())?;
                create(&pool, &store, &bundle).await?;
                println!(
                    "Created the competition {} with {} starter entries: /competitions/{}",
                    bundle.spec.title,
                    bundle.spec.starter.len(),
                    bundle.spec.slug
                );
                Ok(())
            }),
        }
    }
}

/// Reads and checks a bundle; what is wrong with it is said line by line.
pub fn read(folder: &Path) -> Result<Bundle, Failure> {
    Bundle::read(folder).map_err(|findings| {
        let lines: Vec<String> = findings
            .iter()
            .map(|finding| format!("  {finding}"))
            .collect();
        format!(
            "{} is no valid bundle:\n{}",
            folder.display(),
            lines.join("\n")
        )
    })
}

/// A starter entry that passed the door.
struct Checked<'a> {
    starter: &'a Starter,
    artifact: Digest,
    size: Bytes,
    model: serde_json::Value,
}

/// Opens a bundle's competition: stores its files, and queues its starter entries.
pub async fn create(pool: &PgPool, store: &Store, bundle: &Bundle) -> Result<(), Failure> {
    let slug = &bundle.spec.slug;
    let mut files = Vec::new();
    let mut starters = Vec::new();
    for file in &bundle.files {
        let (digest, size) = store
            .put_file(&file.absolute)
            .await
            .map_err(|error| error.to_string())?;
        let stored = CompetitionFile {
            path: file.path.clone(),
            digest,
            size,
        };
        let visibility = match file.kind {
            FileKind::Public => Visibility::Public,
            FileKind::Hidden | FileKind::Starter => Visibility::Hidden,
        };
        if let Some(starter) = bundle.spec.starter.iter().find(|s| s.file == file.path) {
            starters.push(Checked {
                starter,
                artifact: digest,
                size,
                model: check_starter(file)?,
            });
        }
        files.push((stored, visibility));
    }
    refuse_twins(&starters)?;
    let competition = Competition {
        id: CompetitionId::new(),
        spec: bundle.spec.clone(),
        description: bundle.description.clone(),
        rules: bundle.rules.clone(),
    };
    match insert(pool, &competition, &files, &starters).await {
        Ok(Inserted::New(())) => Ok(()),
        Ok(Inserted::Duplicate(())) => Err(format!(
            "there is a competition `{slug}` already; give this one another `slug`"
        )),
        Err(error) => Err(format!("the competition cannot be created: {error}")),
    }
}

/// The same bytes can be entered only once for a team.
fn refuse_twins(starters: &[Checked<'_>]) -> Result<(), Failure> {
    let mut seen = std::collections::HashSet::new();
    match starters
        .iter()
        .find(|checked| !seen.insert((&checked.starter.team, checked.artifact)))
    {
        Some(twin) => Err(format!(
            "{} has the same bytes as another starter of the team {}; leave one out",
            twin.starter.file, twin.starter.team
        )),
        None => Ok(()),
    }
}

/// The host's own entries pass the same door as everybody's.
fn check_starter(file: &BundleFile) -> Result<serde_json::Value, Failure> {
    let opened = File::open(&file.absolute).map_err(|error| format!("{}: {error}", file.path))?;
    let model = entries::onnx::check(opened, file.size)
        .map_err(|error| format!("{}: {error}", file.path))?
        .map_err(|rejection| format!("{}: {}", file.path, rejection.message))?;
    serde_json::to_value(model).map_err(|error| error.to_string())
}

async fn insert(
    pool: &PgPool,
    competition: &Competition,
    files: &[(CompetitionFile, Visibility)],
    starters: &[Checked<'_>],
) -> Result<Inserted<()>, db::Error> {
    let mut transaction = pool.begin().await?;
    let inserted = db::competitions::insert(&mut *transaction, competition).await?;
    if inserted == Inserted::Duplicate(()) {
        return Ok(inserted);
    }
    for (file, visibility) in files {
        db::competitions::insert_file(&mut *transaction, competition.id, file, *visibility).await?;
    }
    // In the order of competition.toml, so that the queue is in the host's order.
    for starter in &competition.spec.starter {
        let Some(checked) = starters
            .iter()
            .find(|checked| checked.starter.file == starter.file)
        else {
            continue;
        };
        insert_starter(&mut transaction, competition.id, checked).await?;
    }
    db::notifications::job_queued(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(inserted)
}

async fn insert_starter(
    transaction: &mut db::PgTransaction<'_>,
    competition: CompetitionId,
    checked: &Checked<'_>,
) -> Result<(), db::Error> {
    let starter = checked.starter;
    let team = db::teams::find_or_insert(&mut *transaction, competition, &starter.team).await?;
    let now = Utc::now();
    let id = SubmissionId::new();
    let submission = NewSubmission {
        id,
        competition,
        team: team.id,
        user: None,
        kind: EntryKind::Onnx,
        file_name: &names::clean_file_name(&starter.file),
        description: &starter.description,
        artifact: checked.artifact,
        artifact_size: checked.size,
        model: &checked.model,
        reference: starter.reference,
        submitted_at: now,
    };
    // Twins were refused above.
    if let Inserted::New(_) = db::submissions::insert(transaction, &submission).await? {
        let priority = if starter.reference {
            Priority::Reference
        } else {
            Priority::Seeded
        };
        db::jobs::insert(&mut **transaction, id, priority, now).await?;
    }
    Ok(())
}
