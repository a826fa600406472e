//! Pictures of the main pages, made when they are asked for.

use anyhow::Result;
use serde_json::json;

use super::Place;

pub(super) fn pictures(place: &mut Place) -> Result<()> {
    let Some(dir) = place.tools.pictures.clone() else { return Ok(()) };
    std::fs::create_dir_all(&dir)?;
    let folder = place.grid.folder()?;
    fill(place, &folder)?;
    let page = |path: &str| place.grid.page(&folder, path);
    let pages = [
        ("first-run", place.grid.at("/ui/")),
        ("new-folder", page("?new=1")),
        ("folder", page("")),
        ("picture", page("lake.svg")),
        ("health", page("evening.wav")),
        ("text", page("Read%20me.md")),
        ("pdf", page("paper.pdf")),
        ("grid", place.grid.at("/ui/grid")),
        ("storage", place.grid.at("/ui/storage")),
        ("share", page("")),
    ];
    for (suffix, scheme, width, height) in
        [("", "light", 1200, 800), ("-dark", "dark", 1200, 800), ("-phone", "light", 390, 844)]
    {
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        place.browser.command("Emulation.setEmulatedMedia", &media)?;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1,
            "mobile": width < 500 });
        place.browser.command("Emulation.setDeviceMetricsOverride", &metrics)?;
        for (name, url) in &pages {
            let is_shown = suffix.is_empty()
                || ["text-dark", "folder-phone", "share-phone"]
                    .contains(&&*format!("{name}{suffix}"));
            if !is_shown {
                continue;
            }
            place.browser.go(url)?;
            match *name {
                "health" => {
                    place.browser.press("Check now")?;
                    place.browser.wait("!!document.querySelector('.shares')")?;
                    place.browser.run("document.querySelector('#health').scrollIntoView()", ())?;
                }
                // Nothing tells when the browser's own viewer has drawn the page.
                "pdf" => {
                    let wait = "await new Promise((done) => setTimeout(done, 3000))";
                    place.browser.run(wait, ())?;
                }
                "folder" | "share" => place.loaded()?,
                "picture" => {
                    place.browser.wait("document.querySelector('img.preview')?.complete")?;
                }
                _ => {}
            }
            if *name == "share" {
                place.browser.press("Share")?;
                place.browser.click("input[value=read]")?;
                place.browser.wait("document.querySelector('img.qr')?.naturalWidth > 0")?;
            }
            std::fs::write(dir.join(format!("{name}{suffix}.png")), place.browser.picture()?)?;
        }
    }
    place.browser.command("Emulation.clearDeviceMetricsOverride", &json!({}))?;
    place.browser.command("Emulation.setEmulatedMedia", &json!({ "features": [] }))?;
    Ok(())
}

/// Puts something into the folder that is shown.
fn fill(place: &Place, folder: &str) -> Result<()> {
    for name in ["Letters/2026.txt", "Photos/lake.svg", "Music/quiet.wav"] {
        place.grid.put(folder, name, super::looking::DRAWING.as_bytes())?;
    }
    place.grid.put(folder, "lake.svg", super::looking::DRAWING.as_bytes())?;
    place.grid.put(folder, "evening.wav", &super::looking::sound(40))?;
    place.grid.put(
        folder,
        "Read%20me.md",
        b"# Our files\n\nWhat is *here* is kept for all of us.\n\n- Letters\n- Photos",
    )?;
    place.grid.put(folder, "accounts%202026.csv", &[b'x'; 4200])?;
    place.grid.put(folder, "paper.pdf", super::looking::PDF.as_bytes())?;
    Ok(())
}
