//! Leaderboards, served from memory. A board is read anew when the database says that it was
//! ranked, and every few seconds in case that was not heard. One request at a time reads it; whoever
//! comes meanwhile is given the former one.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use actix_web::web::Data;
use serde::Deserialize;
use tokio::sync::OnceCell;

use super::App;
use super::bodies::KeptBody;
use super::error::{Error, Problem};
use super::lookups::find_competition;
use crate::db;
use crate::db::accounts::User;
use crate::db::boards::{BoardKey, BoardLine};
use crate::db::competitions::Competition;
use crate::db::notifications::{BOARDS, Heard, Listener};
use crate::domain::efficiency::Scale;
use crate::domain::ids::CompetitionId;
use crate::domain::ranking::Board;
use crate::domain::split::Split;

/// After this time a board is read anew whether or not it was ranked.
const FRESH_FOR: Duration = Duration::from_secs(5);
/// Boards kept at once; they are all dropped when there are more.
const BOARDS_KEPT: usize = 1000;

/// A board with all that is shown of it.
#[derive(Debug)]
pub struct BoardView {
    pub competition: Competition,
    pub board: Board,
    pub split: Split,
    /// `None` before the first entry is scored.
    pub hardware_class: Option<String>,
    /// All that have scored entries, the fullest first.
    pub hardware_classes: Vec<String>,
    pub scale: BoardScale,
    pub lines: Vec<BoardLine>,
    /// The board as JSON and as the page of somebody who is not signed in, once asked for.
    pub json: OnceLock<KeptBody>,
    pub page: OnceCell<KeptBody>,
    /// The board as a small picture, once asked for; `None` where there is nothing to compare.
    pub picture: OnceLock<Option<String>>,
}

/// The constants of the formula, or why there are none.
#[derive(Debug)]
pub enum BoardScale {
    Frozen(Scale),
    /// The reference entry is not scored yet.
    Pending,
    /// The formula divides by nothing here; the sentence says why.
    Degenerate(String),
}

/// Which board a request asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wanted {
    pub board: Board,
    pub split: Split,
    /// Without one, the class with the most entries.
    pub hardware_class: Option<String>,
}

/// The query of a leaderboard's address.
#[derive(Debug, Deserialize)]
pub struct BoardQuery {
    board: Option<Board>,
    split: Option<Split>,
    hardware_class: Option<String>,
}

impl BoardQuery {
    /// What is asked for; a competition opens on its efficiency board and the public split.
    pub fn wanted(self) -> Wanted {
        Wanted {
            board: self.board.unwrap_or(Board::Efficiency),
            split: self.split.unwrap_or(Split::Public),
            hardware_class: self.hardware_class,
        }
    }
}

/// A board of the competition with this slug.
type Key = (String, Wanted);

struct Kept {
    view: Arc<BoardView>,
    /// Just before it was.
    read_at: Instant,
    /// From then on the next who asks reads it anew.
    stale_at: Instant,
}

#[derive(Default)]
pub struct BoardCache(RwLock<HashMap<Key, Kept>>);

impl BoardCache {
    /// The board, unless the caller is to read it anew.
    fn find(&self, key: &Key) -> Option<Arc<BoardView>> {
        let now = Instant::now();
        if let Some(kept) = self.read().get(key)
            && now < kept.stale_at
        {
            return Some(Arc::clone(&kept.view));
        }
        let mut boards = self.write();
        let kept = boards.get_mut(key)?;
        if now < kept.stale_at {
            return Some(Arc::clone(&kept.view));
        }
        // The caller reads; should that fail, somebody else does later.
        kept.stale_at = now + FRESH_FOR;
        None
    }

