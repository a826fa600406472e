//! A node's web API, as any program would call it.

use std::io::Read;

use anyhow::{Context, Result, ensure};
use ureq::http::{HeaderName, HeaderValue, Request};

/// What came back for one request, redirects not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub text: String,
}

impl Answer {
    /// The first header of this name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// The web API of a node.
#[derive(Debug, Clone)]
pub struct Web {
    agent: ureq::Agent,
    base: String,
}

impl Web {
    /// At this URL, without a slash at the end.
    #[must_use]
    pub fn new(base: String) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        Self { agent: config.build().new_agent(), base }
    }

    /// Where it is.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Puts a file, and gives its cap.
    ///
    /// # Errors
    /// When the answer is no cap, with what it is.
    pub fn put(&self, body: &[u8]) -> Result<String> {
        let mut answer = self.agent.put(format!("{}/uri", self.base)).send(body)?;
        let text = answer.body_mut().read_to_string()?;
        ensure!(answer.status().is_success(), "PUT /uri: {}: {text}", answer.status());
        ensure!(text.starts_with("URI:"), "PUT /uri gave no cap: {text}");
        Ok(text)
    }

    /// Gets a file.
    ///
    /// # Errors
    /// When the status is not 200, with what the node said.
    pub fn get(&self, cap: &str) -> Result<Vec<u8>> {
        self.fetch(cap, None)
    }

    /// Gets a range of a file, both ends included.
    ///
    /// # Errors
    /// When the status is not 206, with what the node said.
    pub fn get_range(&self, cap: &str, from: u64, to: u64) -> Result<Vec<u8>> {
        self.fetch(cap, Some(format!("bytes={from}-{to}")))
    }

    fn fetch(&self, cap: &str, range: Option<String>) -> Result<Vec<u8>> {
        let mut request = self.agent.get(format!("{}/uri/{cap}", self.base));
        let expected = if range.is_some() { 206 } else { 200 };
        if let Some(range) = range {
            request = request.header("Range", range);
        }
        let mut answer = request.call()?;
        let mut bytes = Vec::new();
        answer.body_mut().as_reader().read_to_end(&mut bytes).context("broke off")?;
        let status = answer.status();
        ensure!(status == expected, "{status}: {}", String::from_utf8_lossy(&bytes));
        Ok(bytes)
    }

    /// Any request; gives the status and the text of the answer. Redirects are followed.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn ask(&self, method: &str, path: &str, body: &[u8]) -> Result<(u16, String)> {
        let (status, bytes) = self.ask_bytes(method, path, body)?;
        Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The same, whose answer need not be text.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn ask_bytes(&self, method: &str, path: &str, body: &[u8]) -> Result<(u16, Vec<u8>)> {
        let url = format!("{}{path}", self.base);
        let mut answer = match method {
            "GET" => self.agent.get(url).call(),
            "DELETE" => self.agent.delete(url).call(),
            "PUT" => self.agent.put(url).send(body),
            _ => self.agent.post(url).send(body),
        }
        .with_context(|| format!("{method} {path}"))?;
        let status = answer.status().as_u16();
        let mut bytes = Vec::new();
        answer.body_mut().as_reader().read_to_end(&mut bytes).context("broke off")?;
        Ok((status, bytes))
    }

    /// Any request, sent as it is; redirects are not followed.
    ///
    /// # Errors
    /// When it cannot be sent, or there is no answer.
    pub fn exchange(
        &self,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = if body.is_empty() && !matches!(method, "PUT" | "POST") {
            let request = self.agent.configure_request(request.body(())?);
            self.agent.run(request.max_redirects(0).allow_non_standard_methods(true).build())
        } else {
            let request = self.agent.configure_request(request.body(body)?);
            self.agent.run(request.max_redirects(0).build())
        }
        .with_context(|| format!("{method} {path}"))?;
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let headers = answer.headers().iter().map(header).collect();
        let mut bytes = Vec::new();
        answer.body_mut().as_reader().read_to_end(&mut bytes).context("broke off")?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Answer { status: answer.status().as_u16(), headers, text })
    }

    /// A request that must succeed; gives the text of the answer.
    ///
    /// # Errors
    /// When the status is not of success, with what the node said.
    pub fn call(&self, method: &str, path: &str, body: &[u8]) -> Result<String> {
        let (status, text) = self.ask(method, path, body)?;
        ensure!((200..300).contains(&status), "{method} {path}: {status}: {text}");
        Ok(text)
    }

    /// Gets text at a path.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn get_text(&self, path: &str) -> Result<String> {
        let mut answer = self.agent.get(format!("{}{path}", self.base)).call()?;
        Ok(answer.body_mut().read_to_string()?)
    }
}
