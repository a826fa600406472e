//! What a path leads to: `/uri/CAP/a/b`, one directory after the other (sections 8.3 and 8.4).

use http::Method;
use tallac_core::cap::{Cap, DirectoryCap, FileCap};
use tallac_core::dirnode::{ChildName, Metadata, Node, Overwrite, Removal};
use tallac_grid::directory;

use super::asked::Asked;
use super::check;
use super::error::WebError;
use super::make::{self, Fresh};

/// Where a path ends.
#[derive(Debug)]
pub(super) enum Place {
    /// At something that is there.
    Taken(Target),
    /// At a name in a directory that has no such child, though it may get one.
    Vacant(Spot),
    /// At a name in a directory, and it makes no difference what is there.
    Blind(Spot),
}

/// Something that is there.
#[derive(Debug)]
pub(super) struct Target {
    /// What it is.
    pub(super) node: Node,
    /// How it was found, if it was in a directory.
    pub(super) link: Option<FoundLink>,
}

/// A link that was followed.
#[derive(Debug)]
pub(super) struct FoundLink {
    /// Where it is.
    pub(super) spot: Spot,
    /// What is known of it.
    pub(super) metadata: Metadata,
}

/// A name in a directory.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    /// The directory.
    pub(super) directory: DirectoryCap,
    /// The name.
    pub(super) name: ChildName,
}

impl Spot {
    /// The same for those who change directories.
    pub(super) const fn place(&self) -> directory::Place<'_> {
        directory::Place { directory: &self.directory, name: &self.name }
    }

    /// Refuses to go on if nothing can be put there, before something is made in vain.
    pub(super) fn check_writeable(&self) -> Result<(), WebError> {
        if self.directory.is_writeable() { Ok(()) } else { Err(WebError::NotWriteable) }
    }

    /// Links something.
    pub(super) async fn put(
        &self,
        asked: &Asked<'_>,
        node: Node,
        overwrite: Overwrite,
    ) -> Result<Metadata, WebError> {
        let directories = asked.state.grid.directories();
        Ok(directories.set_child(self.place(), node.into(), overwrite).await?.metadata)
    }

    /// Unlinks what is there, and returns its cap.
    pub(super) async fn remove(&self, asked: &Asked<'_>) -> Result<String, WebError> {
        let directories = asked.state.grid.directories();
        let removed = directories.unlink(self.place(), Removal::default()).await?;
        Ok(removed.and_then(|child| child.node.best_cap()).unwrap_or_default())
    }
}

impl Target {
    /// The name by which it was found.
    pub(super) fn name(&self) -> Option<&str> {
        Some(self.link.as_ref()?.spot.name.as_str())
    }

    /// What is known of the link by which it was found.
    pub(super) fn metadata(&self) -> Option<&Metadata> {
        Some(&self.link.as_ref()?.metadata)
    }

    /// Where it is linked, which is needed to replace or remove it.
    pub(super) fn spot(&self) -> Result<&Spot, WebError> {
        self.link.as_ref().map(|link| &link.spot).ok_or(WebError::NoParent)
    }

    /// Whether it was found in an immutable directory.
    pub(super) fn is_in_immutable_directory(&self) -> bool {
        self.link.as_ref().is_some_and(|link| !link.spot.directory.is_mutable())
    }
}

/// What a cap in a URL names. Verify caps are refused: nothing can be read with them.
pub(super) fn root(text: &str) -> Result<Node, WebError> {
    let node = root_of_any_kind(text)?;
    match node.cap().and_then(Cap::kind) {
        Some(kind) if kind.file.is_verifier() => Err(WebError::VerifyCap(kind)),
        _ => Ok(node),
    }
}

fn root_of_any_kind(text: &str) -> Result<Node, WebError> {
    let cap = Cap::parse(text);
    if let Cap::Unknown(unknown) = &cap {
        let malformed = unknown.error().map(|_| WebError::BadCap(unknown.why()));
        return malformed.map_or_else(|| Ok(cap.into()), Err);
    }
    if let Some(FileCap::ChkRead(cap)) = cap.file() {
        cap.encoding().map_err(WebError::BadNumbers)?;
    }
    Ok(Node::Known(cap))
}

