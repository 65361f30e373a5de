//! Somebody who uses the application over HTTP.

use reqwest::header::CONTENT_TYPE;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

pub struct Person {
    address: String,
    pub name: String,
    pub password: String,
    pub token: Option<String>,
    pub client: Client,
}

impl Person {
    pub fn new(address: &str, name: &str, password: String, token: Option<String>) -> Person {
        let client = Client::builder()
            .cookie_store(true)
            // The server closes unused connections, which a test that blocks meanwhile does not notice.
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Person {
            address: address.to_owned(),
            name: name.to_owned(),
            password,
            token,
            client,
        }
    }

    pub fn request(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.address)
        };
        let request = self.client.request(method, url);
        match &self.token {
            Some(token) if path.starts_with("/api") => request.bearer_auth(token),
            _ => request,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(
            self.request(reqwest::Method::GET, path)
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    pub async fn post_json(&self, path: &str, body: Value) -> Answer {
        let request = self.request(reqwest::Method::POST, path).json(&body);
        Answer::of(request.send().await.unwrap()).await
    }

    pub async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self.request(reqwest::Method::POST, path).form(fields);
        Answer::of(request.send().await.unwrap()).await
    }

    /// Signs in as a browser does; the token goes on being used for the API alone.
    pub async fn sign_in(&self) {
        let fields = [("name", self.name.as_str()), ("password", &self.password)];
        assert_eq!(self.post_form("/sign-in", &fields).await.status, 303);
    }

    /// Submits a file to digits in one call.
    pub async fn submit(&self, file: Vec<u8>) -> Answer {
        self.submit_to("digits", file, "a try").await
    }

    pub async fn submit_to(&self, slug: &str, file: Vec<u8>, description: &str) -> Answer {
        let part = Part::bytes(file).file_name("model.onnx");
        let form = Form::new()
            .part("file", part)
            .text("description", description.to_owned());
        let path = format!("/api/v1/competitions/{slug}/submissions");
        let request = self.request(reqwest::Method::POST, &path).multipart(form);
        Answer::of(request.send().await.unwrap()).await
    }

    /// Submits a file that must be taken, and says the submission's id.
    pub async fn submitted(&self, file: Vec<u8>) -> String {
        self.submitted_to("digits", file).await
    }

    pub async fn submitted_to(&self, slug: &str, file: Vec<u8>) -> String {
        let created = self.submit_to(slug, file, "a try").await;
        assert_eq!(created.status, StatusCode::CREATED, "{}", created.body);
        created.json()["id"].as_str().unwrap().to_owned()
    }

    pub async fn submission(&self, id: &str) -> Value {
        let answer = self.get(&format!("/api/v1/submissions/{id}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.json()
    }

    /// The lines of the efficiency board of digits.
    pub async fn standings(&self) -> Vec<Value> {
        let board = self.get("/api/v1/competitions/digits/leaderboard").await;
        board.json()["standings"].as_array().unwrap().clone()
    }

    /// Begins an upload in three steps.
    pub async fn start_upload(&self, slug: &str) -> Answer {
        let path = format!("/api/v1/competitions/{slug}/uploads");
        self.post_json(&path, json!({"file_name": "model.onnx"}))
            .await
    }
}

/// What came back, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Answer {
    pub async fn of(response: Response) -> Answer {
        Answer {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        }
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Checks that it is a problem document of this status and code, and says its sentence.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.headers[CONTENT_TYPE], "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status);
        problem["detail"].as_str().unwrap().to_owned()
    }
}
