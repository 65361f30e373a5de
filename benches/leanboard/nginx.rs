//! nginx with files, as it is at its best: the measure for how fast bytes can be served here.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::process::Server;

pub struct Nginx {
    _server: Server,
    address: String,
    files: PathBuf,
}

impl Nginx {
    /// Serves what lies in a new folder `nginx` below `folder`, with as many workers as the web
    /// server has threads. What lies in `gzip/` there is announced as compressed.
    pub fn start(folder: &Path, workers: u32) -> Outcome<Nginx> {
        let folder = folder.join("nginx");
        let files = folder.join("files");
        fs::create_dir_all(files.join("gzip"))?;
        fs::create_dir_all(files.join("identity"))?;
        // Free a moment ago; nginx says so if it is not any more.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let configuration = folder.join("nginx.conf");
        fs::write(&configuration, configure(&folder, workers, port))?;
        let mut nginx = Command::new("/usr/sbin/nginx");
        nginx
            .arg("-p")
            .arg(&folder)
            .args(["-e", "stderr", "-c"])
            .arg(&configuration);
        let (server, _) = Server::start(nginx, &folder.join("log"), "start worker process ")?;
        Ok(Nginx {
            _server: server,
            address: format!("http://127.0.0.1:{port}"),
            files,
        })
    }

    /// Serves a body, and says where.
    pub fn serve(&self, name: &str, encoding: &str, body: &[u8]) -> Outcome<String> {
        fs::write(self.files.join(encoding).join(name), body)?;
        Ok(format!("{}/{encoding}/{name}", self.address))
    }
}

fn configure(folder: &Path, workers: u32, port: u16) -> String {
    let folder = folder.display();
    format!(
        "user nobody nogroup;
worker_processes {workers};
daemon off;
pid {folder}/pid;
error_log stderr notice;
events {{ worker_connections 256; }}
http {{
    access_log off;
    gzip off;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=16;
    keepalive_requests 100000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/files;
        location /gzip/ {{ add_header Content-Encoding gzip; }}
    }}
}}
"
    )
}