    fn insert(&self, key: Key, read_at: Instant, view: Arc<BoardView>) {
        let mut boards = self.write();
        let former = boards.get(&key);
        if former.is_some_and(|former| read_at < former.read_at) {
            return;
        }
        // It was ranked while it was read, and nobody knows which came first.
        let is_stale = former.is_some_and(|former| former.stale_at <= Instant::now());
        let stale_at = if is_stale {
            read_at
        } else {
            read_at + FRESH_FOR
        };
        if boards.len() >= BOARDS_KEPT {
            boards.clear();
        }
        boards.insert(
            key,
            Kept {
                view,
                read_at,
                stale_at,
            },
        );
    }

    /// Marks a competition's boards as stale, or all.
    fn expire(&self, competition: Option<CompetitionId>) {
        let now = Instant::now();
        for kept in self.write().values_mut() {
            if competition.is_none_or(|expired| kept.view.competition.id == expired) {
                kept.stale_at = now;
            }
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<Key, Kept>> {
        self.0
            .read()
            .expect("no thread panics while it holds the boards")
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Key, Kept>> {
        self.0
            .write()
            .expect("no thread panics while it holds the boards")
    }
}

/// A board of the competition with this slug. The private split is for hosts only.
///
/// # Errors
/// 403 for the private split, 404 for no such competition and for a hardware class without entries.
pub async fn find(
    app: &App,
    slug: &str,
    viewer: Option<&User>,
    wanted: Wanted,
) -> Result<Arc<BoardView>, Error> {
    if wanted.split == Split::Private && !viewer.is_some_and(|viewer| viewer.is_host) {
        return Err(
            Problem::forbidden("private_split", "The private board is for hosts only.").into(),
        );
    }
    let key = (slug.to_owned(), wanted);
    if let Some(view) = app.boards.find(&key) {
        return Ok(view);
    }
    let read_at = Instant::now();
    let view = Arc::new(read(app, slug, &key.1).await?);
    // What nobody has entries in is an error above, so strangers cannot fill the memory.
    app.boards.insert(key, read_at, Arc::clone(&view));
    Ok(view)
}

async fn read(app: &App, slug: &str, wanted: &Wanted) -> Result<BoardView, Error> {
    let competition = find_competition(app, slug).await?;
    let hardware_classes = db::boards::list_hardware_classes(&app.db, competition.id).await?;
    let hardware_class = match &wanted.hardware_class {
        Some(class) if hardware_classes.contains(class) => Some(class.clone()),
        Some(_) => {
            return Err(Problem::not_found("such hardware class in this competition").into());
        }
        None => hardware_classes.first().cloned(),
    };
    let mut view = BoardView {
        competition,
        board: wanted.board,
        split: wanted.split,
        hardware_class: None,
        hardware_classes,
        scale: BoardScale::Pending,
        lines: Vec::new(),
        json: OnceLock::new(),
        page: OnceCell::new(),
        picture: OnceLock::new(),
    };
    if let Some(class) = hardware_class {
        let scale =
            db::boards::find_scale(&app.db, view.competition.id, &class, wanted.split).await?;
        view.scale = match scale {
            Some(Ok(scale)) => BoardScale::Frozen(scale),
            Some(Err(reason)) => BoardScale::Degenerate(reason),
            None => BoardScale::Pending,
        };
        let key = BoardKey {
            competition: view.competition.id,
            hardware_class: class,
            split: wanted.split,
            board: wanted.board,
        };
        view.lines = db::boards::list_standings(&app.db, &key).await?;
        view.hardware_class = Some(key.hardware_class);
    }
    Ok(view)
}

/// Expires boards as the database says that they were ranked. Runs as long as the server.
pub async fn follow(app: Data<App>) {
    loop {
        if let Err(error) = listen(&app).await {
            tracing::warn!(%error, "changes of boards cannot be heard; they are re-read by time");
        }
        tokio::time::sleep(FRESH_FOR).await;
    }
}

async fn listen(app: &App) -> Result<(), Error> {
    let mut listener = Listener::connect(&app.db, &[BOARDS]).await?;
    app.boards.expire(None);
    loop {
        match listener.next().await? {
            Heard::Notification { payload, .. } => app.boards.expire(payload.parse().ok()),
            Heard::Gap => app.boards.expire(None),
        }
    }
}
