//! The operations on files.

mod bulk_download;
mod bulk_upload;
mod change;
mod download;
mod find;
mod look;
mod upload;
