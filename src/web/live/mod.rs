//! What is under way, as everybody who watches sees it. One connection to the database hears what
//! moves, one task reads the queue then, and every few seconds in case that was not heard; pages and
//! streams of events take it from memory.

mod places;
mod state;
pub mod streams;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::web::Data;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, MutexGuard, Notify, watch};
use tokio_util::sync::CancellationToken;

use places::Places;
pub use state::PhaseDocument;

use super::App;
use super::boards;
use super::error::Error;
use crate::db;
use crate::db::notifications::{BOARDS, Heard, JOBS, Listener, SUBMISSIONS};
use crate::db::queue::{Queue, Unfinished};
use crate::db::submissions::Submission;
use crate::domain::forecast::{Ahead, Forecast, forecast};
use crate::domain::ids::{CompetitionId, SubmissionId};
use crate::domain::submission::{Phase, Status};

/// After this time the queue is read anew, whether or not something was heard.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);
/// After a look nobody looks again so soon: what moves meanwhile is seen at once.
const PAUSE: Duration = Duration::from_millis(100);

/// What streams and pages watch.
pub struct Live {
    outlook: watch::Sender<Arc<Outlook>>,
    /// Held while the queue is read, which is done once for all who wait for it.
    looking: Mutex<()>,
    hint: Notify,
    streams: Arc<Places>,
    longest_stream: Duration,
    /// Says that the server is about to stop.
    closing: CancellationToken,
}

impl Live {
    pub fn new(most_streams: usize, longest_stream: Duration) -> Live {
        Live {
            outlook: watch::Sender::new(Arc::default()),
            looking: Mutex::new(()),
            hint: Notify::new(),
            streams: Places::new(most_streams),
            longest_stream,
            closing: CancellationToken::new(),
        }
    }

    /// The queue as it was seen last.
    pub fn outlook(&self) -> Arc<Outlook> {
        Arc::clone(&self.outlook.borrow())
    }
}

/// The queue with what is to be expected of it.
#[derive(Debug, Default)]
pub struct Outlook {
    /// Counts the looks.
    pub number: u64,
    /// `None` before the first look.
    seen_at: Option<Instant>,
    pub queue: Queue,
    forecasts: Vec<Forecast>,
    places: HashMap<SubmissionId, usize>,
}

/// A submission in the queue.
#[derive(Debug, Clone, Copy)]
pub struct InQueue<'a> {
    pub job: &'a Unfinished,
    /// 1 is next; `None` while it runs.
    pub position: Option<usize>,
    pub forecast: Forecast,
    /// What its kind takes, by what the last ones took.
    pub takes: Option<Duration>,
    /// How much of that is behind it, while it runs.
    pub done: Option<Duration>,
    /// How long a failure of ours still keeps it from being tried again.
    pub retry_in: Option<Duration>,
    /// How long ago the queue was looked at. All the times here have taken it into account, but those
    /// of the job.
    pub age: Duration,
}

impl Outlook {
    fn of(queue: Queue) -> Outlook {
        let ahead: Vec<Ahead> = (queue.jobs.iter())
            .map(|job| Ahead {
                takes: takes(&queue, job.competition),
                running_for: done(job, takes(&queue, job.competition), Duration::ZERO),
                not_before: job.retry_in_s.map_or(Duration::ZERO, seconds),
            })
            .collect();
        Outlook {
            number: 0,
            seen_at: Some(Instant::now()),
            forecasts: forecast(&ahead, queue.runners),
            places: (queue.jobs.iter().enumerate())
                .map(|(place, job)| (job.submission, place))
                .collect(),
            queue,
        }
    }

