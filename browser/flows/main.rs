//! What people do with the interface, one flow after the other, in one browser on one grid.
#![expect(clippy::print_stdout, reason = "it tells how the tests went")]

mod attacks;
mod everyone;
mod files;
mod first_run;
mod grid;
mod guide;
mod looking;
mod uploads;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use browser::{Driver, Session, TestGrid, Tools};

/// What flows work with.
struct Place {
    tools: Tools,
    grid: TestGrid,
    browser: Session,
}

/// A flow and what it is called.
type Flow = (&'static str, fn(&mut Place) -> Result<()>);

const FLOWS: &[Flow] = &[
    ("first run", first_run::a_folder_is_made_and_kept),
    ("first run without scripts", first_run::basics_without_scripts),
    ("new folder, rename, delete, undo", files::change_and_undo),
    ("move and copy", files::move_and_copy),
    ("edit a text", files::edit_a_text),
    ("5000 entries", files::five_thousand_entries),
    ("share", files::share),
    ("upload by input and drag", uploads::by_input_and_drag),
    ("upload interrupted and resumed", uploads::interrupted_and_resumed),
    ("upload cancelled", uploads::cancelled),
    ("pictures, sound, text", looking::every_kind),
    ("zip", looking::zip),
    ("health and repair", grid::health_and_repair),
    ("grid, storage, words", grid::pages),
    ("a file's script reaches nothing", attacks::script_in_a_file),
    ("another site changes nothing", attacks::another_site),
    ("keyboard only", everyone::keyboard_only),
    ("axe", everyone::axe),
    ("speed of the first page", everyone::first_page),
    ("pictures for the guide", guide::pictures),
];

fn main() -> ExitCode {
    let Some(tools) = Tools::find() else {
        println!("passed over: 'cargo xtask browser' runs these tests");
        return ExitCode::SUCCESS;
    };
    let arguments = std::env::args().skip(1);
    let filters: Vec<String> = arguments.filter(|argument| !argument.starts_with('-')).collect();
    match run(tools, &filters) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            println!("{failed} failed");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(tools: Tools, filters: &[String]) -> Result<usize> {
    let scratch = tempfile::tempdir()?;
    let grid = TestGrid::start(&tools.tallac, scratch.path().join("grid"), 5)?;
    let driver = Driver::start(&tools.driver)?;
    let browser = driver.session(&[])?;
    let mut place = Place { tools, grid, browser };
    let mut failed = 0;
    for (name, flow) in FLOWS {
        if !filters.is_empty() && !filters.iter().any(|filter| name.contains(filter.as_str())) {
            continue;
        }
        let started = Instant::now();
        let outcome = flow(&mut place).and_then(|()| place.quiet());
        let took = started.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => println!("ok      {name} ({took:.1} s)"),
            Err(error) => {
                println!("FAILED  {name} ({took:.1} s): {error:#}");
                failed += 1;
                let _ = place.browser.complaints();
            }
        }
    }
    Ok(failed)
}

impl Place {
    /// The browser has nothing to complain of: no script was refused, and none failed.
    fn quiet(&self) -> Result<()> {
        let complaints = self.browser.complaints()?;
        ensure!(complaints.is_empty(), "the browser complains: {complaints:#?}");
        Ok(())
    }

    /// Opens a folder and waits for its list.
    fn open(&self, cap: &str) -> Result<()> {
        self.browser.go(&self.grid.page(cap, ""))?;
        self.loaded()
    }

    fn loaded(&self) -> Result<()> {
        self.browser.wait("document.querySelector('#folder')?.dataset.loaded === ''").map(drop)
    }

    /// Waits until the list has exactly these names.
    fn names_are(&self, names: &[&str]) -> Result<()> {
        let names = serde_json::to_string(&names)?;
        let list = "[...document.querySelectorAll('#list .name a')].map((a) => a.textContent)";
        let shown = self.browser.wait(&format!("JSON.stringify({list}) === {names:?}"));
        shown.map(drop).with_context(|| format!("the list should be {names}"))
    }

    /// Opens the menu of an entry and chooses from it.
    fn choose(&self, entry: &str, action: &str) -> Result<()> {
        self.browser.press(&format!("Actions for {entry}"))?;
        self.browser.press(action)
    }
}
