//! `leanboard competition`: competitions from bundles.

mod check;
mod constant;
mod doubts;
mod metric_file;
mod new;

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use chrono::Utc;
use clap::Subcommand;
use nix::unistd::{User, geteuid};
use sqlx::PgPool;

use super::output::say;
use super::serve::become_account;
use super::{Failure, Settings, connect, tokio_runtime};
use crate::competitions::{Bundle, BundleFile, FileKind, columns};
use crate::db;
use crate::db::Inserted;
use crate::db::competitions::{Competition, CompetitionFile, Visibility};
use crate::db::jobs::Priority;
use crate::db::submissions::NewSubmission;
use crate::domain::competition::{EntryKind, EntryRules, Starter};
use crate::domain::digest::Digest;
use crate::domain::ids::{CompetitionId, SubmissionId};
use crate::domain::names;
use crate::domain::units::Bytes;
use crate::entries;
use crate::store::Store;

#[derive(Debug, Subcommand)]
pub enum CompetitionCommand {
    /// Write a bundle that works as it stands, to begin with
    New {
        /// The folder, new or empty; the competition gets its name
        dir: PathBuf,
    },
    /// Say everything that is wrong with a bundle, or what it holds
    Check {
        /// The folder with competition.toml
        dir: PathBuf,
    },
    /// Check a bundle and open its competition
    Create {
        /// The folder with competition.toml
        dir: PathBuf,
        /// As root: give up all rights and go on as this account
        #[arg(long, value_name = "ACCOUNT", hide = true)]
        run_as: Option<String>,
    },
}

impl CompetitionCommand {
    pub fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self {
            CompetitionCommand::New { dir } => new::write(&dir),
            CompetitionCommand::Check { dir } => check::check(&dir),
            CompetitionCommand::Create { dir, run_as } => {
                let url = settings.database_url()?;
                if let Some(account) = run_as {
                    become_account(&account)?;
                }
                tokio_runtime()?.block_on(create(settings, &url, &dir))
            }
        }
    }
}

/// Opens the competition of a bundle.
///
/// Root writes nothing into a store that belongs to somebody else, who could have put links there:
/// a child goes on as the store's owner, with a copy of the bundle.
pub async fn create(settings: &Settings, url: &str, folder: &Path) -> Result<(), Failure> {
    let bundle = read(folder)?;
    if let Some(owner) = owner_of_store(settings) {
        return create_as(settings, url, folder, &owner).await;
    }
    let pool = connect(url, 1).await?;
    let store = Store::local(&settings.data.store_dir()).map_err(|error| error.to_string())?;
    store_and_insert(&pool, &store, &bundle).await?;
    say(format!(
        "Created the competition {} with {} starter entries: /competitions/{}",
        bundle.spec.title,
        bundle.spec.starter.len(),
        bundle.spec.slug
    ))
}

/// Whose the store is, if we are root and it is not root's.
fn owner_of_store(settings: &Settings) -> Option<User> {
    let owner = fs::metadata(settings.data.store_dir()).ok()?.uid();
    let is_others = geteuid().is_root() && owner != 0;
    is_others.then(|| User::from_uid(owner.into()).ok().flatten())?
}

async fn create_as(
    settings: &Settings,
    url: &str,
    folder: &Path,
    owner: &User,
) -> Result<(), Failure> {
    let failed = |error: std::io::Error| format!("the bundle cannot be copied: {error}");
    let copy = tempfile::tempdir().map_err(failed)?;
    copy_folder(folder, copy.path()).map_err(failed)?;
    // The owner may read it, and nobody else.
    lchown(copy.path(), None, Some(owner.gid.as_raw())).map_err(failed)?;
    fs::set_permissions(copy.path(), fs::Permissions::from_mode(0o750)).map_err(failed)?;
    let program = std::env::current_exe().map_err(failed)?;
    let status = tokio::process::Command::new(program)
        .args(["competition", "create", "--run-as", &owner.name])
        .arg(copy.path())
        .env("DATABASE_URL", url)
        .env("LEANBOARD_DATA_DIR", settings.data.data_dir())
        .status()
        .await
        .map_err(failed)?;
    match status.success() {
        true => Ok(()),
        false => Err("the competition was not created".to_owned()),
    }
}

/// Plain files and folders: a bundle with anything else was refused when it was read.
fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            fs::create_dir(&target)?;
            copy_folder(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &target)?;
            fs::set_permissions(&target, fs::Permissions::from_mode(0o644))?;
        }
    }
    Ok(())
}

/// Reads and checks a bundle; what is wrong with it is said line by line.
fn read(folder: &Path) -> Result<Bundle, Failure> {
    let read = Bundle::read(folder).and_then(|bundle| match metric_file::look(&bundle) {
        Some(finding) => Err(vec![finding]),
        None => Ok(bundle),
    });
    read.map_err(|findings| {
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
    kind: EntryKind,
    model: serde_json::Value,
}

/// Stores a bundle's files, and queues its starter entries.
async fn store_and_insert(pool: &PgPool, store: &Store, bundle: &Bundle) -> Result<(), Failure> {
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
        let starter = bundle.spec.starter.iter().find(|s| s.file == file.path);
        let visibility = match file.kind {
            FileKind::Starter if starter.is_some_and(|starter| starter.public) => {
                Visibility::Public
            }
            FileKind::Public => Visibility::Public,
            FileKind::Hidden | FileKind::Starter => Visibility::Hidden,
        };
        if let Some(starter) = starter {
            let (kind, model) = check_starter(file, &bundle.spec.entries, Some(bundle))?;
            starters.push(Checked {
                starter,
                artifact: digest,
                size,
                kind,
                model,
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
fn check_starter(
    file: &BundleFile,
    rules: &EntryRules,
    bundle: Option<&Bundle>,
) -> Result<(EntryKind, serde_json::Value), Failure> {
    let opened = File::open(&file.absolute).map_err(|error| format!("{}: {error}", file.path))?;
    let checked = entries::check(opened, file.size, rules, &std::env::temp_dir())
        .map_err(|error| format!("{}: {error}", file.path))?
        .map_err(|rejection| format!("{}: {}", file.path, rejection.message))?;
    if let Some(bundle) = bundle {
        let columns = columns(&bundle.sample);
        let columns: Vec<_> = (columns.iter())
            .map(|(name, kind)| (name.as_str(), *kind))
            .collect();
        entries::fit::check(
            &checked,
            &columns,
            &bundle.spec.task,
            bundle.spec.most_rows(),
        )
        .map_err(|rejection| format!("{}: {}", file.path, rejection.message))?;
    }
    let model = serde_json::to_value(&checked).map_err(|error| error.to_string())?;
    Ok((checked.kind(), model))
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
        kind: checked.kind,
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
