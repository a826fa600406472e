//! Files on their way in.

use anyhow::{Result, ensure};
use serde_json::json;

use super::Place;

/// Drops two files, one of so many bytes.
const DROP: &str = "
    const transfer = new DataTransfer();
    const bytes = new Uint8Array(arg);
    for (let i = 0; i < bytes.length; i += 4096) bytes[i] = Math.random() * 256;
    transfer.items.add(new File([bytes], 'large.bin'));
    transfer.items.add(new File(['small'], 'small.txt', { type: 'text/plain' }));
    const box = document.querySelector('#folder');
    for (const type of ['dragenter', 'dragover', 'drop']) {
      const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
      box.dispatchEvent(new DragEvent(type, options));
    }";

const READY: &str = "document.querySelector('#folder')?.dataset.ready === ''";

pub(super) fn by_input_and_drag(place: &mut Place) -> Result<()> {
    let folder = place.grid.folder()?;
    place.open(&folder)?;
    let browser = &place.browser;
    browser.wait(READY)?;
    // The button opens the system's own dialog; what it gives is given here.
    browser.run(
        "HTMLInputElement.prototype.click = function () {}; \
         document.querySelector('#upload-folder').click(); \
         const input = document.querySelector('input.picked'); \
         Object.defineProperty(input, 'files', { value: ['top/a.txt', 'top/deep/b.txt', \
           'top/deep/c.txt'].map((name) => { const file = new File([name], name.split('/').pop()); \
           Object.defineProperty(file, 'webkitRelativePath', { value: name }); return file; }) }); \
         input.dispatchEvent(new Event('change'));",
        (),
    )?;
    browser.wait("document.querySelector('#transfers h2 span').textContent === '3 uploaded'")?;
    for name in ["top/a.txt", "top/deep/b.txt", "top/deep/c.txt"] {
        let stored = place.grid.web().call("GET", &format!("/uri/{folder}/{name}"), b"")?;
        ensure!(stored == name, "{name} is {stored}");
    }
    place.names_are(&["top"])?;
    browser.run(DROP, 300_000)?;
    place.names_are(&["top", "large.bin", "small.txt"])?;
    browser.wait("document.querySelector('#transfers h2 span').textContent === '5 uploaded'")?;
    browser.run(DROP, 1000)?;
    browser.press("Keep both")?;
    place.names_are(&["top", "large (2).bin", "large.bin", "small (2).txt", "small.txt"])
}

pub(super) fn interrupted_and_resumed(place: &mut Place) -> Result<()> {
    let folder = place.grid.folder()?;
    place.open(&folder)?;
    place.browser.wait(READY)?;
    let slow = json!({ "offline": false, "latency": 0, "downloadThroughput": -1,
        "uploadThroughput": 400_000 });
    place.browser.command("Network.enable", &json!({}))?;
    place.browser.command("Network.emulateNetworkConditions", &slow)?;
    place.browser.run(DROP, 3_000_000)?;
    let words = "document.querySelector('#transfers').textContent";
    place.browser.wait(&format!("/a second, about .* left/.test({words})"))?;
    place.grid.kill()?;
    place.browser.wait(&format!("{words}.includes('Interrupted')"))?;
    let fast = json!({ "offline": false, "latency": 0, "downloadThroughput": -1,
        "uploadThroughput": -1 });
    place.browser.command("Network.emulateNetworkConditions", &fast)?;
    place.grid.resume()?;
    place
        .browser
        .wait("document.querySelector('#transfers h2 span').textContent === '2 uploaded'")?;
    place.names_are(&["large.bin", "small.txt"])?;
    let (_, stored) =
        place.grid.web().ask_bytes("GET", &format!("/uri/{folder}/large.bin"), b"")?;
    ensure!(stored.len() == 3_000_000, "all of it is there");
    // That the node did not answer for a while is what this was about.
    let complaints = place.browser.complaints()?;
    let is_known =
        |line: &String| line.contains("Failed to load resource") || line.contains("beforeunload");
    ensure!(complaints.iter().all(is_known), "{complaints:?}");
    Ok(())
}

pub(super) fn cancelled(place: &mut Place) -> Result<()> {
    let folder = place.grid.folder()?;
    place.open(&folder)?;
    let browser = &place.browser;
    browser.wait(READY)?;
    let slow = json!({ "offline": false, "latency": 0, "downloadThroughput": -1,
        "uploadThroughput": 200_000 });
    browser.command("Network.enable", &json!({}))?;
    browser.command("Network.emulateNetworkConditions", &slow)?;
    browser.run(DROP, 5_000_000)?;
    browser.wait("document.querySelector('#transfers').textContent.includes(' of 5 MB')")?;
    browser.press("Cancel: large.bin")?;
    browser.wait("document.querySelector('#transfers').textContent.includes('Cancelled')")?;
    let fast = json!({ "offline": false, "latency": 0, "downloadThroughput": -1,
        "uploadThroughput": -1 });
    browser.command("Network.emulateNetworkConditions", &fast)?;
    place.names_are(&["small.txt"])?;
    browser.press("Retry: large.bin")?;
    place.names_are(&["large.bin", "small.txt"])
}
