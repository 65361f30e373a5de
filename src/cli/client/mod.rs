//! A participant's side: talks to a server over its JSON API, as anybody's program could.

pub mod documents;
pub mod progress;
pub mod result;
pub mod table;

use std::fs::File;
use std::io::Read;
use std::process::ExitCode;
use std::time::Duration;

use serde::de::DeserializeOwned;
use ureq::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use ureq::http::{Method, Request, Response};
use ureq::{Agent, Body, SendBody};

use super::Failure;
use crate::config::client_file::ClientFile;
use crate::config::{ClientSettings, Token};
use crate::web::figures::Figure;
use documents::{
    CompetitionDocument, Created, Problem, Started, SubmissionDocument, SubmissionList,
};

const DEFAULT_SERVER: &str = "http://127.0.0.1:8080";
/// Answers that are longer are not from a server of ours.
const ANSWER_SIZE_MAX: u64 = 64 << 20;
/// For a whole call but an upload.
const CALL_TIME_MAX: Duration = Duration::from_secs(30);
/// An upload may take its time as long as it moves; the door's check of a large file takes a while.
const STANDSTILL_MAX: Duration = Duration::from_secs(60);
const DOOR_TIME_MAX: Duration = Duration::from_secs(300);

/// Talks to one server. Copies share what they know.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    server: String,
    token: Option<Token>,
}

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub enum ClientError {
    /// A setting or argument is wrong, and nothing was sent.
    Usage(String),
    /// The server said no, or that something went wrong on its side.
    Refused(Box<Problem>),
    /// The server could not be reached, or the connection broke.
    Lost(String),
    /// Anything else.
    Failed(String),
}

impl From<Failure> for ClientError {
    fn from(failure: Failure) -> ClientError {
        ClientError::Failed(failure)
    }
}

impl ClientError {
    /// What is said of it, on several lines where there is more to say.
    fn text(&self) -> String {
        match self {
            ClientError::Usage(text) | ClientError::Lost(text) | ClientError::Failed(text) => {
                text.clone()
            }
            ClientError::Refused(problem) => problem.to_string(),
        }
    }

    fn exit_code(&self) -> ExitCode {
        match self {
            ClientError::Usage(_) => ExitCode::from(2),
            ClientError::Refused(_) | ClientError::Lost(_) | ClientError::Failed(_) => {
                ExitCode::FAILURE
            }
        }
    }
}

/// Says what went wrong, if anything did, and how the program is to end.
pub fn finish(result: Result<ExitCode, ClientError>) -> ExitCode {
    result.unwrap_or_else(|error| {
        eprintln!("error: {}", plain(&error.text()));
        error.exit_code()
    })
}

/// A text of others without what would move a terminal's cursor.
pub fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| *c == '\n' || !c.is_control())
        .collect()
}

/// A number with its unit, for a terminal.
pub fn in_plain_text(figure: &Figure) -> String {
    figure.text().replace('\u{a0}', " ")
}

impl Client {
    /// Takes server and token from flags and variables, else from the configuration file.
    pub fn new(settings: &ClientSettings) -> Result<Client, ClientError> {
        // Not read where it says nothing that counts, so that a slip in it does not stand in the way.
        let file = match settings {
            ClientSettings {
                server: Some(_),
                token: Some(_),
            } => ClientFile::default(),
            _ => ClientFile::read().map_err(ClientError::Usage)?,
        };
        let own = file.server.unwrap_or_else(|| DEFAULT_SERVER.to_owned());
        let server = settings.server.clone().unwrap_or_else(|| own.clone());
        // The file's token is for the file's server, and not for any that a flag names.
        let is_of_file = own == server;
        let token = match &settings.token {
            Some(given) => Some(given.check().map_err(ClientError::Usage)?),
            None => file.token.filter(|_| is_of_file),
        };
        Ok(Client::of(server, token))
    }

    pub fn of(server: String, token: Option<Token>) -> Client {
        Client {
            agent: agent(),
            server,
            token,
        }
    }

    /// The same, where nothing can be done without a token.
    pub fn with_token(settings: &ClientSettings) -> Result<Client, ClientError> {
        let client = Client::new(settings)?;
        if client.token.is_some() {
            return Ok(client);
        }
        Err(ClientError::Usage(format!(
            "this needs an API token for {server}: make one on {server}/account, and give it to \
             `leanboard login` or in the variable LEANBOARD_TOKEN",
            server = client.server
        )))
    }

    pub fn server(&self) -> &str {
        &self.server
    }

    /// The address of a page that the server names by its path.
    pub fn page(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }

    pub fn competition(&self, slug: &str) -> Result<CompetitionDocument, ClientError> {
        self.get(&format!("/competitions/{}", segment(slug)?))
    }

    /// A submission by its id or its number.
    pub fn submission(&self, id: &str) -> Result<SubmissionDocument, ClientError> {
        self.get(&format!("/submissions/{}", segment(id)?))
    }

    /// One's own submissions, the latest first.
    pub fn submissions(
        &self,
        competition: Option<&str>,
    ) -> Result<Vec<SubmissionDocument>, ClientError> {
        let list: SubmissionList = match competition {
            Some(slug) => self.get(&format!("/competitions/{}/submissions", segment(slug)?))?,
            None => self.get("/submissions")?,
        };
        Ok(list.submissions)
    }

    /// A leaderboard's JSON as the server writes it.
    pub fn leaderboard(&self, slug: &str, board: &str) -> Result<Vec<u8>, ClientError> {
        let path = format!("/competitions/{}/leaderboard?board={board}", segment(slug)?);
        self.call(Method::GET, &self.api(&path), SendBody::none(), None)
    }

