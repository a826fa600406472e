//! As much of the WebDriver protocol as the tests need: JSON over HTTP.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use data_encoding::BASE64;
use interop::Process;
use serde::Serialize;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long something may take to appear.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often it is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(30);

/// The member under which an element's reference is.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys by the characters that stand for them.
pub mod keys {
    /// Tab.
    pub const TAB: &str = "\u{e004}";
    /// Enter.
    pub const ENTER: &str = "\u{e007}";
    /// Escape.
    pub const ESCAPE: &str = "\u{e00c}";
    /// Space.
    pub const SPACE: &str = " ";
    /// Arrow down.
    pub const DOWN: &str = "\u{e015}";
}

/// The driver's process. Dropped, it is stopped.
#[derive(Debug)]
pub struct Driver {
    base: String,
    _process: Process,
}

impl Driver {
    /// Starts it, on a port that it chooses.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(program: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(["--port=0", "--allowed-ips=127.0.0.1"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = Process::start(&mut command)?;
        let mut lines = BufReader::new(process.stdout.take().context("it has an output")?).lines();
        let port = lines.find_map(|line| {
            let line = line.ok()?;
            let port = line.split("on port ").nth(1)?.trim_end_matches('.').trim();
            port.parse::<u16>().ok().filter(|port| *port > 0)
        });
        let Some(port) = port else {
            bail!("{} does not say on which port it is", program.display());
        };
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { _process: process, base: format!("http://127.0.0.1:{port}") })
    }

    /// A browser with a profile of its own.
    ///
    /// # Errors
    /// When it does not start.
    pub fn session(&self, options: &[&str]) -> Result<Session> {
        let profile = tempfile::tempdir()?;
        let mut arguments: Vec<String> = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--window-size=1200,900",
            "--lang=en-GB",
            "--host-resolver-rules=MAP *.example 127.0.0.1",
        ]
        .iter()
        .map(|&argument| argument.to_owned())
        .collect();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        arguments.extend(options.iter().map(|&option| option.to_owned()));
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "unhandledPromptBehavior": "accept",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        }}});
        let made = call("POST", &format!("{}/session", self.base), Some(&wanted))?;
        let id = made["sessionId"].as_str().context("a session has an id")?;
        let base = format!("{}/session/{id}", self.base);
        let session = Session { base, _profile: profile };
        session.post("/timeouts", &json!({ "script": 60_000, "pageLoad": 60_000 }))?;
        Ok(session)
    }
}

/// One browser. Dropped, it is closed.
#[derive(Debug)]
pub struct Session {
    base: String,
    _profile: TempDir,
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = call("DELETE", &self.base, None);
    }
}