    pub fn find(&self, submission: SubmissionId) -> Option<InQueue<'_>> {
        let place = *self.places.get(&submission)?;
        let running = self.running();
        let job = &self.queue.jobs[place];
        let takes = takes(&self.queue, job.competition);
        let age = self.seen_at.map_or(Duration::ZERO, |at| at.elapsed());
        Some(InQueue {
            job,
            position: (place + 1)
                .checked_sub(running)
                .filter(|position| *position > 0),
            forecast: self.forecasts[place].after(age),
            takes,
            done: done(job, takes, age),
            retry_in: (job.retry_in_s).and_then(|retry_in_s| seconds(retry_in_s).checked_sub(age)),
            age,
        })
    }

    /// Whether a submission that is not finished was seen as it is.
    fn knows(&self, submission: &Submission) -> bool {
        self.find(submission.id).is_some_and(|place| {
            let seen = (place.job.status.as_str(), place.job.attempt);
            seen == (submission.status.as_str(), submission.attempt)
        })
    }

    fn running(&self) -> usize {
        let is_running = |job: &&Unfinished| matches!(job.status, Status::Running(_));
        self.queue.jobs.iter().filter(is_running).count()
    }

    /// What is under way in a competition, if anything is.
    pub fn of_competition(&self, competition: CompetitionId) -> Option<UnderWay<'_>> {
        let load = self.queue.competitions.get(&competition)?;
        let (mut running, mut queued, mut ends_in) = (Vec::new(), 0, Some(Duration::ZERO));
        for (job, forecast) in self.queue.jobs.iter().zip(&self.forecasts) {
            if job.competition != competition {
                continue;
            }
            match job.status {
                Status::Running(_) => running.push(job),
                Status::Queued | Status::Scored | Status::Failed | Status::Cancelled => queued += 1,
            }
            ends_in = ends_in.zip(forecast.ends_in).map(|(a, b)| a.max(b));
        }
        Some(UnderWay {
            finished: usize::try_from(load.finished).unwrap_or(0),
            running,
            queued,
            ends_in,
            takes: load.median_s.map(seconds),
            has_runners: self.queue.runners > 0,
        })
    }

    /// How many entries of a competition are measured again, or will be, if that is what a runner does
    /// just now.
    pub fn deepening(&self, competition: CompetitionId) -> Option<i64> {
        self.queue.deepening.get(&competition).copied()
    }

    fn board_version(&self, competition: CompetitionId) -> i64 {
        let versions = &self.queue.board_versions;
        versions.get(&competition).copied().unwrap_or(0)
    }
}

/// What is under way in one competition.
#[derive(Debug)]
pub struct UnderWay<'a> {
    /// Entries that came to their end since the oldest of these was queued.
    pub finished: usize,
    pub running: Vec<&'a Unfinished>,
    pub queued: usize,
    /// When all of them will be done.
    pub ends_in: Option<Duration>,
    /// What one of them takes.
    pub takes: Option<Duration>,
    pub has_runners: bool,
}

impl UnderWay<'_> {
    pub fn all(&self) -> usize {
        self.finished + self.running.len() + self.queued
    }
}

/// What a job of the competition takes; of one in which nothing was measured yet, what the others'
/// take.
fn takes(queue: &Queue, competition: CompetitionId) -> Option<Duration> {
    let loads = &queue.competitions;
    let own = loads.get(&competition).and_then(|load| load.median_s);
    let others = || {
        let known = loads.values().filter_map(|load| load.median_s);
        known.max_by(f64::total_cmp)
    };
    own.or_else(others).map(seconds)
}

/// How much of what a job takes is behind it some time after it was looked at: the time that it has
/// been running, but no more than its phase allows.
pub fn done(job: &Unfinished, takes: Option<Duration>, age: Duration) -> Option<Duration> {
    let elapsed = seconds(job.elapsed_s?) + age;
    let Status::Running(phase) = job.status else {
        return None;
    };
    Some(takes.map_or(elapsed, |takes| {
        elapsed.min(takes.mul_f64(share_at_end_of(phase)))
    }))
}

/// How much of an evaluation is behind it when a phase ends, about.
pub fn share_at_end_of(phase: Phase) -> f64 {
    const BEFORE_TRIALS: f64 = 0.4;
    match phase {
        Phase::Smoke => 0.25,
        Phase::WarmUp => BEFORE_TRIALS,
        Phase::Trial { number, of } => {
            let part = f64::from(number) / f64::from(of.max(number).max(1));
            BEFORE_TRIALS + part * (1.0 - BEFORE_TRIALS)
        }
        Phase::Scoring => 1.0,
    }
}

