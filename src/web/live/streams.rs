//! Server-sent events: the state of a submission until its end, and what is under way in a
//! competition. A stream holds no connection to the database, and ends when the server does.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, RETRY_AFTER};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::stream::unfold;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Duration, Instant, timeout_at};

use super::places::Place;
use super::state::{CompetitionState, SubmissionState};
use super::{LOOK_EVERY, Outlook};
use crate::db;
use crate::domain::ids::{CompetitionId, SubmissionId};
use crate::web::App;
use crate::web::error::{ApiError, Error, Problem, problem_response};
use crate::web::lookups::{find_competition, find_submission};

/// A stream that has nothing to say says so, or what lies between takes it for dead; and whoever
/// is gone is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Then a stream ends, and whoever still listens opens another: nobody keeps a place for ever.
pub const LONGEST: Duration = Duration::from_secs(300);
/// Whoever finds no place asks again after this time.
const RETRY_AFTER_S: u64 = 10;
/// How soon a browser comes back when a stream breaks.
const COME_BACK: &str = "retry: 2000\n\n";

pub async fn submission(
    app: Data<App>,
    id: Path<SubmissionId>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let submission = find_submission(&app, *id).await?;
    let subject = Subject::Submission(Told::of(submission.id));
    Ok(answer(app, &request, subject))
}

pub async fn competition(
    app: Data<App>,
    slug: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let competition = find_competition(&app, &slug).await?;
    let subject = Subject::Competition {
        id: competition.id,
        last: None,
    };
    Ok(answer(app, &request, subject))
}

fn answer(app: Data<App>, request: &HttpRequest, subject: Subject) -> HttpResponse {
    let peer = request.peer_addr().map(|peer| peer.ip());
    let Some(place) = app.live.streams.take(peer) else {
        let mut refused = problem_response(&Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_streams",
            "Too many pages are followed at once. Ask again, or look at the submission now and then.",
        ));
        refused
            .headers_mut()
            .insert(RETRY_AFTER, RETRY_AFTER_S.into());
        return refused;
    };
    let mut outlooks = app.live.outlook.subscribe();
    // What is there already is told at once.
    outlooks.mark_changed();
    let stream = Stream {
        ends_at: Instant::now() + app.live.longest_stream,
        app,
        subject,
        outlooks,
        outbox: VecDeque::from([Bytes::from_static(COME_BACK.as_bytes())]),
        sent_at: Instant::now(),
        has_ended: false,
        _place: place,
    };
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        // Neither the middleware nor a proxy may hold back what is sent.
        .insert_header((CONTENT_ENCODING, "identity"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(unfold(stream, async |mut stream| {
            let sent = stream.next().await?;
            Some((Ok::<_, Infallible>(sent), stream))
        }))
}

/// One open stream.
struct Stream {
    app: Data<App>,
    subject: Subject,
    outlooks: watch::Receiver<Arc<Outlook>>,
    /// What was found and is not sent yet.
    outbox: VecDeque<Bytes>,
    sent_at: Instant,
    ends_at: Instant,
    has_ended: bool,
    _place: Place,
}

/// What a stream is about, and what it has told.
enum Subject {
    Submission(Told),
    Competition {
        id: CompetitionId,
        last: Option<CompetitionState>,
    },
}

struct Told {
    id: SubmissionId,
    attempt: i32,
    /// How many phases of that attempt were told.
    phases: usize,
    last: Option<SubmissionState>,
}

impl Told {
    fn of(id: SubmissionId) -> Told {
        Told {
            id,
            attempt: 0,
            phases: 0,
            last: None,
        }
    }
}

impl Stream {
    /// What to send next; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(sent) = self.outbox.pop_front() {
                self.sent_at = Instant::now();
                return Some(sent);
            }
            if self.has_ended || self.ends_at <= Instant::now() {
                return None;
            }
            let closing = self.app.live.closing.clone();
            let silent_until = self.ends_at.min(self.sent_at + KEEP_ALIVE);
            tokio::select! {
                () = closing.cancelled() => return None,
                waited = timeout_at(silent_until, self.outlooks.changed()) => match waited {
                    Ok(Ok(())) => self.look().await,
                    Ok(Err(_)) => return None,
                    Err(_) => self.outbox.push_back(Bytes::from_static(b": still there\n\n")),
                },
            }
        }
    }

    async fn look(&mut self) {
        let outlook = Arc::clone(&self.outlooks.borrow_and_update());
        let is_due = self.sent_at.elapsed() >= LOOK_EVERY;
        match &mut self.subject {
            Subject::Competition { id, last } => {
                let state = CompetitionState::of(&outlook, *id);
                let is_news = match last {
                    Some(last) if state.is_like(last) => is_due && state != *last,
                    Some(_) | None => true,
                };
                if is_news {
                    self.outbox.push_back(event("", &state));
                    *last = Some(state);
                }
            }
            Subject::Submission(told) => match outlook.find(told.id) {
                Some(place) => {
                    if place.job.attempt != told.attempt {
                        (told.attempt, told.phases) = (place.job.attempt, 0);
                    }
                    for state in SubmissionState::since(&outlook, told.id, told.phases) {
                        told.tell(state, is_due, &mut self.outbox);
                    }
                    told.phases = told.phases.max(place.job.phases.len());
                }
                None => match told.find_end(&self.app).await {
                    Ok(Some(states)) => {
                        let end = states.len().saturating_sub(1);
                        for (number, state) in states.into_iter().enumerate() {
                            match number == end {
                                true => self.outbox.push_back(event("event: end\n", &state)),
                                false => told.tell(state, is_due, &mut self.outbox),
                            }
                        }
                        self.has_ended = true;
                    }
                    // It came after the queue was looked at.
                    Ok(None) => {}
                    Err(error) => tracing::warn!(%error, "the end of a submission cannot be read"),
                },
            },
        }
    }
}

impl Told {
    fn tell(&mut self, state: SubmissionState, is_due: bool, outbox: &mut VecDeque<Bytes>) {
        let is_news = match &self.last {
            Some(last) if state.is_like(last) => is_due && state != *last,
            Some(_) | None => true,
        };
        if is_news {
            outbox.push_back(event("", &state));
            self.last = Some(state);
        }
    }

    /// What was not told, and the end; `None` if it is not at its end.
    async fn find_end(&mut self, app: &App) -> Result<Option<Vec<SubmissionState>>, Error> {
        let submission = find_submission(app, self.id).await?;
        if !submission.status.is_final() {
            return Ok(None);
        }
        let mut states = Vec::new();
        // Whoever asks about what is over is told that it is, and nothing else.
        if self.last.is_some() {
            let phases =
                db::queue::list_phases(&app.db, submission.job, submission.attempt).await?;
            let told = match submission.attempt == self.attempt {
                true => self.phases,
                false => 0,
            };
            let missed = phases.into_iter().skip(told);
            states.extend(missed.map(SubmissionState::running));
        }
        states.push(SubmissionState::bare(submission.status));
        Ok(Some(states))
    }
}

fn event(name: &str, state: &impl Serialize) -> Bytes {
    let state = serde_json::to_string(state).expect("a state is texts and numbers");
    format!("{name}data: {state}\n\n").into()
}
