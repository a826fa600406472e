//! The first minutes, with scripts and without.

use anyhow::{Result, ensure};

use super::Place;

pub(super) fn a_folder_is_made_and_kept(place: &mut Place) -> Result<()> {
    let browser = &place.browser;
    browser.go(&place.grid.at("/"))?;
    ensure!(browser.url()?.ends_with("/ui/"), "people are sent to the interface");
    ensure!(browser.text(".state")?.contains("5 of 5 storage servers"), "the state is told");
    browser.press("Make my first folder")?;
    place.loaded()?;
    ensure!(browser.text("#keep")?.contains("only way back"), "it says how to keep it");
    ensure!(!browser.title()?.contains("URI"), "no cap in the title");
    browser.press("Remember it in this browser")?;
    browser.press("Show a QR code")?;
    browser.wait("document.querySelector('dialog img.qr')?.naturalWidth > 0")?;
    browser.press("Done")?;
    let cap = browser.run("return document.querySelector('#folder').dataset.cap", ())?;
    browser.press("Print a recovery sheet")?;
    browser.wait("!!document.querySelector('.sheet')")?;
    ensure!(!browser.url()?.contains("URI"), "no cap in the address of the sheet");
    let printed = browser.text(".sheet .cap")?;
    ensure!(cap == printed.trim(), "the cap is on the sheet");
    browser.go(&place.grid.at("/ui/"))?;
    browser.press("Folder")?;
    place.loaded()?;
    browser.go(&place.grid.at("/ui/"))?;
    browser.type_into("#cap", &printed)?;
    browser.press("Open")?;
    place.loaded()
}

pub(super) fn basics_without_scripts(place: &mut Place) -> Result<()> {
    let browser = &place.browser;
    browser.command("Emulation.setScriptExecutionDisabled", &serde_json::json!({"value": true}))?;
    let done = without_scripts(place);
    browser
        .command("Emulation.setScriptExecutionDisabled", &serde_json::json!({"value": false}))?;
    done
}

/// The driver looks through the page's source, for nothing can be run in it.
fn without_scripts(place: &Place) -> Result<()> {
    let browser = &place.browser;
    browser.go(&place.grid.at("/ui/"))?;
    browser.click_now("form[action='/ui/new'] button")?;
    ensure!(browser.url()?.contains("/ui/open/URI%3ADIR2%3A"), "it goes to the folder");
    let file = tempfile::Builder::new().prefix("note").suffix(".txt").tempfile()?;
    std::fs::write(file.path(), "words without scripts")?;
    let path = file.path().to_string_lossy().into_owned();
    browser.type_now(".plain-upload input[type=file]", &path)?;
    browser.click_now(".plain-upload button")?;
    ensure!(browser.url()?.contains("/ui/open/"), "it comes back to the folder");
    browser.click_now(".plain-make summary")?;
    browser.type_now("#new-name", "inner")?;
    browser.click_now(".plain-make button")?;
    let source = browser.source()?;
    ensure!(source.contains(">inner</a>") && source.contains("note"), "both are listed");
    browser.click_now("#list td.name a[href$='.txt']")?;
    ensure!(browser.source()?.contains("words without scripts"), "it is shown");
    ensure!(browser.source()?.contains("?save=true"), "it can be downloaded");
    Ok(())
}
