//! Files that are looked at.

use anyhow::{Result, ensure};

use super::Place;

/// A second and more of silence that is not quite silent.
pub(super) fn sound(seconds: u32) -> Vec<u8> {
    const RATE: u32 = 8000;
    let len = RATE * seconds;
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + len).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    wav.extend(1_u16.to_le_bytes());
    wav.extend(1_u16.to_le_bytes());
    wav.extend(RATE.to_le_bytes());
    wav.extend(RATE.to_le_bytes());
    wav.extend(1_u16.to_le_bytes());
    wav.extend(8_u16.to_le_bytes());
    wav.extend(b"data");
    wav.extend(len.to_le_bytes());
    wav.extend((0..len).map(|i| 120 + (i % 16).to_le_bytes()[0]));
    wav
}

/// A drawing.
pub(super) const DRAWING: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='640' height='360'>\
    <rect width='640' height='360' fill='#bfe3ea'/><path d='M0 300 180 90l110 150 90-80 260 140z' \
    fill='#0b5f73'/><path d='M0 300h640v60H0z' fill='#5aa9ba'/><circle cx='520' cy='80' r='36' \
    fill='#ffe9a8'/></svg>";

/// A document of one page, as small as they come.
pub(super) const PDF: &str = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
    2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
    3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R/Resources<<>>>>endobj\n\
    4 0 obj<</Length 62>>stream\n\
    0 0.4 0.5 rg 20 20 260 160 re f 1 g 60 60 80 80 re f\nendstream endobj\n\
    trailer<</Root 1 0 R>>\n%%EOF\n";

pub(super) fn every_kind(place: &mut Place) -> Result<()> {
    let folder = place.grid.folder()?;
    place.grid.put(&folder, "lake.svg", DRAWING.as_bytes())?;
    place.grid.put(&folder, "sound.wav", &sound(120))?;
    place.grid.put(&folder, "words.txt", "Größe <b>".as_bytes())?;
    place.grid.put(&folder, "paper.pdf", PDF.as_bytes())?;
    place.grid.put(&folder, "data.bin", &[0; 200])?;
    let browser = &place.browser;
    browser.go(&place.grid.page(&folder, "lake.svg"))?;
    browser.wait("document.querySelector('img.preview')?.naturalWidth === 640")?;
    browser.go(&place.grid.page(&folder, "words.txt"))?;
    ensure!(browser.text("pre.preview")? == "Größe <b>", "text is text");
    browser.go(&place.grid.page(&folder, "data.bin"))?;
    ensure!(browser.text("#view")?.contains("cannot be shown"), "what cannot be shown is not");
    browser.go(&place.grid.page(&folder, "paper.pdf"))?;
    browser.wait("!!document.querySelector('iframe.preview')")?;
    browser.go(&place.grid.page(&folder, "sound.wav"))?;
    browser.wait("document.querySelector('audio')?.readyState >= 1")?;
    // Somewhere in the middle, of which nothing was fetched before.
    let took = browser.run(
        "const audio = document.querySelector('audio'); const at = performance.now(); \
         await new Promise((done) => { audio.onseeked = done; audio.currentTime = 100; }); \
         return audio.currentTime === 100 ? performance.now() - at : -1",
        (),
    )?;
    ensure!(took.as_f64().is_some_and(|ms| (0.0..1000.0).contains(&ms)), "seeking: {took} ms");
    Ok(())
}

pub(super) fn zip(place: &mut Place) -> Result<()> {
    let folder = place.grid.folder()?;
    place.grid.put(&folder, "inner/x.txt", b"some words")?;
    place.grid.put(&folder, "sound.wav", &sound(5))?;
    place.open(&folder)?;
    let link = place.browser.run("return document.querySelector('a[download]').pathname", ())?;
    let (status, zip) =
        place.grid.web().ask_bytes("GET", link.as_str().unwrap_or_default(), b"")?;
    ensure!(status == 200 && zip.starts_with(b"PK\x03\x04"), "it begins as archives do");
    let has = |part: &[u8]| zip.windows(part.len()).any(|window| window == part);
    ensure!(has(b"inner/x.txt") && has(b"some words") && has(&sound(5)), "all is in it");
    ensure!(has(b"PK\x05\x06"), "it has an end");
    Ok(())
}
