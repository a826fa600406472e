//! The exact words, for those who want them.

use maud::html;

use super::layout::{Page, Part};
use crate::wapi::asked::Asked;
use crate::wapi::reply::Reply;

/// Each with what follows it in the address, and what it means.
const WORDS: &[(&str, &str, &str)] = &[
    (
        "capability",
        "Capability",
        "A short text, beginning with URI:, that is both the address of a \
        file or folder and the key to it. Who has it can open it; there are no accounts and no \
        passwords. Whoever sees it can keep it, and it cannot be taken back.",
    ),
    (
        "read",
        "Right to read",
        "A capability made from a stronger one, with which one can look at a \
        file or folder and everything in it, and change nothing.",
    ),
    (
        "write",
        "Right to change",
        "The capability of a file or folder that can change. Who has it \
        can also read. Of a folder: add, rename, replace and remove whatever is in it.",
    ),
    (
        "verify",
        "Right to verify",
        "A capability with which one can check that all pieces are there \
        and undamaged, and see neither content nor names.",
    ),
    ("grid", "Grid", "All storage servers that this node knows, together."),
    (
        "node",
        "Node",
        "One running copy of the program. The one that serves this page is your \
        gateway: it encrypts before anything leaves this machine.",
    ),
    (
        "server",
        "Storage server",
        "A node that keeps pieces of files for others. It sees numbers and \
        encrypted bytes, no names and no content.",
    ),
    (
        "share",
        "Share",
        "One of the pieces that a file is made into. Some of them, such as any 3 of \
        10, are enough to bring the whole file back.",
    ),
    (
        "happiness",
        "Happiness",
        "On how many different servers a file's shares are, counted so that \
        each server counts once. A new file is taken only if this is high enough.",
    ),
    (
        "healthy",
        "Healthy",
        "All shares of a file are there, on enough different servers. What is \
        not healthy may still be readable, and can be repaired.",
    ),
    (
        "repair",
        "Repair",
        "Making the missing shares anew from those that are left, and giving them \
        to servers that have none.",
    ),
    (
        "lease",
        "Lease",
        "The note on a share that somebody still wants it, until a certain day. \
        Servers may delete shares whose leases have all ended.",
    ),
    (
        "immutable",
        "Immutable",
        "A file or folder that never changes: the capability names exactly \
        these bytes, for ever. Replacing it in a folder makes another file.",
    ),
    (
        "mutable",
        "Mutable",
        "A file or folder whose content can change, while its capability stays.",
    ),
    (
        "collision",
        "Collided versions",
        "When two people change the same mutable file at the same \
        moment, servers may hold two versions of the same age. Checking and repairing, or saving \
        again, leaves one.",
    ),
    (
        "storage-index",
        "Storage index",
        "The number under which servers keep the shares of one file. \
        It reveals nothing of the content, and opens nothing.",
    ),
    ("introducer", "Introducer", "A node that tells others which storage servers there are."),
];

/// The page.
pub(super) fn page(asked: &Asked<'_>) -> Reply {
    let main = html! {
        h1 { "Words" }
        p.lead { "What the words on these pages mean exactly." }
        dl.words {
            @for (id, word, meaning) in WORDS {
                dt id=(id) { (word) }
                dd { (meaning) }
            }
        }
    };
    Page { title: "Words", part: Part::Words, script: None }.reply(asked, &main)
}
