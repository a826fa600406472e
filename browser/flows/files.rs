//! Folders: what is in them, and changing that.

use anyhow::{Result, ensure};
use serde_json::json;

use super::Place;

pub(super) fn change_and_undo(place: &mut Place) -> Result<()> {
    let folder = place.grid.folder()?;
    place.grid.put(&folder, "b.txt", b"b")?;
    place.grid.put(&folder, "a.txt", b"a, which is longer")?;
    place.open(&folder)?;
    let browser = &place.browser;
    place.names_are(&["a.txt", "b.txt"])?;
    browser.press("Size")?;
    place.names_are(&["b.txt", "a.txt"])?;
    browser.press("Name")?;
    browser.type_into("#filter", "B")?;
    place.names_are(&["b.txt"])?;
    browser.run(
        "const f = document.querySelector('#filter'); f.value = ''; \
         f.dispatchEvent(new Event('input'));",
        (),
    )?;
    browser.press("New folder")?;
    browser.type_into("#answer", "zoo")?;
    browser.press("Make it")?;
    place.names_are(&["zoo", "a.txt", "b.txt"])?;
    place.choose("a.txt", "Rename…")?;
    browser.run("document.querySelector('#answer').value = ''", ())?;
    browser.type_into("#answer", "c.txt")?;
    browser.press("Rename")?;
    place.names_are(&["zoo", "b.txt", "c.txt"])?;
    browser.press("Undo")?;
    place.names_are(&["zoo", "a.txt", "b.txt"])?;
    place.choose("b.txt", "Delete")?;
    place.names_are(&["zoo", "a.txt"])?;
    browser.press("Undo")?;
    place.names_are(&["zoo", "a.txt", "b.txt"])?;
    ensure!(
        place.grid.web().call("GET", &format!("/uri/{folder}/b.txt"), b"")? == "b",
        "it is back"
    );
    browser.click("#pick-all")?;
    browser.press("Delete")?;
    place.names_are(&[])?;
    browser.press("Undo")?;
    place.names_are(&["zoo", "a.txt", "b.txt"])
}

pub(super) fn move_and_copy(place: &mut Place) -> Result<()> {
    let folder = place.grid.folder()?;
    place.grid.put(&folder, "inner/x.txt", b"x")?;
    place.grid.put(&folder, "y.txt", b"y")?;
    place.open(&folder)?;
    let browser = &place.browser;
    place.choose("y.txt", "Move…")?;
    browser.press("inner")?;
    browser.press("Move here")?;
    place.names_are(&["inner"])?;
    browser.press("inner")?;
    place.loaded()?;
    place.names_are(&["x.txt", "y.txt"])?;
    place.choose("x.txt", "Copy…")?;
    browser.press("Up")?;
    browser.wait("document.querySelector('dialog .picker')?.textContent.includes('inner')")?;
    browser.press("Copy here")?;
    browser.wait("document.querySelector('#toasts').textContent.includes('copied')")?;
    browser.press("Folder")?;
    place.loaded()?;
    place.names_are(&["inner", "x.txt"])
}

pub(super) fn edit_a_text(place: &mut Place) -> Result<()> {
    let folder = place.grid.folder()?;
    place.grid.put(&folder, "note.md", b"# Before\n\n<script>alert(1)</script>\n\n*words*")?;
    place.grid.web().call("PUT", &format!("/uri/{folder}/plain.txt?format=sdmf"), b"first")?;
    let browser = &place.browser;
    browser.go(&place.grid.page(&folder, "note.md"))?;
    ensure!(browser.text(".prose h2")? == "Before", "Markdown is shown");
    ensure!(browser.text(".prose em")? == "words", "as it is meant");
    let scripts = browser.run("return document.querySelectorAll('.prose script').length", ())?;
    ensure!(scripts == 0, "and nothing in it runs");
    for (name, text) in [("note.md", "# After"), ("plain.txt", "second")] {
        browser.go(&place.grid.page(&folder, name))?;
        browser.press("Edit")?;
        browser.run("document.querySelector('.editor').value = arg", text)?;
        browser.press("Save")?;
        browser.wait(&format!(
            "document.querySelector('#text')?.textContent === {} \
             && !document.querySelector('.editor')",
            json!(text)
        ))?;
        let stored = place.grid.web().call("GET", &format!("/uri/{folder}/{name}"), b"")?;
        ensure!(stored == text, "{name} is {stored}");
    }
    Ok(())
}

pub(super) fn five_thousand_entries(place: &mut Place) -> Result<()> {
    let folder = place.grid.folder()?;
    let children: serde_json::Map<_, _> = (0..5000)
        .map(|i| (format!("file {i}.txt"), json!(["filenode", { "ro_uri": "URI:LIT:nbswy3dp" }])))
        .collect();
    let children = serde_json::to_vec(&children)?;
    place.grid.web().call("POST", &format!("/uri/{folder}?t=set_children"), &children)?;
    place.open(&folder)?;
    let browser = &place.browser;
    ensure!(browser.text("#count")?.replace([',', '.'], "") == "5000 entries", "all are counted");
    let took = browser.run(
        "return performance.measure('list', 'listing-arrived', 'listing-shown').duration",
        (),
    )?;
    let took = took.as_f64().unwrap_or(f64::MAX);
    ensure!(took < 500.0, "it takes {took} ms to show them");
    let rows = browser.run("return document.querySelectorAll('#list tbody tr').length", ())?;
    ensure!(rows.as_u64().is_some_and(|rows| rows < 200), "{rows} rows are in the page");
    browser.run("scrollTo(0, document.body.scrollHeight)", ())?;
    browser.wait("document.querySelector('#list').textContent.includes('file 4999.txt')")?;
    let took = browser.run(
        "const f = document.querySelector('#filter'); const at = performance.now(); \
         f.value = '4321'; f.dispatchEvent(new Event('input')); return performance.now() - at;",
        (),
    )?;
    ensure!(took.as_f64().is_some_and(|took| took < 300.0), "the filter takes {took} ms");
    place.names_are(&["file 4321.txt"])
}

pub(super) fn share(place: &mut Place) -> Result<()> {
    let folder = place.grid.folder()?;
    place.grid.put(&folder, "x.txt", b"x")?;
    place.open(&folder)?;
    let browser = &place.browser;
    browser.press("Share")?;
    browser.click("input[value=read]")?;
    browser.wait("document.querySelector('#share-cap')?.value.startsWith('URI:DIR2-RO:')")?;
    browser.wait("document.querySelector('dialog img.qr')?.naturalWidth > 0")?;
    browser.click("input[value=write]")?;
    ensure!(browser.text(".warning")?.contains("cannot be taken back"), "it warns");
    let shown = browser.run("return !!document.querySelector('#share-cap')", ())?;
    ensure!(shown == false, "before it shows");
    browser.click("#share-anyway")?;
    browser.wait("document.querySelector('#share-cap')?.value.startsWith('URI:DIR2:')")?;
    browser.click("input[value=verify]")?;
    browser.wait("document.querySelector('#share-cap')?.value.startsWith('URI:DIR2-Verifier:')")?;
    browser.press("Done")?;
    let link = browser.run(
        "return (await (await fetch(`/uri/${encodeURIComponent(arg)}?t=readonly-uri`)).text())",
        folder,
    )?;
    place.open(link.as_str().unwrap_or_default())?;
    place.names_are(&["x.txt"])?;
    let can_upload = browser.run("return !!document.querySelector('#upload-files')", ())?;
    ensure!(can_upload == false, "who may look cannot put anything in");
    Ok(())
}
