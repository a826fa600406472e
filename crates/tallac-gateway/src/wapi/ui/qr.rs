//! Capabilities that leave the screen: as a picture for telephones, and on paper.

use maud::{Markup, PreEscaped, html};
use qrcode::{Color, EcLevel, QrCode};

use super::layout::{Page, Part};
use crate::wapi::asked::Asked;
use crate::wapi::error::WebError;
use crate::wapi::reply::Reply;

/// Bytes of a text that is made a picture, at most: more does not fit.
const TEXT_LEN_MAX: usize = 2000;

/// Modules of white around the picture.
const MARGIN: usize = 4;

/// Answers with a picture of a text, as SVG for a script to show.
pub(super) fn picture(asked: &Asked<'_>) -> Result<Reply, WebError> {
    let text = asked.args.filled("text").ok_or(WebError::MissingArgument("text"))?;
    let svg = svg(text).ok_or(WebError::MissingArgument("text"))?;
    Ok(Reply::text("image/svg+xml", svg.into_string()).of_interface())
}

/// A page to print, with a cap on it.
pub(super) fn sheet(asked: &Asked<'_>) -> Result<Reply, WebError> {
    let cap = asked.args.filled("cap").ok_or(WebError::MissingArgument("cap"))?.trim();
    let name = asked.args.filled("name").unwrap_or("Folder");
    let main = html! {
        article.sheet {
            h1 { "Recovery sheet: " (name) }
            p {
                "With what is on this sheet, everything in it can be opened on any machine that \
                 reaches the same grid. Keep it where you keep keys, and show it to nobody who \
                 shall not have the files."
            }
            @if let Some(svg) = svg(cap) { div.qr { (svg) } }
            p { "The capability, to be typed as one word:" }
            p.cap { code { (in_groups(cap)) } }
            h2 { "How to use it" }
            ol {
                li { "Install Tallac or Tahoe-LAFS, and join the grid." }
                li { "Open the node's page in a browser." }
                li { "Put the capability into " strong { "Open a folder or file" } "." }
            }
            p.quiet { "Printed from the node " (asked.state.config.nickname) "." }
        }
        p.no-print { "Use your browser's command to print this page." }
    };
    let page = Page { title: "Recovery sheet", part: Part::Files, script: None };
    Ok(page.reply(asked, &main))
}

/// With places where a line may end, that are not copied.
fn in_groups(cap: &str) -> Markup {
    html! { @for group in cap.as_bytes().chunks(8) { (String::from_utf8_lossy(group)) wbr; } }
}

/// The picture; `None` if the text is too long for one.
fn svg(text: &str) -> Option<Markup> {
    if text.len() > TEXT_LEN_MAX {
        return None;
    }
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (at, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (at % width + MARGIN, at / width + MARGIN);
            path += &format!("M{x} {y}h1v1h-1z");
        }
    }
    let side = width + 2 * MARGIN;
    let open = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" role=\"img\" \
         aria-label=\"QR code\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/>\
         <path fill=\"#000\" d=\"{path}\"/></svg>"
    );
    Some(PreEscaped(open))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_made_of_what_fits() {
        let svg = svg("URI:DIR2:abc").unwrap().into_string();
        assert!(svg.starts_with("<svg") && !svg.contains("URI"));
        assert!(super::svg(&"x".repeat(TEXT_LEN_MAX + 1)).is_none());
    }
}
