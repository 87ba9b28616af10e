//! Files: what is said about one, and the JSON around uploads and downloads.

use serde::{Deserialize, Serialize};

use crate::ErrorCode;

/// One file or directory.
///
/// Source: `FileInfo` of the reference. `modified_at` and `path` are unknown to its Go client before
/// 0.188, which rejects them: they are `None` for that client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct FileInfo {
    /// The last component of the path; `/` for the root, `.` for `.`.
    pub name: String,
    /// Whether it is a directory, after following symlinks.
    pub is_dir: bool,
    /// Bytes.
    pub size: u64,
    /// Go's mode text, such as `-rw-r--r--`, `drwxr-xr-x`, `dtrwxrwxrwx`.
    pub mode: String,
    /// The low nine bits of the mode as four octal digits, `0644`.
    pub permissions: String,
    /// Go's text of the modification time in UTC. Deprecated by the reference, still required.
    pub mod_time: String,
    /// The same instant, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<String>,
    /// The numeric uid, as text.
    pub owner: String,
    /// The numeric gid, as text.
    pub group: String,
    /// The absolute path, symlinks not resolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// One line that contains a text. Reference schema `Match`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Match {
    /// The file, as reached from the path of the request.
    pub file: String,
    /// From 1.
    pub line: u64,
    /// The line without its end; what is no UTF-8 is U+FFFD.
    pub content: String,
}

/// Body of `POST /files/replace`. Reference schema `ReplaceRequest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReplaceRequest {
    /// Where to replace.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>, required = true))]
    pub files: Option<Vec<String>>,
    /// What to replace: a text, every occurrence of it. Must not be empty.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = true))]
    pub pattern: Option<String>,
    /// What to put there; empty or absent deletes.
    #[serde(default)]
    pub new_value: Option<String>,
}

/// What became of one file of a [`ReplaceRequest`]. Reference schema `ReplaceResult`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReplaceResult {
    /// As in the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Whether it now holds what it should.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Body of `POST /files/bulk-download`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FilesDownloadRequest {
    /// What to send, in this order, duplicates too. Must not be empty.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>, required = true))]
    pub paths: Option<Vec<String>>,
}

/// Answer of `POST /files/upload-v2`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UploadedFile {
    /// The last component of the path.
    pub name: String,
    /// The path exactly as it was asked for.
    pub path: String,
    /// Always `file`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// One file that a bulk upload has stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UploadedBytes {
    /// The path exactly as it was sent, without surrounding whitespace.
    pub path: String,
    /// How many bytes were stored.
    pub bytes: u64,
}

/// Answer of `POST /files/bulk-upload` when every file was stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UploadFilesResponse {
    /// In order of arrival.
    pub files: Vec<UploadedBytes>,
}

/// Answer 400 of `POST /files/bulk-upload`. Python joins `errors` into its exception's text; the
/// other fields are those of [`crate::ErrorBody`], which give other clients a good message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct BulkUploadFailure {
    /// One `<path>: <reason>` per failed file, or one text on the whole request. Never empty.
    pub errors: Vec<String>,
    /// The files that were stored all the same, in order of arrival.
    pub files: Vec<UploadedBytes>,
    /// Always 400.
    pub status_code: u16,
    /// The errors in one line.
    pub message: String,
    /// Always [`ErrorCode::BadRequest`].
    pub code: ErrorCode,
    /// Always [`crate::DAEMON_SOURCE`].
    pub source: String,
    /// When, RFC 3339.
    pub timestamp: String,
    /// The request's path.
    pub path: String,
    /// The request's method.
    pub method: String,
}