/// Follows a path. Directories that are missing on the way, or at the end of it, are made where the
/// request is one that makes them.
pub(super) async fn resolve(
    asked: &mut Asked<'_>,
    cap: &str,
    mut path: Vec<String>,
) -> Result<Place, WebError> {
    let is_check = path.iter().all(String::is_empty) && check::is_asked_for(asked);
    let node = if is_check { root_of_any_kind(cap)? } else { root(cap)? };
    let mut target = Target { node, link: None };
    let prohibited = asked.state.blacklist.now()?;
    prohibited.check(&target.node)?;
    let mut has_slash = false;
    if target.node.is_directory() {
        has_slash = path.pop_if(|last| last.is_empty()).is_some();
        if path.iter().any(String::is_empty) {
            return Err(WebError::EmptyComponent);
        }
    }
    let makes_directories = makes_directories(asked);
    let count = path.len();
    for (at, name) in path.into_iter().enumerate() {
        let Some(cap) = target.node.directory() else {
            return Err(match target.name().filter(|_| makes_directories) {
                Some(file) => WebError::DirectoryIsAFile(file.to_owned()),
                None if makes_directories => WebError::FileInTheWay(name),
                None => WebError::NoChildren(name),
            });
        };
        let spot = Spot { directory: cap.clone(), name: ChildName::new(&name) };
        let is_last = at + 1 == count;
        if is_last && !has_slash && is_blind(asked) {
            return Ok(Place::Blind(spot));
        }
        let table = asked.state.grid.directories().read(cap).await?;
        target = match table.get(&spot.name) {
            Some(child) => {
                let link = FoundLink { spot, metadata: child.metadata };
                prohibited.check(&child.node)?;
                Target { node: child.node, link: Some(link) }
            }
            None if is_last && may_be_vacant(asked) => {
                return if has_slash {
                    Err(WebError::PutToDirectory)
                } else {
                    Ok(Place::Vacant(spot))
                };
            }
            None if is_last && makes_directory(asked) => make_last(asked, spot).await?,
            None if !is_last && makes_directories => {
                let made = make::directory(asked, Fresh::default()).await?;
                linked(asked, spot, made).await?
            }
            None => return Err(WebError::NoSuchChild(name)),
        };
    }
    // A slash at the end changes nothing for a directory.
    if has_slash && !target.node.is_directory() {
        return Err(WebError::NoChildren(String::new()));
    }
    Ok(Place::Taken(target))
}

/// Whether directories that are missing on the way to the end of the path are to be made.
fn makes_directories(asked: &Asked<'_>) -> bool {
    match (asked.method(), asked.args.operation()) {
        (&Method::PUT, _) => true,
        (&Method::POST, operation) => {
            operation.starts_with("mkdir") || ["upload", "uri"].contains(&operation)
        }
        _ => false,
    }
}

/// Whether an edit of the directory alone does all that is asked: looking into it first would only
/// cost a round trip.
fn is_blind(asked: &Asked<'_>) -> bool {
    match (asked.method(), asked.args.operation()) {
        (&Method::PUT, operation) => operation == "uri",
        (&Method::DELETE, _) => true,
        _ => false,
    }
}

/// Whether the request puts something under a name that nothing has yet.
fn may_be_vacant(asked: &Asked<'_>) -> bool {
    match (asked.method(), asked.args.operation()) {
        (&Method::PUT, operation) => operation != "mkdir",
        (&Method::POST, "upload") => asked.args.filled("name").is_none(),
        _ => false,
    }
}

/// Whether the path itself is to become a directory.
fn makes_directory(asked: &Asked<'_>) -> bool {
    let operation = (asked.method(), asked.args.operation());
    matches!(
        operation,
        (&Method::PUT | &Method::POST, "mkdir")
            | (&Method::POST, "mkdir-with-children" | "mkdir-immutable")
    )
}

/// Makes the directory that the path itself names.
async fn make_last(asked: &mut Asked<'_>, spot: Spot) -> Result<Target, WebError> {
    let made = match asked.args.operation() {
        "mkdir-immutable" => make::immutable_directory(asked).await?,
        "mkdir-with-children" => {
            let fresh = Fresh::asked_for(asked)?;
            make::directory_with_children(asked, fresh).await?
        }
        _ => make::directory(asked, Fresh::asked_for(asked)?).await?,
    };
    linked(asked, spot, made).await
}

/// Links what was just made, unless somebody else took the name.
async fn linked(asked: &Asked<'_>, spot: Spot, made: DirectoryCap) -> Result<Target, WebError> {
    let node = Node::from(made);
    let metadata = spot.put(asked, node.clone(), Overwrite::No).await?;
    Ok(Target { node, link: Some(FoundLink { spot, metadata }) })
}
