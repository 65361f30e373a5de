//! A web server as a process of its own, and a database that its notifications get lost from.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::App;

pub struct Server {
    pub child: Child,
    pub address: String,
    pub port: u16,
}

impl Server {
    pub fn start(app: &App, port: u16) -> Server {
        Server::start_with(app, port, &[])
    }

    pub fn start_with(app: &App, port: u16, arguments: &[&str]) -> Server {
        let mut serve = app.command();
        serve.args(["serve", "--listen", &format!("127.0.0.1:{port}")]);
        serve.args(arguments);
        let child = serve.stderr(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "the server did not start");
            std::thread::yield_now();
        }
        Server {
            child,
            address: format!("http://127.0.0.1:{port}"),
            port,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Another way to a database, on which every notification gets lost.
pub struct DeafWay {
    pub database_url: String,
    _folder: TempDir,
}

impl DeafWay {
    pub fn to(app: &App) -> DeafWay {
        let folder = tempfile::Builder::new().tempdir_in("/tmp").unwrap();
        let (start, host) = app.database_url.split_once("?host=").unwrap();
        let real = host.replace("%2F", "/").replace("%2f", "/");
        let real = Path::new(&real).join(".s.PGSQL.5432");
        assert!(real.exists(), "{}", real.display());
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = UnixStream::connect(&real).await.unwrap();
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                tokio::spawn(
                    async move { tokio::io::copy(&mut from_client, &mut to_server).await },
                );
                tokio::spawn(async move {
                    // To the question whether it speaks TLS it answers with this letter alone.
                    let first = from_server.read_u8().await.unwrap_or_default();
                    to_client.write_all(&[first]).await.unwrap();
                    assert_eq!(first, b'N');
                    while let Some((kind, message)) = read_message(&mut from_server).await {
                        if kind == b'A' {
                            continue;
                        }
                        if to_client.write_all(&message).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        let path = folder.path().to_str().unwrap().replace('/', "%2F");
        DeafWay {
            database_url: format!("{start}?host={path}"),
            _folder: folder,
        }
    }
}

/// A message of PostgreSQL's protocol: a letter, the length of the rest, the rest.
async fn read_message(from: &mut (impl AsyncReadExt + Unpin)) -> Option<(u8, Vec<u8>)> {
    let kind = from.read_u8().await.ok()?;
    let length = from.read_u32().await.ok()?;
    let mut message = vec![kind];
    message.extend(length.to_be_bytes());
    message.resize(length as usize + 1, 0);
    from.read_exact(&mut message[5..]).await.ok()?;
    Some((kind, message))
}