    pub fn start_upload(&self, slug: &str, file_name: &str) -> Result<Started, ClientError> {
        let path = format!("/competitions/{}/uploads", segment(slug)?);
        self.post(&path, &serde_json::json!({ "file_name": file_name }))
    }

    /// Sends the bytes of a file; `body` is the file, and counts what is read from it.
    pub fn send(&self, started: &Started, body: impl Read, size: u64) -> Result<(), ClientError> {
        // The server's own address, however it calls itself: what stands between may know it by
        // another name.
        let path = (started.url.split_once("/api/v1/")).map(|(_, path)| path);
        let path =
            path.ok_or_else(|| self.no_server_of_ours("it names no address for the file"))?;
        let mut body = body.take(size);
        let address = self.api(&format!("/{path}"));
        self.call(
            Method::PUT,
            &address,
            SendBody::from_reader(&mut body),
            Some(size),
        )?;
        Ok(())
    }

    pub fn commit(&self, upload: &str, description: &str) -> Result<Created, ClientError> {
        let path = format!("/uploads/{}/commit", segment(upload)?);
        self.post(&path, &serde_json::json!({ "description": description }))
    }

    fn api(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.server)
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let answer = self.call(Method::GET, &self.api(path), SendBody::none(), None)?;
        self.parse(&answer)
    }

    fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<T, ClientError> {
        let text = body.to_string();
        let size = text.len() as u64;
        let body = SendBody::from_owned_reader(std::io::Cursor::new(text));
        let answer = self.call(Method::POST, &self.api(path), body, Some(size))?;
        self.parse(&answer)
    }

    fn parse<T: DeserializeOwned>(&self, answer: &[u8]) -> Result<T, ClientError> {
        serde_json::from_slice(answer)
            .map_err(|error| self.no_server_of_ours(&format!("its answer cannot be read: {error}")))
    }

    /// One request. `size` is that of the body, in bytes, if there is one.
    fn call(
        &self,
        method: Method,
        address: &str,
        body: SendBody<'_>,
        size: Option<u64>,
    ) -> Result<Vec<u8>, ClientError> {
        let is_upload = method == Method::PUT;
        let mut request = Request::builder().method(method).uri(address);
        if let Some(size) = size {
            request = request.header(CONTENT_LENGTH, size);
        }
        if is_upload {
            request = request.header(CONTENT_TYPE, "application/octet-stream");
        } else {
            if size.is_some() {
                request = request.header(CONTENT_TYPE, "application/json");
            }
            // The upload's address is secret by itself.
            if let Some(token) = &self.token {
                request = request.header(AUTHORIZATION, format!("Bearer {}", token.as_str()));
            }
        }
        let request = (request.body(body))
            .map_err(|error| ClientError::Usage(format!("{address} is no address: {error}")))?;
        let request = if is_upload {
            (self.agent.configure_request(request))
                .timeout_recv_response(Some(DOOR_TIME_MAX))
                .build()
        } else {
            (self.agent.configure_request(request))
                .timeout_global(Some(CALL_TIME_MAX))
                .build()
        };
        let answer = self.agent.run(request).map_err(|error| self.lost(&error))?;
        self.read(answer)
    }

    fn read(&self, mut answer: Response<Body>) -> Result<Vec<u8>, ClientError> {
        let status = answer.status();
        // Followed nowhere: a token is for the server that was named.
        if status.is_redirection() {
            let target = (answer.headers().get(LOCATION)).and_then(|value| value.to_str().ok());
            return Err(ClientError::Failed(format!(
                "{} sends us on to {}; give the server's own address with --server \
                 (LEANBOARD_SERVER)",
                self.server,
                target.unwrap_or("another address")
            )));
        }
        let body = (answer.body_mut().with_config().limit(ANSWER_SIZE_MAX))
            .read_to_vec()
            .map_err(|error| self.lost(&error))?;
        if status.is_success() {
            return Ok(body);
        }
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Err(ClientError::Refused(Box::new(
                problem.of_server(&self.server),
            ))),
            Err(_) => Err(self.no_server_of_ours(&format!("it answers {status}"))),
        }
    }

    fn lost(&self, error: &ureq::Error) -> ClientError {
        ClientError::Lost(format!(
            "{} cannot be reached: {error}; is this the server's address (--server, \
             LEANBOARD_SERVER), and is it running?",
            self.server
        ))
    }

    fn no_server_of_ours(&self, why: &str) -> ClientError {
        ClientError::Failed(format!(
            "{} does not answer as a Leanboard server does: {why}",
            self.server
        ))
    }
}

fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        // The environment has no say but through our settings.
        .proxy(None)
        .user_agent(concat!("leanboard/", env!("CARGO_PKG_VERSION")))
        // Between two looks at a submission the server closes what is idle.
        .max_idle_connections(0)
        .timeout_connect(Some(Duration::from_secs(10)))
        .timeout_per_write(Some(STANDSTILL_MAX))
        .timeout_recv_body(Some(STANDSTILL_MAX))
        .build()
        .new_agent()
}

/// What somebody wrote, as a part of an address; ids, numbers and slugs have nothing to escape.
fn segment(text: &str) -> Result<&str, ClientError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !text.is_empty() && text.chars().all(is_plain) {
        return Ok(text);
    }
    Err(ClientError::Usage(format!(
        "`{}` has characters that no slug, id or number has",
        plain(text)
    )))
}

/// Opens a file that is to be sent, with its size.
pub fn open(path: &std::path::Path) -> Result<(File, u64), ClientError> {
    let failed = |error| ClientError::Usage(format!("{} cannot be read: {error}", path.display()));
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_file() {
        return Ok((file, metadata.len()));
    }
    Err(ClientError::Usage(format!("{} is no file", path.display())))
}
