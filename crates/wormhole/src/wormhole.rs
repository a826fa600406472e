//! The conversation of the two sides.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use data_encoding::HEXLOWER;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::MESSAGE_LEN_MAX;
use crate::code::Code;
use crate::error::Error;
use crate::key::{Exchange, SharedKey};
use crate::mailbox::Mailbox;
use crate::messages::{Message, Mood};
use crate::url::Url;

/// Most messages of the other side that are kept until it is their turn.
const WAITING_MAX: usize = 32;

/// The phase of the key exchange.
const PAKE: &str = "pake";

/// The phase in which each side shows that it has the key.
const VERSION: &str = "version";

/// What we say in it: nothing that either side would need to know.
const VERSIONS: &[u8] = b"{\"app_versions\": {}}";

/// A rendezvous server, and what is talked about there.
#[derive(Debug, Clone)]
pub struct Server {
    url: Url,
    app_id: String,
}

impl Server {
    /// The server at a `ws://` URL. Only programs that name the same application meet.
    ///
    /// # Errors
    /// When that is no such URL.
    pub fn new(url: &str, app_id: impl Into<String>) -> Result<Self, Error> {
        Ok(Self { url: Url::parse(url)?, app_id: app_id.into() })
    }

    /// Begins a conversation: the other side must be told the code. `dial` opens a connection to a
    /// port of a host, in whatever way.
    ///
    /// # Errors
    /// When the server cannot be reached, or does not want to.
    pub async fn allocate<S>(
        &self,
        dial: impl AsyncFnOnce(&str, u16) -> io::Result<S>,
    ) -> Result<Wormhole, Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut random = [0; 2];
        getrandom::fill(&mut random)?;
        let side = new_side()?;
        let who = (self.app_id.as_str(), side.as_str());
        let mut mailbox = Mailbox::connect(dial, &self.url, who).await?;
        let nameplate = mailbox.allocate().await?;
        let code = Code::new(&nameplate, random)
            .map_err(|_| Error::Nonsense("the rendezvous server's nameplate is no number"))?;
        self.begin(mailbox, side, code).await
    }

    /// Joins the conversation of a code. `dial` opens a connection to a port of a host, in whatever
    /// way.
    ///
    /// # Errors
    /// When the server cannot be reached, or does not want to. Whether the code is right shows
    /// with the first message.
    pub async fn join<S>(
        &self,
        code: Code,
        dial: impl AsyncFnOnce(&str, u16) -> io::Result<S>,
    ) -> Result<Wormhole, Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let side = new_side()?;
        let who = (self.app_id.as_str(), side.as_str());
        let mailbox = Mailbox::connect(dial, &self.url, who).await?;
        self.begin(mailbox, side, code).await
    }

    async fn begin(
        &self,
        mut mailbox: Mailbox,
        side: String,
        code: Code,
    ) -> Result<Wormhole, Error> {
        mailbox.open(code.nameplate()).await?;
        let (exchange, body) = Exchange::start(&code, &self.app_id);
        mailbox.add(PAKE, &body).await?;
        Ok(Wormhole {
            mailbox,
            side,
            code,
            stage: Stage::Exchanging(exchange),
            was_heard: false,
            waiting: BTreeMap::new(),
            phases: (0, 0),
        })
    }
}

/// A name for us that nobody else has.
fn new_side() -> Result<String, Error> {
    let mut random = [0; 5];
    getrandom::fill(&mut random)?;
    Ok(HEXLOWER.encode(&random))
}

/// One end of a conversation.
#[derive(Debug)]
pub struct Wormhole {
    mailbox: Mailbox,
    side: String,
    code: Code,
    stage: Stage,
    /// Whether anything of the other side came.
    was_heard: bool,
    /// What came before its turn, by phase: the side that said it, and what it said.
    waiting: BTreeMap<String, (String, Vec<u8>)>,
    /// The numbers of the next messages: ours, theirs.
    phases: (u32, u32),
}

#[derive(Debug)]
enum Stage {
    /// The other side's half of the exchange is not here yet.
    Exchanging(Exchange),
    /// There is a key, which may be a wrong one.
    Keyed(SharedKey),
    /// The other side has the same key.
    Verified(SharedKey),
    /// It went wrong.
    Broken,
}

impl Wormhole {
    /// What the other side must know.
    #[must_use]
    pub const fn code(&self) -> &Code {
        &self.code
    }

