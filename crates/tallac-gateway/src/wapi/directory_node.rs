//! Directories (section 8.4).

use http::header::IF_NONE_MATCH;
use http::{Method, StatusCode};
use tallac_core::cap::DirectoryCap;
use tallac_core::dirnode::{ChildName, Directory, Node, Overwrite, Removal};
use tallac_grid::directory;

use super::asked::Asked;
use super::download::is_known;
use super::error::WebError;
use super::file_node::{self, bad_operation, done, link_cap};
use super::make::{self, Fresh};
use super::place::{self, FoundLink, Spot, Target};
use super::reply::{HTML, Reply, TEXT};
use super::{check, child_map, html, json, listing, ui, walks, work};

/// What is answered for each operation that changes something.
const UNLINKED: &str = "thing unlinked";
const MOVED: &str = "thing moved";
const SET: &str = "Okay so I did it.";

/// Answers a request for a directory.
pub(super) async fn answer(
    asked: &mut Asked<'_>,
    target: &Target,
    cap: &DirectoryCap,
) -> Result<Reply, WebError> {
    let operation = asked.args.operation().to_owned();
    match (asked.method().clone(), operation.as_str()) {
        (Method::GET | Method::HEAD, _) => get(asked, target, cap).await,
        (Method::PUT, "mkdir") => Ok(Reply::text(TEXT, cap.to_string())),
        (Method::PUT, "uri") => {
            if asked.args.replace()? == Overwrite::No {
                return Err(WebError::ExistingChild);
            }
            link_cap(asked, target.spot()?).await
        }
        (Method::PUT, _) => Err(WebError::PutToDirectory),
        (Method::POST, _) => post(asked, cap, &operation).await,
        _ => Ok(Reply::text(TEXT, target.spot()?.remove(asked).await?)),
    }
}

