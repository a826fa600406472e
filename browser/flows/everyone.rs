//! For those who use no mouse, no eyes, or a slow machine.

use anyhow::{Context as _, Result, ensure};
use browser::keys::{DOWN, ENTER, ESCAPE, TAB};
use serde_json::json;

use super::Place;

/// What has the focus.
const FOCUS: &str = "(document.activeElement?.getAttribute('aria-label') \
    ?? document.activeElement?.textContent ?? '').trim()";

impl Place {
    /// Tabs until this has the focus, and it can be seen that it has.
    fn tab_to(&self, name: &str) -> Result<()> {
        for _ in 0..80 {
            if self.browser.run(&format!("return {FOCUS}"), ())? == name {
                let outline = self
                    .browser
                    .run("return getComputedStyle(document.activeElement).outlineStyle", ())?;
                ensure!(outline != "none", "{name} does not show that it has the focus");
                return Ok(());
            }
            self.browser.keys(TAB)?;
        }
        anyhow::bail!("the keyboard does not reach {name}")
    }
}

pub(super) fn keyboard_only(place: &mut Place) -> Result<()> {
    let browser = &place.browser;
    browser.go(&place.grid.at("/ui/"))?;
    place.tab_to("Skip to the content")?;
    place.tab_to("Make my first folder")?;
    browser.keys(ENTER)?;
    place.loaded()?;
    place.tab_to("New folder")?;
    browser.keys(ENTER)?;
    browser.wait("document.activeElement?.id === 'answer'")?;
    browser.keys("first")?;
    browser.keys(ENTER)?;
    place.names_are(&["first"])?;
    place.tab_to("Actions for first")?;
    browser.keys(ENTER)?;
    browser.wait(&format!("{FOCUS} === 'Open'"))?;
    browser.keys(ESCAPE)?;
    browser.wait(&format!("{FOCUS} === 'Actions for first'"))?;
    browser.keys(ENTER)?;
    browser.wait(&format!("{FOCUS} === 'Open'"))?;
    for _ in 0..3 {
        browser.keys(DOWN)?;
    }
    browser.wait(&format!("{FOCUS} === 'Rename…'"))?;
    browser.keys(ENTER)?;
    browser.wait("document.activeElement?.id === 'answer'")?;
    browser.keys("second")?;
    browser.keys(ENTER)?;
    place.names_are(&["second"])?;
    place.tab_to("Undo")?;
    browser.keys(ENTER)?;
    place.names_are(&["first"])?;
    place.tab_to("Share")?;
    browser.keys(ENTER)?;
    browser.wait("!!document.querySelector('dialog[open]')")?;
    browser.keys(ESCAPE)?;
    browser.wait(&format!("!document.querySelector('dialog') && {FOCUS} === 'Share'"))?;
    Ok(())
}

pub(super) fn axe(place: &mut Place) -> Result<()> {
    let axe = std::fs::read_to_string(&place.tools.axe).context("axe-core")?;
    let folder = place.grid.folder()?;
    place.grid.put(&folder, "sound.wav", &super::looking::sound(1))?;
    place.grid.put(&folder, "note.md", b"# Title\n\nwords")?;
    place.grid.put(&folder, "inner/x", b"x")?;
    let pages = [
        place.grid.at("/ui/"),
        place.grid.at("/ui/grid"),
        place.grid.at("/ui/storage"),
        place.grid.at("/ui/words"),
        place.grid.page(&folder, ""),
        place.grid.page(&folder, "?new=1"),
        place.grid.page(&folder, "sound.wav"),
        place.grid.page(&folder, "note.md"),
    ];
    for scheme in ["light", "dark"] {
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        place.browser.command("Emulation.setEmulatedMedia", &media)?;
        for page in &pages {
            place.browser.go(page)?;
            if place.browser.url()?.contains("/ui/open/") && !page.contains('.') {
                place.loaded()?;
            }
            let name = page.rsplit('/').next().unwrap_or_default();
            findings(place, &axe).with_context(|| format!("{name} in {scheme}"))?;
        }
        place.open(&folder)?;
        place.browser.press("Share")?;
        place.browser.click("input[value=write]")?;
        findings(place, &axe).with_context(|| format!("the share dialog in {scheme}"))?;
        place.browser.keys(ESCAPE)?;
    }
    let media = json!({ "features": [] });
    place.browser.command("Emulation.setEmulatedMedia", &media)?;
    Ok(())
}

/// What keeps people out, by WCAG 2.2 AA.
fn findings(place: &Place, axe: &str) -> Result<()> {
    // By way of the browser's own protocol: the page's policy lets nobody else add a script.
    place.browser.command("Runtime.evaluate", &json!({ "expression": axe }))?;
    let found = place.browser.run(
        "const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']; \
         const found = await axe.run(document, { runOnly: tags }); \
         return found.violations.filter((v) => v.impact !== 'minor').map((v) => \
         `${v.impact} ${v.id}: ` + v.nodes.slice(0, 3) \
         .map((n) => n.html + ' ' + n.failureSummary).join(' | '))",
        (),
    )?;
    ensure!(found.as_array().is_some_and(Vec::is_empty), "{found:#}");
    Ok(())
}

pub(super) fn first_page(place: &mut Place) -> Result<()> {
    let browser = &place.browser;
    browser.command("Network.clearBrowserCache", &json!({}))?;
    browser.go(&place.grid.at("/ui/"))?;
    browser.wait("document.documentElement.classList.contains('scripted')")?;
    let measured = browser.run(
        "const all = [...performance.getEntriesByType('navigation'), \
         ...performance.getEntriesByType('resource')]; \
         return [all.reduce((sum, one) => sum + one.transferSize, 0), \
         performance.getEntriesByType('navigation')[0].domInteractive, \
         performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd]",
        (),
    )?;
    let number = |at: usize| measured[at].as_f64().unwrap_or(f64::MAX);
    ensure!(number(0) < 100_000.0, "{} bytes are transferred", number(0));
    ensure!(number(2) < 300.0, "it is interactive after {} ms", number(2));
    Ok(())
}