    /// Waits until the other side is there, and has shown that it knows the code: at most so long,
    /// or for as long as it takes.
    ///
    /// # Errors
    /// [`Error::WrongCode`] when it does not, [`Error::NoAnswer`] when the time is over.
    pub async fn verify(&mut self, patience: Option<Duration>) -> Result<(), Error> {
        let deadline = patience.map(|patience| Instant::now() + patience);
        self.verify_by(deadline).await
    }

    async fn verify_by(&mut self, deadline: Option<Instant>) -> Result<(), Error> {
        while !matches!(self.stage, Stage::Verified(_)) {
            match std::mem::replace(&mut self.stage, Stage::Broken) {
                Stage::Exchanging(exchange) => match self.waiting.remove(PAKE) {
                    Some((_, body)) => {
                        let key = exchange.finish(&body)?;
                        let sealed = key.seal((&self.side, VERSION), VERSIONS)?;
                        self.mailbox.add(VERSION, &sealed).await?;
                        self.stage = Stage::Keyed(key);
                    }
                    None => {
                        self.stage = Stage::Exchanging(exchange);
                        self.hear(deadline).await?;
                    }
                },
                Stage::Keyed(key) => match self.waiting.remove(VERSION) {
                    Some((side, body)) => {
                        let versions = key.open((&side, VERSION), &body)?;
                        serde_json::from_slice::<Value>(&versions).map_err(|_| {
                            Error::Nonsense("what the other side says of itself makes no sense")
                        })?;
                        self.stage = Stage::Verified(key);
                    }
                    None => {
                        self.stage = Stage::Keyed(key);
                        self.hear(deadline).await?;
                    }
                },
                Stage::Verified(_) => {}
                Stage::Broken => return Err(Error::WrongCode),
            }
        }
        Ok(())
    }

    /// Says something, once the other side is there.
    ///
    /// # Errors
    /// As [`Self::verify`]; also when the server goes away.
    pub async fn send(&mut self, plain: &[u8]) -> Result<(), Error> {
        if plain.len() > MESSAGE_LEN_MAX {
            return Err(Error::TooLong(plain.len()));
        }
        self.verify_by(None).await?;
        let Stage::Verified(key) = &self.stage else { return Err(Error::WrongCode) };
        let phase = self.phases.0.to_string();
        let sealed = key.seal((&self.side, &phase), plain)?;
        self.phases.0 += 1;
        self.mailbox.add(&phase, &sealed).await
    }

    /// The next thing that the other side says: waits at most so long, or for as long as it takes.
    ///
    /// # Errors
    /// As [`Self::verify`]; also when the server goes away.
    pub async fn receive(&mut self, patience: Option<Duration>) -> Result<Vec<u8>, Error> {
        let deadline = patience.map(|patience| Instant::now() + patience);
        self.verify_by(deadline).await?;
        let phase = self.phases.1.to_string();
        let (side, body) = loop {
            if let Some(found) = self.waiting.remove(&phase) {
                break found;
            }
            self.hear(deadline).await?;
        };
        let Stage::Verified(key) = &self.stage else { return Err(Error::WrongCode) };
        let plain = key.open((&side, &phase), &body)?;
        self.phases.1 += 1;
        Ok(plain)
    }

    /// Ends the conversation. What was sent is with the server, or with the other side already.
    pub async fn close(self, mood: Mood) {
        self.mailbox.close(mood).await;
    }

    /// Takes in the next thing that the other side said.
    async fn hear(&mut self, deadline: Option<Instant>) -> Result<(), Error> {
        let Message { side, phase, body } = self.mailbox.next(deadline).await?;
        if side == self.side {
            return Ok(());
        }
        if !self.was_heard {
            // Both sides know the mailbox now: others may have the number.
            self.was_heard = true;
            self.mailbox.release().await?;
        }
        if self.is_due(&phase) {
            if self.waiting.len() >= WAITING_MAX && !self.waiting.contains_key(&phase) {
                return Err(Error::Nonsense("the other side says too much at once"));
            }
            self.waiting.entry(phase).or_insert((side, body));
        }
        Ok(())
    }

    /// Whether something was not had yet. Phases of other kinds are for other programs.
    fn is_due(&self, phase: &str) -> bool {
        match phase {
            PAKE => matches!(self.stage, Stage::Exchanging(_)),
            VERSION => !matches!(self.stage, Stage::Verified(_)),
            number => number.parse::<u32>().is_ok_and(|number| number >= self.phases.1),
        }
    }
}
