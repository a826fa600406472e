//! Directories as pages (section 8.4): what is in them, and forms to change that.

use std::fmt::Write as _;

use tallac_core::cap::{DirectoryCap, MutableFormat};
use tallac_core::dirnode::{Child, Directory, Node};

use super::blacklist::Prohibited;
use super::html::{self, escape};
use super::json::format_name;
use super::unlinked::quoted;

/// Characters of a storage index that are shown.
const ABBREVIATED_LEN: usize = 5;

/// What a directory is called.
fn title(cap: &DirectoryCap) -> String {
    let storage_index = cap.storage_index().map(|si| si.to_string());
    let name = storage_index.as_deref().map_or("&lt;LIT&gt;", |si| &si[..ABBREVIATED_LEN]);
    let access = match (cap.is_writeable(), cap.is_mutable()) {
        (true, _) => " (modifiable)",
        (false, true) => " (read-only)",
        (false, false) => " (immutable)",
    };
    format!("Directory SI={name}{access}")
}

/// The page of a directory.
pub(super) fn page(
    cap: &DirectoryCap,
    table: &Directory,
    format: MutableFormat,
    prohibited: &Prohibited,
) -> String {
    let title = title(cap);
    let mut page = html::begin(&format!("{title} - Tallac"));
    let _ = writeln!(page, "<h1>{title}</h1>\n<p><a href=\"/\">Return to Welcome page</a>");
    if cap.is_writeable() {
        let readonly = quoted(&cap.to_readonly().to_string());
        let _ = writeln!(page, " <a href=\"/uri/{readonly}/\">Read-Only Version</a>");
    }
    let _ = writeln!(page, " <a href=\"?t=info\">More Info</a></p>");
    page += "<table>\n<tr><th>Type</th><th>Filename</th><th>Size</th><th></th></tr>\n";
    let mut is_empty = true;
    for (name, child) in table.iter() {
        is_empty = false;
        match prohibited.reason(&child.node) {
            Some(reason) => prohibited_row(&mut page, name.as_str(), &child.node, reason),
            None => row(&mut page, name.as_str(), &child, cap.is_writeable()),
        }
    }
    page += "</table>\n";
    if is_empty {
        page += "<p>This directory is empty.</p>\n";
    }
    if cap.is_writeable() {
        forms(&mut page, format);
    }
    page + html::END
}

/// Something that is on the node's blacklist: its name, and why it cannot be had.
fn prohibited_row(page: &mut String, name: &str, node: &Node, reason: &str) {
    let kind = if node.is_directory() { "DIR-BLACKLISTED" } else { "BLACKLISTED" };
    let _ = writeln!(
        page,
        "<tr><td>{kind}</td><td><s>{}</s></td><td>-</td><td>Access Prohibited:<br>{}</td></tr>",
        escape(name),
        escape(reason)
    );
}

fn row(page: &mut String, name: &str, child: &Child, is_writeable: bool) {
    let node = &child.node;
    let (kind, link) = match (node, node.best_cap()) {
        (Node::Unknown(_), _) | (_, None) => ("?".to_owned(), None),
        (node, Some(cap)) if node.is_directory() => {
            let kind = match (node.is_writeable(), node.is_mutable()) {
                (true, _) => "DIR",
                (false, true) => "DIR-RO",
                (false, false) => "DIR-IMM",
            };
            (kind.to_owned(), Some(format!("/uri/{}/", quoted(&cap))))
        }
        (node, Some(cap)) => {
            let kind = if node.is_mutable() { "SSK" } else { "FILE" };
            (kind.to_owned(), Some(format!("/named/{}/@@named=/{}", quoted(&cap), quoted(name))))
        }
    };
    let shown = match link {
        Some(link) => format!("<a href=\"{link}\" rel=\"noreferrer\">{}</a>", escape(name)),
        None => escape(name),
    };
    let size = node.size().map_or_else(|| "?".to_owned(), |size| size.to_string());
    let _ = write!(page, "<tr><td>{kind}</td><td>{shown}</td><td>{size}</td><td>");
    if is_writeable {
        let _ = write!(
            page,
            "<form action=\"?\" method=\"post\" enctype=\"multipart/form-data\">\
             <input type=\"hidden\" name=\"t\" value=\"unlink\">\
             <input type=\"hidden\" name=\"name\" value=\"{0}\">\
             <input type=\"hidden\" name=\"when_done\" value=\"?\">\
             <input type=\"submit\" value=\"unlink\"></form> \
             <a href=\"?t=rename-form&amp;name={1}\">rename</a>",
            escape(name),
            quoted(name)
        );
    }
    *page += "</td></tr>\n";
}

/// Forms to add something.
fn forms(page: &mut String, default: MutableFormat) {
    const BEGIN: &str = "<form action=\"?\" method=\"post\" enctype=\"multipart/form-data\">\
        <input type=\"hidden\" name=\"_charset\" value=\"utf-8\">\
        <input type=\"hidden\" name=\"when_done\" value=\"?\">";
    let choices = |formats: &[(&str, &str)], checked: &str| {
        let mut choices = String::new();
        for (value, label) in formats {
            let checked = if *value == checked { " checked" } else { "" };
            let _ = write!(
                choices,
                "<label><input type=\"radio\" name=\"format\" value=\"{value}\"{checked}>{label}\
                 </label> "
            );
        }
        choices
    };
    let directories = [("sdmf", "SDMF"), ("mdmf", "MDMF")];
    let files = [("chk", "Immutable"), ("sdmf", "SDMF"), ("mdmf", "MDMF")];
    let default = format_name(default).to_ascii_lowercase();
    let _ = writeln!(
        page,
        "<h2>Create a new directory in this directory</h2>\n{BEGIN}\
         <input type=\"hidden\" name=\"t\" value=\"mkdir\">\
         <label>Name: <input type=\"text\" name=\"name\"></label> {}\
         <input type=\"submit\" value=\"Create\"></form>",
        choices(&directories, &default)
    );
    let _ = writeln!(
        page,
        "<h2>Upload a file to this directory</h2>\n{BEGIN}\
         <input type=\"hidden\" name=\"t\" value=\"upload\">\
         <input type=\"file\" name=\"file\"> {}\
         <input type=\"submit\" value=\"Upload File\"></form>",
        choices(&files, "chk")
    );
    let _ = writeln!(
        page,
        "<h2>Add a link to a file or directory which is already on the grid</h2>\n{BEGIN}\
         <input type=\"hidden\" name=\"t\" value=\"uri\">\
         <label>New child name: <input type=\"text\" name=\"name\"></label> \
         <label>URI: <input type=\"text\" name=\"uri\"></label> \
         <input type=\"submit\" value=\"Attach\"></form>"
    );
}

/// A form that gives a child another name.
pub(super) fn rename_form(cap: &DirectoryCap, name: &str) -> String {
    let title = title(cap);
    let mut page = html::begin(&format!("Rename in {title} - Tallac"));
    let _ = writeln!(
        page,
        "<h1>Rename in {title}</h1>\n\
         <form action=\"?\" method=\"post\" enctype=\"multipart/form-data\">\
         <input type=\"hidden\" name=\"t\" value=\"rename\">\
         <input type=\"hidden\" name=\"when_done\" value=\"?\">\
         <label>Rename child: \
         <input type=\"text\" name=\"from_name\" readonly value=\"{}\"></label> \
         <label>to name: <input type=\"text\" name=\"to_name\"></label> \
         <input type=\"submit\" value=\"rename\"></form>",
        escape(name)
    );
    page + html::END
}
