//! A few short messages between two machines whose users share a code like `7-crossover-clockwork`:
//! one reads it to the other, who types it. Both machines meet at a rendezvous server, which learns
//! neither the code nor what is said.
//!
//! This is the part of the magic-wormhole protocol that texts need: its mailbox protocol, version
//! 1, over a WebSocket; SPAKE2 with the code as the password; and messages in NaCl's secret boxes.
//! Whoever does not know the code has one guess, and both users notice when it was wrong.
//!
//! ```no_run
//! # async fn dial(host: &str, port: u16) -> std::io::Result<tokio::io::DuplexStream> {
//! #     Err(std::io::ErrorKind::Unsupported.into())
//! # }
//! # async fn give() -> Result<(), wormhole::Error> {
//! let server = wormhole::Server::new("ws://localhost:4000/v1", "example.org/greetings")?;
//! // `dial` opens a connection to a port of a host, in whatever way.
//! let mut wormhole = server.allocate(dial).await?;
//! println!("tell them: {}", wormhole.code().expose());
//! wormhole.send(b"hello").await?;
//! wormhole.close(wormhole::Mood::Happy).await;
//! # Ok(())
//! # }
//! ```

mod code;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod key;
mod mailbox;
mod messages;
mod url;
mod wormhole;

pub use code::{Code, CodeError};
pub use error::Error;
pub use messages::Mood;
pub use wormhole::{Server, Wormhole};

/// Longest message that is sent or taken, in bytes.
pub const MESSAGE_LEN_MAX: usize = 16 << 10;