/// What is known of a directory.
async fn get(asked: &Asked<'_>, target: &Target, cap: &DirectoryCap) -> Result<Reply, WebError> {
    let operation = asked.args.operation();
    if operation.is_empty() && ui::is_wanted(asked) {
        return Reply::see_other(&ui::of_node(asked.head.uri.path()));
    }
    let etag = etag(cap, operation);
    let known = asked.headers().get(IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    if is_known(known, etag.as_deref()) {
        return Ok(Reply::empty(StatusCode::NOT_MODIFIED).etag(etag.as_deref()));
    }
    let reply = match operation {
        "" => {
            let format = asked.state.config.mutable_format;
            let prohibited = asked.state.blacklist.now()?;
            let print = move |cap: &_, table: &_| listing::page(cap, table, format, &prohibited);
            Reply::text(HTML, printed(asked, cap, print).await?)
        }
        "json" => {
            let print = |cap: &_, table: &_| json::pretty(&json::directory(cap, table));
            Reply::text(TEXT, printed(asked, cap, print).await?)
        }
        "uri" => Reply::text(TEXT, cap.to_string()),
        "readonly-uri" => Reply::text(TEXT, cap.to_readonly().to_string()),
        "info" => Reply::text(HTML, html::info(&target.node, None)),
        "rename-form" => {
            let name = asked.args.value("name").unwrap_or_default();
            Reply::text(HTML, listing::rename_form(cap, name))
        }
        _ => return Err(bad_operation("GET directory:", operation)),
    };
    Ok(reply.etag(etag.as_deref()))
}

/// What is told of a directory and what is in it.
async fn printed(
    asked: &Asked<'_>,
    cap: &DirectoryCap,
    print: impl FnOnce(&DirectoryCap, &Directory) -> String + Send + 'static,
) -> Result<String, WebError> {
    let table = asked.state.grid.directories().read(cap).await?;
    let cap = cap.clone();
    work::with_bytes(table.size(), move || Ok(print(&cap, &table))).await
}

/// Names what is answered, if it can never be something else.
fn etag(cap: &DirectoryCap, operation: &str) -> Option<String> {
    let is_fixed = ["", "json", "uri", "readonly-uri"].contains(&operation);
    let storage_index = cap.storage_index().filter(|_| is_fixed && !cap.is_mutable())?;
    Some(format!("DIR:{storage_index}-{operation}"))
}

async fn post(
    asked: &mut Asked<'_>,
    cap: &DirectoryCap,
    operation: &str,
) -> Result<Reply, WebError> {
    let text = match operation {
        "mkdir" | "mkdir-with-children" | "mkdir-immutable" => {
            make_child(asked, cap, operation).await?
        }
        "upload" => upload(asked, cap).await?,
        "uri" => link(asked, cap).await?,
        "delete" | "unlink" => {
            // A browser leaves out a field that is empty.
            let name = ChildName::new(asked.args.value("name").unwrap_or_default());
            let spot = directory::Place { directory: cap, name: &name };
            asked.state.grid.directories().unlink(spot, Removal::default()).await?;
            UNLINKED.to_owned()
        }
        "rename" | "relink" => relink(asked, cap, operation).await?,
        "set_children" | "set-children" => {
            let overwrite = asked.args.replace()?;
            let links = child_map::links(asked.children().await?).await?;
            asked.state.grid.directories().set_children(cap, &links, overwrite).await?;
            SET.to_owned()
        }
        "start-manifest" | "start-deep-size" | "start-deep-stats" => {
            return walks::start(asked, cap, operation);
        }
        "stream-manifest" => return walks::stream_manifest(asked, cap),
        "check" => return check::answer(asked, cap.file()).await,
        "start-deep-check" => return check::start(asked, cap),
        "stream-deep-check" => return check::stream(asked, cap),
        _ => return Err(bad_operation("POST to a directory with", operation)),
    };
    done(asked, text)
}

/// A new directory under a name. Without a name it is the directory of the path that is meant,
/// which is there by now.
async fn make_child(
    asked: &mut Asked<'_>,
    cap: &DirectoryCap,
    operation: &str,
) -> Result<String, WebError> {
    let Some(name) = asked.args.filled("name") else { return Ok(cap.to_string()) };
    let spot = Spot { directory: cap.clone(), name: ChildName::new(name) };
    spot.check_writeable()?;
    let (made, overwrite) = match operation {
        "mkdir" => {
            let overwrite = asked.args.replace()?;
            (make::directory(asked, Fresh::asked_for(asked)?).await?, overwrite)
        }
        "mkdir-immutable" => (make::immutable_directory(asked).await?, Overwrite::No),
        _ => {
            let fresh = Fresh::asked_for(asked)?;
            (make::directory_with_children(asked, fresh).await?, Overwrite::No)
        }
    };
    let text = made.to_string();
    spot.put(asked, made.into(), overwrite).await?;
    Ok(text)
}

/// The file of the form, under the name that is given or else the file's own.
async fn upload(asked: &mut Asked<'_>, cap: &DirectoryCap) -> Result<String, WebError> {
    let name = asked.args.filled("name").or_else(|| asked.filename()).unwrap_or_default().trim();
    if name.is_empty() {
        return Err(WebError::UploadWithoutName);
    }
    let spot = Spot { directory: cap.clone(), name: plain_name("name", name)? };
    let child = asked.state.grid.directories().read(cap).await?.get(&spot.name);
    if let Some(child) = &child {
        asked.state.blacklist.now()?.check(&child.node)?;
    }
    match child {
        None => file_node::upload_new(asked, &spot).await,
        Some(child) if child.node.is_directory() => Err(WebError::DirectoryInTheWay),
        Some(child) => {
            let link = Some(FoundLink { spot, metadata: child.metadata });
            file_node::upload(asked, &Target { node: child.node, link }).await
        }
    }
}

/// Links a cap that is given. Returns it as it was given.
async fn link(asked: &Asked<'_>, cap: &DirectoryCap) -> Result<String, WebError> {
    let child = asked.args.filled("uri").ok_or(WebError::LinkWithout("uri"))?;
    let name = asked.args.filled("name").ok_or(WebError::LinkWithout("name"))?;
    let overwrite = asked.args.replace()?;
    let node = child_map::node(name, Some(child), None)?;
    let spot = Spot { directory: cap.clone(), name: ChildName::new(name) };
    spot.put(asked, node, overwrite).await?;
    Ok(child.to_owned())
}

/// Gives a child another name, or another directory.
async fn relink(
    asked: &Asked<'_>,
    cap: &DirectoryCap,
    operation: &str,
) -> Result<String, WebError> {
    let args = &asked.args;
    if operation == "rename" {
        if args.value("to_dir").is_some() {
            return Err(WebError::RenameWithDirectory);
        }
        args.value("to_name").ok_or(WebError::RenameWithout("to_name"))?;
    }
    let overwrite = args.replace()?;
    let from = args.value("from_name").ok_or(WebError::RenameWithout("from_name"))?.trim();
    let to = args.value("to_name").map_or(from, str::trim);
    if to.is_empty() {
        return Err(WebError::RenameWithout("to_name"));
    }
    let (from, to) = (plain_name("from_name", from)?, plain_name("to_name", to)?);
    let target = match args.value("to_dir") {
        Some(path) => directory_at(asked, path.trim()).await?,
        None => cap.clone(),
    };
    let from = directory::Place { directory: cap, name: &from };
    let to = directory::Place { directory: &target, name: &to };
    asked.state.grid.directories().move_child(from, to, overwrite).await?;
    Ok(MOVED.to_owned())
}

/// The directory that `DIRCAP/path` names.
async fn directory_at(asked: &Asked<'_>, path: &str) -> Result<DirectoryCap, WebError> {
    let mut segments = path.split('/');
    let root = place::root(segments.next().unwrap_or_default())?;
    let names: Vec<ChildName> =
        segments.filter(|name| !name.is_empty()).map(ChildName::new).collect();
    let prohibited = asked.state.blacklist.now()?;
    prohibited.check(&root)?;
    let found = asked.state.grid.directories().resolve(&root, &names).await?;
    prohibited.check(&found.node)?;
    match found.node {
        Node::Known(tallac_core::cap::Cap::Directory(cap)) => Ok(cap),
        _ => Err(WebError::NotADirectory),
    }
}

/// A name that cannot be taken for a path.
fn plain_name(argument: &'static str, name: &str) -> Result<ChildName, WebError> {
    if name.contains('/') { Err(WebError::SlashInName(argument)) } else { Ok(ChildName::new(name)) }
}
