//! Somebody else's web site, which means no good and keeps all that it is asked for.

use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;

/// The site. Its threads end with the process.
#[derive(Debug)]
pub struct StrangeSite {
    port: u16,
    heard: Arc<Mutex<String>>,
}

impl StrangeSite {
    /// Serves this page under every path, on a port of its own.
    ///
    /// # Errors
    /// When there is no port.
    pub fn serve(page: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let heard = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (page, kept) = (page.clone(), Arc::clone(&kept));
                std::thread::spawn(move || {
                    let mut head = String::new();
                    let mut reader = BufReader::new(&stream);
                    while reader.read_line(&mut head).is_ok_and(|len| len > 2) {}
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push_str(&head);
                    let _ = write!(
                        &stream,
                        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\
                         Content-Length: {}\r\nConnection: close\r\n\r\n{page}",
                        page.len()
                    );
                });
            }
        });
        Ok(Self { port, heard })
    }

    /// Its address under a name.
    #[must_use]
    pub fn at(&self, name: &str) -> String {
        format!("http://{name}:{}/", self.port)
    }

    /// The heads of all requests so far.
    #[must_use]
    pub fn heard(&self) -> String {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
