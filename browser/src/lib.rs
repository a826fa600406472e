//! A browser without a window, driven over WebDriver, and a grid for it to look at.
//!
//! `cargo xtask browser` says where everything is. All of it listens on 127.0.0.1 only.

mod driver;
mod grid;
mod site;

pub use driver::{Driver, Session, keys};
pub use grid::TestGrid;
pub use site::StrangeSite;

use std::path::PathBuf;

/// The programs and files that the tests need.
#[derive(Debug, Clone)]
pub struct Tools {
    /// `tallac`, ours.
    pub tallac: PathBuf,
    /// `chromedriver`.
    pub driver: PathBuf,
    /// The script of axe-core, which finds what keeps people out.
    pub axe: PathBuf,
    /// Where pictures for the guide go, if they are to be made.
    pub pictures: Option<PathBuf>,
}

impl Tools {
    /// All of them, if the environment says where they are; it does not in a plain `cargo test`,
    /// where these tests are passed over.
    #[must_use]
    pub fn find() -> Option<Self> {
        let path = |variable| std::env::var_os(variable).map(PathBuf::from);
        Some(Self {
            tallac: path("TALLAC_BROWSER_TALLAC")?,
            driver: path("TALLAC_BROWSER_DRIVER")?,
            axe: path("TALLAC_BROWSER_AXE")?,
            pictures: path("TALLAC_BROWSER_PICTURES"),
        })
    }
}