pub fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// Sees to it that what is watched is what the database has. Runs as long as the server.
pub async fn follow(app: Data<App>) {
    tokio::spawn(close_when_told(app.clone()));
    tokio::spawn(look(app.clone()));
    loop {
        if let Err(error) = listen(&app).await {
            tracing::warn!(%error, "what moves cannot be heard; it is looked for by time");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn listen(app: &App) -> Result<(), Error> {
    let mut listener = Listener::connect(&app.db, &[BOARDS, SUBMISSIONS, JOBS]).await?;
    app.boards.expire(None);
    loop {
        match listener.next().await? {
            Heard::Notification { channel, payload } if channel == BOARDS => {
                app.boards.expire(payload.parse().ok());
            }
            Heard::Notification { .. } => {}
            Heard::Gap => app.boards.expire(None),
        }
        app.live.hint.notify_one();
    }
}

/// Looks at the queue whenever something may have moved.
async fn look(app: Data<App>) {
    loop {
        let alone = app.live.looking.lock().await;
        if let Err(error) = look_once(&app, &alone).await {
            tracing::warn!(%error, "the queue could not be read");
        }
        drop(alone);
        tokio::time::sleep(PAUSE).await;
        let _ = tokio::time::timeout(LOOK_EVERY, app.live.hint.notified()).await;
    }
}

/// Boards that were ranked are read before it is told, so that whoever hears of them finds them.
async fn look_once(app: &App, _alone: &MutexGuard<'_, ()>) -> Result<Arc<Outlook>, Error> {
    let outlook = Outlook::of(db::queue::read(&app.db).await?);
    let former = app.live.outlook();
    for (competition, version) in &outlook.queue.board_versions {
        if former.queue.board_versions.get(competition) != Some(version) {
            boards::read_again(app, *competition).await;
        }
    }
    let outlook = Arc::new(Outlook {
        number: former.number + 1,
        ..outlook
    });
    app.live.outlook.send_replace(Arc::clone(&outlook));
    Ok(outlook)
}

/// The queue as it was seen last, if a submission that is not finished was seen there as it is. Else
/// it is read anew, once for all who want that at the same time.
pub async fn look_for(app: &App, submission: &Submission) -> Result<Arc<Outlook>, Error> {
    let asked = app.live.outlook();
    if asked.knows(submission) {
        return Ok(asked);
    }
    let alone = app.live.looking.lock().await;
    let seen = app.live.outlook();
    // The look after the one that was under way began when this was wanted already.
    if seen.knows(submission) || seen.number > asked.number + 1 {
        return Ok(seen);
    }
    look_once(app, &alone).await
}

/// Ends the streams when the server is told to stop, which waits for its connections.
async fn close_when_told(app: Data<App>) {
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => {
            terminated.recv().await;
            app.live.closing.cancel();
        }
        Err(error) => tracing::warn!(%error, "the word to stop cannot be heard"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::queue::Load;
    use crate::domain::ids::{JobId, SubmissionNumber};

    fn job(competition: CompetitionId, status: Status, elapsed_s: Option<f64>) -> Unfinished {
        Unfinished {
            job: JobId::new(),
            submission: SubmissionId::new(),
            number: SubmissionNumber(1),
            competition,
            team_name: "ada".to_owned(),
            queued_at: chrono::DateTime::UNIX_EPOCH,
            status,
            attempt: 1,
            elapsed_s,
            is_abandoned: false,
            retry_in_s: None,
            phases: Vec::new(),
        }
    }

    #[test]
    fn what_lags_behind_has_done_no_more_than_its_phase_allows() {
        let competition = CompetitionId::new();
        let done = |phase, elapsed_s| {
            let job = job(competition, Status::Running(phase), Some(elapsed_s));
            super::done(&job, Some(Duration::from_secs(100)), Duration::ZERO)
                .unwrap()
                .as_secs()
        };
        assert_eq!(done(Phase::Smoke, 10.0), 10);
        assert_eq!(done(Phase::Smoke, 90.0), 25);
        assert_eq!(done(Phase::Trial { number: 1, of: 3 }, 90.0), 60);
        assert_eq!(done(Phase::Scoring, 900.0), 100);
    }

    #[test]
    fn a_place_counts_those_that_wait_and_a_competition_its_own() {
        let (ours, theirs) = (CompetitionId::new(), CompetitionId::new());
        let load = |median_s, finished| Load { median_s, finished };
        let queue = Queue {
            jobs: vec![
                job(theirs, Status::Running(Phase::WarmUp), Some(10.0)),
                job(ours, Status::Queued, None),
                job(theirs, Status::Queued, None),
                job(ours, Status::Queued, None),
            ],
            runners: 1,
            competitions: HashMap::from([
                (ours, load(Some(5.0), 2)),
                (theirs, load(Some(40.0), 0)),
            ]),
            deepening: HashMap::new(),
            board_versions: HashMap::new(),
        };
        let outlook = Outlook::of(queue);
        let positions: Vec<_> = (outlook.queue.jobs.iter())
            .map(|job| outlook.find(job.submission).unwrap().position)
            .collect();
        assert_eq!(positions, [None, Some(1), Some(2), Some(3)]);
        let last = outlook.find(outlook.queue.jobs[3].submission).unwrap();
        // What has passed since the look is taken off.
        let starts_in = last.forecast.starts_in.unwrap() + last.age;
        assert_eq!(starts_in, Duration::from_secs(75));
        let under_way = outlook.of_competition(ours).unwrap();
        assert_eq!((under_way.all(), under_way.queued), (4, 2));
        assert_eq!(under_way.ends_in, Some(Duration::from_secs(80)));
        assert!(outlook.of_competition(CompetitionId::new()).is_none());
    }
}