impl Session {
    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        call("POST", &format!("{}{path}", self.base), Some(body))
    }

    fn get(&self, path: &str) -> Result<Value> {
        call("GET", &format!("{}{path}", self.base), None)
    }

    /// Goes to a page and waits until it is loaded.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn go(&self, url: &str) -> Result<()> {
        self.post("/url", &json!({ "url": url })).map(drop)
    }

    /// Where it is.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn url(&self) -> Result<String> {
        Ok(self.get("/url")?.as_str().unwrap_or_default().to_owned())
    }

    /// The title of the page.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn title(&self) -> Result<String> {
        Ok(self.get("/title")?.as_str().unwrap_or_default().to_owned())
    }

    /// Runs the body of an async function in the page, and gives what it returns. It finds its
    /// argument as `arg`.
    ///
    /// # Errors
    /// When it throws.
    pub fn run(&self, body: &str, arg: impl Serialize) -> Result<Value> {
        let script = format!(
            "const [arg, done] = arguments; (async () => {{ {body} }})()\
             .then((value) => done({{ value }}), (error) => done({{ error: String(error) }}));"
        );
        let answer = self.post("/execute/async", &json!({ "script": script, "args": [arg] }))?;
        if let Some(error) = answer["error"].as_str() {
            bail!("a script failed: {error}: {body}");
        }
        Ok(answer["value"].clone())
    }

    /// Waits until an expression is true in the page.
    ///
    /// # Errors
    /// When that takes too long.
    pub fn wait(&self, expression: &str) -> Result<Value> {
        let started = Instant::now();
        loop {
            // A page that is about to change may take its scripts with it.
            let value = self.run(&format!("return ({expression});"), Value::Null);
            match value {
                Ok(value) if value != Value::Null && value != false && value != "" => {
                    return Ok(value);
                }
                last if started.elapsed() > PATIENCE => {
                    let text = self.run("return document.body.innerText", Value::Null);
                    bail!("not so: {expression} ({last:?})\n{}", text.unwrap_or_default());
                }
                _ => std::thread::sleep(LOOK_INTERVAL),
            }
        }
    }

    /// The element that a CSS selector names, once it is there.
    fn element(&self, selector: &str) -> Result<String> {
        self.wait(&format!("!!document.querySelector({})", json!(selector)))?;
        self.there(selector)
    }

    fn there(&self, selector: &str) -> Result<String> {
        let body = json!({ "using": "css selector", "value": selector });
        let found = self.post("/element", &body)?;
        Ok(found[ELEMENT].as_str().context("an element has a reference")?.to_owned())
    }

    /// Clicks on it.
    ///
    /// # Errors
    /// When it is not there or cannot be clicked.
    pub fn click(&self, selector: &str) -> Result<()> {
        let element = self.element(selector)?;
        let clicked = self.post(&format!("/element/{element}/click"), &json!({}));
        clicked.with_context(|| format!("click on {selector}")).map(drop)
    }

    /// Clicks on the button or link with this text, or this name for screen readers.
    ///
    /// # Errors
    /// When there is none.
    pub fn press(&self, name: &str) -> Result<()> {
        let find = format!(
            "(() => {{ const all = [...document.querySelectorAll('button, a, summary')]; \
             const dialog = document.querySelector('dialog[open]'); \
             const it = all.find((e) => (!dialog || dialog.contains(e)) && e.checkVisibility() \
             && (e.getAttribute('aria-label') ?? e.textContent).trim() === {}); \
             document.querySelector('[data-test-target]')?.removeAttribute('data-test-target'); \
             it?.setAttribute('data-test-target', ''); return !!it; }})()",
            json!(name)
        );
        self.wait(&find)?;
        self.click("[data-test-target]")
    }

    /// Types into it.
    ///
    /// # Errors
    /// When it is not there.
    pub fn type_into(&self, selector: &str, text: &str) -> Result<()> {
        let element = self.element(selector)?;
        self.post(&format!("/element/{element}/value"), &json!({ "text": text })).map(drop)
    }

    /// Types, wherever the focus is.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn keys(&self, text: &str) -> Result<()> {
        let actions: Vec<Value> = text
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })))
            .collect();
        let body = json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] });
        self.post("/actions", &body).map(drop)
    }

    /// The source of the page as it is now.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn source(&self) -> Result<String> {
        Ok(self.get("/source")?.as_str().unwrap_or_default().to_owned())
    }

    /// Clicks on what is there already, without running anything in the page.
    ///
    /// # Errors
    /// When it is not there or cannot be clicked.
    pub fn click_now(&self, selector: &str) -> Result<()> {
        let element = self.there(selector)?;
        self.post(&format!("/element/{element}/click"), &json!({})).map(drop)
    }

    /// Types into what is there already, without running anything in the page.
    ///
    /// # Errors
    /// When it is not there.
    pub fn type_now(&self, selector: &str, text: &str) -> Result<()> {
        let element = self.there(selector)?;
        self.post(&format!("/element/{element}/value"), &json!({ "text": text })).map(drop)
    }

    /// Text of an element.
    ///
    /// # Errors
    /// When it is not there.
    pub fn text(&self, selector: &str) -> Result<String> {
        self.wait(&format!("!!document.querySelector({})", json!(selector)))?;
        let text = self.run("return document.querySelector(arg).textContent", selector)?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// A command of the browser's own protocol.
    ///
    /// # Errors
    /// When it is refused.
    pub fn command(&self, command: &str, parameters: &Value) -> Result<Value> {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// What the page shows, as PNG.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn picture(&self) -> Result<Vec<u8>> {
        let picture = self.get("/screenshot")?;
        Ok(BASE64.decode(picture.as_str().unwrap_or_default().as_bytes())?)
    }

    /// What the browser complained of since it was last asked, a line each.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn complaints(&self) -> Result<Vec<String>> {
        let log = self.post("/se/log", &json!({ "type": "browser" }))?;
        let lines = log.as_array().into_iter().flatten();
        let severe = lines.filter(|line| line["level"] == "SEVERE");
        Ok(severe.filter_map(|line| Some(line["message"].as_str()?.to_owned())).collect())
    }
}

fn call(method: &str, url: &str, body: Option<&Value>) -> Result<Value> {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(90)))
        .build();
    let agent = ureq::Agent::new_with_config(config);
    let mut answer = match (method, body) {
        ("POST", Some(body)) => agent
            .post(url)
            .header("Content-Type", "application/json")
            .send(body.to_string().as_bytes())?,
        ("DELETE", _) => agent.delete(url).call()?,
        _ => agent.get(url).call()?,
    };
    let text = answer.body_mut().with_config().limit(64 << 20).read_to_string()?;
    let value: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
    let value = &value["value"];
    ensure!(answer.status() == 200, "{method} {}: {}", answer.status(), value["message"]);
    Ok(value.clone())
}
