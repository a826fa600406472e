//! New files and directories, not yet linked anywhere.

use tallac_core::cap::{DirectoryCap, FileCap, MutableFormat};
use tallac_core::mutable::MutableKeyPair;
use tallac_grid::directory::CreateOptions;
use tallac_grid::upload::{ImmutableCap, UploadOptions};

use super::State;
use super::args::Format;
use super::asked::{Asked, MUTABLE_LEN_MAX};
use super::child_map::{self, Children};
use super::error::WebError;
use super::spool::Plaintext;

/// A new file of the kind that is asked for.
pub(super) async fn file(asked: &Asked<'_>, content: Plaintext) -> Result<FileCap, WebError> {
    let Some(Format::Mutable(format)) = asked.args.format()? else {
        return Ok(match immutable_file(asked.state, content).await? {
            ImmutableCap::Lit(cap) => FileCap::Lit(cap),
            ImmutableCap::Chk(cap) => FileCap::ChkRead(cap),
        });
    };
    let key = key_pair(asked)?;
    let content = content.into_bytes(MUTABLE_LEN_MAX).await?;
    let cap = asked.state.grid.mutable_files().create(format, content, key).await?;
    Ok(FileCap::SskWrite(cap))
}

/// A new immutable file.
async fn immutable_file(state: &State, content: Plaintext) -> Result<ImmutableCap, WebError> {
    let options = UploadOptions { key: content.key, ..UploadOptions::default() };
    Ok(state.grid.uploader().upload(content.source, options).await?.cap)
}

/// How a new directory is to be.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    /// Its format; without one, the node's own.
    format: Option<MutableFormat>,
    /// Its key; without one, a new one.
    key: Option<MutableKeyPair>,
    /// What is in it from the start.
    children: Children,
}

impl Fresh {
    /// Empty, in the format that is asked for.
    pub(super) fn asked_for(asked: &Asked<'_>) -> Result<Self, WebError> {
        let format = match asked.args.format()? {
            Some(Format::Mutable(format)) => Some(format),
            Some(Format::Chk) => return Err(WebError::ImmutableDirectory),
            None => None,
        };
        Ok(Self { format, ..Self::default() })
    }

    /// With the key that is asked for, too.
    pub(super) fn with_key(self, asked: &Asked<'_>) -> Result<Self, WebError> {
        Ok(Self { key: key_pair(asked)?, ..self })
    }
}

/// A new directory.
pub(super) async fn directory(asked: &Asked<'_>, fresh: Fresh) -> Result<DirectoryCap, WebError> {
    let Fresh { format, key, children } = fresh;
    let format = Some(format.unwrap_or(asked.state.config.mutable_format));
    let options = CreateOptions { format, key, children };
    Ok(asked.state.grid.directories().create(options).await?)
}

/// A new directory with the children that the body of the request lists.
pub(super) async fn directory_with_children(
    asked: &mut Asked<'_>,
    fresh: Fresh,
) -> Result<DirectoryCap, WebError> {
    let children = child_map::initial(asked.children().await?).await?;
    directory(asked, Fresh { children, ..fresh }).await
}

/// The same for a directory that never changes.
pub(super) async fn immutable_directory(asked: &mut Asked<'_>) -> Result<DirectoryCap, WebError> {
    let children = child_map::initial(asked.children().await?).await?;
    Ok(asked.state.grid.directories().create_immutable(&children).await?)
}

/// The key of `private-key=`, if there is one.
fn key_pair(asked: &Asked<'_>) -> Result<Option<MutableKeyPair>, WebError> {
    let Some(der) = asked.args.private_key()? else { return Ok(None) };
    MutableKeyPair::from_pkcs8_der(&der).map(Some).map_err(WebError::BadKey)
}
