//! Servers, and what they keep.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::Place;

pub(super) fn health_and_repair(place: &mut Place) -> Result<()> {
    let folder = place.grid.folder()?;
    place.grid.put(&folder, "sound.wav", &super::looking::sound(3))?;
    let browser = &place.browser;
    browser.go(&place.grid.page(&folder, "sound.wav"))?;
    browser.press("Check now")?;
    browser.wait("document.querySelector('.shares')?.children.length === 5")?;
    ensure!(browser.text("#health-result")?.contains("10 pieces are on 5 servers"), "it is whole");
    // What one server had is gone.
    let mut shares = Vec::new();
    files_below(&place.grid.dir().join("storage01/storage/shares"), &mut shares)?;
    ensure!(!shares.is_empty(), "it had shares");
    for share in shares {
        std::fs::remove_file(share)?;
    }
    browser.press("Check again")?;
    browser.wait("document.querySelector('#health-result').textContent.includes('less safe')")?;
    browser.press("Repair")?;
    browser.wait("document.querySelector('#health-result').textContent.includes('Repaired.')")?;
    browser.wait("document.querySelector('.state[data-good=\"true\"]') !== null")?;
    place.open(&folder)?;
    place.browser.press("Check")?;
    place.browser.wait(
        "/are safe|not as safe/.test(document.querySelector('#check-result')?.textContent)",
    )?;
    Ok(())
}

fn files_below(dir: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() { files_below(&path, found)? } else { found.push(path) }
    }
    Ok(())
}

pub(super) fn pages(place: &mut Place) -> Result<()> {
    let browser = &place.browser;
    browser.go(&place.grid.at("/ui/grid"))?;
    let text = browser.text("#live")?;
    ensure!(text.contains("you can lose 3 of the 5 servers"), "{text}");
    let rows = browser.run("return document.querySelectorAll('#live tbody tr').length", ())?;
    ensure!(rows == 5, "all servers are shown");
    browser.wait("document.querySelector('#operations').hidden === false")?;
    browser.press("Storage")?;
    browser.wait("document.querySelector('h1').textContent === 'Storage'")?;
    browser.press("Words")?;
    browser.wait("!!document.querySelector('dt#capability')")?;
    Ok(())
}
