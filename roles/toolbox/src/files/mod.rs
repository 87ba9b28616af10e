//! Files: one file per verb, and beside them what several verbs share.
//!
//! Paths are taken as they are; a relative one is in the work directory, `~` means nothing and `..`
//! is allowed: the sandbox is the boundary, not the path. Everything is done as the sandbox's user,
//! so the kernel decides what is permitted.

mod bulk_download;
mod bulk_upload;
mod content_type;
mod copy_tree;
mod delete;
mod disposition;
mod download;
mod file_info;
mod find;
mod folder;
mod glob;
mod go_mode;
mod info;
mod list;
mod move_entry;
mod multipart;
mod octal;
mod open;
mod permissions;
mod range;
mod receive;
mod replace;
mod search;
mod store;
mod tree;
mod upload;
mod walk;

pub(crate) use bulk_download::bulk_download;
pub(crate) use bulk_upload::bulk_upload;
pub(crate) use delete::delete;
pub(crate) use download::download;
pub(crate) use find::find;
pub(crate) use folder::folder;
pub(crate) use info::info;
pub(crate) use list::list;
pub(crate) use move_entry::move_entry;
pub(crate) use open::read_text_file;
pub(crate) use permissions::permissions;
pub(crate) use replace::replace;
pub(crate) use search::search;
pub(crate) use tree::remove as remove_tree;
pub(crate) use upload::{upload, upload_legacy};
pub(crate) use walk::Walk;
