//! Leaderboards, served from memory. A board is read anew when the database says that it was
//! ranked, and every few seconds in case that was not heard. One request at a time reads it; whoever
//! comes meanwhile is given the former one.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::App;
use super::bodies::KeptBody;
use super::error::{Error, Problem};
use super::lookups::find_competition;
use crate::db;
use crate::db::accounts::User;
use crate::db::boards::{BoardKey, BoardLine};
use crate::db::competitions::Competition;
use crate::domain::efficiency::Scale;
use crate::domain::hardware::is_degraded;
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
    /// The board as JSON, once asked for.
    pub json: OnceLock<KeptBody>,
    pub page: KeptPage,
    /// The board as a small picture, once asked for; `None` where there is nothing to compare.
    pub picture: OnceLock<Option<String>>,
}

impl BoardView {
    /// Whether its results were made without all the walls, and so compare with nothing.
    pub fn is_degraded(&self) -> bool {
        self.hardware_class.as_deref().is_some_and(is_degraded)
    }
}

/// The page of somebody who is not signed in, once asked for: with what was under way, by the number
/// of the look at it.
#[derive(Debug, Default)]
pub struct KeptPage(RwLock<Option<(u64, Arc<KeptBody>)>>);

impl KeptPage {
    /// The page, made anew if it shows another look.
    pub fn find_or_make<E>(
        &self,
        look: u64,
        make: impl FnOnce() -> Result<KeptBody, E>,
    ) -> Result<Arc<KeptBody>, E> {
        let kept = || {
            self.0
                .read()
                .expect("no thread panics while it keeps a page")
        };
        if let Some((shown, body)) = &*kept()
            && *shown == look
        {
            return Ok(Arc::clone(body));
        }
        let body = Arc::new(make()?);
        *self
            .0
            .write()
            .expect("no thread panics while it keeps a page") = Some((look, Arc::clone(&body)));
        Ok(body)
    }
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
    /// Without one, the class with the most entries, of those whose walls all stood if there are any.
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

    fn keys_of(&self, competition: CompetitionId) -> Vec<Key> {
        let boards = self.read();
        let kept = boards
            .iter()
            .filter(|(_, kept)| kept.view.competition.id == competition);
        kept.map(|(key, _)| key.clone()).collect()
    }

    /// Marks a competition's boards as stale, or all.
    pub fn expire(&self, competition: Option<CompetitionId>) {
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
    let mut hardware_classes = db::boards::list_hardware_classes(&app.db, competition.id).await?;
    // Nobody meets results first that compare with nothing.
    hardware_classes.sort_by_key(|class| is_degraded(class));
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
        page: KeptPage::default(),
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
        let cost = view.competition.spec.efficiency.cost;
        view.lines = db::boards::list_standings(&app.db, &key, cost).await?;
        view.hardware_class = Some(key.hardware_class);
    }
    Ok(view)
}

/// Reads the kept boards of a competition anew, because they were ranked.
pub async fn read_again(app: &App, competition: CompetitionId) {
    app.boards.expire(Some(competition));
    for key in app.boards.keys_of(competition) {
        let read_at = Instant::now();
        match read(app, &key.0, &key.1).await {
            Ok(view) => app.boards.insert(key, read_at, Arc::new(view)),
            Err(error) => tracing::warn!(%error, "a board could not be read anew"),
        }
    }
}
