//! Files.

use serde_json::json;

use crate::openapi::operation::{Kind, Operation, delete, get, post};
use crate::openapi::streamed::SearchFilesResponse;
use crate::{
    BulkUploadFailure, FileInfo, FilesDownloadRequest, Match, ReplaceRequest, ReplaceResult,
    UploadFilesResponse, UploadedFile,
};

pub(super) fn operations() -> Vec<Operation> {
    let mut operations = vec![
        list("ListFiles", "/files"),
        list("ListFilesWithSlash", "/files/").deprecated(),
        delete("DeleteFile", "/files", "Removes a file, or a directory with all in it.")
            .needs("path", Kind::Text, "What to remove; of a link the link alone.")
            .may_have("recursive", Kind::YesOrNo, "Must be set for a directory, even an empty one.")
            .gives_nothing(204, "Removed.")
            .refuses(&[400, 403, 404]),
        get("GetFileInfo", "/files/info", "What is known about one file, links followed.")
            .needs("path", Kind::Text, "Which.")
            .gives::<FileInfo>(200, "It is there.")
            .refuses(&[400, 403, 404]),
        post("CreateFolder", "/files/folder", "Makes a directory, and its parents where they lack.")
            .needs("path", Kind::Text, "Where. One that is there is left as it is.")
            .may_have("mode", Kind::Text, "In octal; default 0755.")
            .gives_nothing(201, "It is there.")
            .refuses(&[400, 403]),
        post("MoveFile", "/files/move", "Moves a file or a directory. Never onto something that is there.")
            .needs("source", Kind::Text, "What.")
            .needs("destination", Kind::Text, "Its new path; the parent must be there.")
            .gives_nothing(200, "Moved.")
            .refuses(&[400, 403, 404, 409]),
        post("SetFilePermissions", "/files/permissions", "Changes mode, owner and group, each if given.")
            .needs("path", Kind::Text, "Of what.")
            .may_have("owner", Kind::Text, "A name or a number.")
            .may_have("group", Kind::Text, "A name or a number.")
            .may_have("mode", Kind::Text, "In octal.")
            .gives_nothing(200, "Changed.")
            .refuses(&[400, 403, 404]),
    ];
    operations.extend(contents());
    operations.extend(transfers());
    operations
}

fn list(id: &'static str, path: &'static str) -> Operation {
    get(id, path, "What a directory holds, ordered by name; what is below, if asked for, depth first.")
        .may_have("path", Kind::Text, "Default: the work directory.")
        .may_have("depth", Kind::From(1), "How many levels; default 1. Linked directories are not entered.")
        .gives_list::<FileInfo>(200, "Entries whose link leads nowhere are left out.")
        .refuses(&[400, 403, 404])
}

fn contents() -> Vec<Operation> {
    vec![
        get("FindInFiles", "/files/find", "Finds a text in files, line by line.")
            .needs("path", Kind::Text, "A file, or a directory with all under it.")
            .needs("pattern", Kind::Text, "A plain text, no expression.")
            .gives_list::<Match>(200, "In the order of the walk. Binary and unreadable files are left out.")
            .refuses(&[400]),
        get("SearchFiles", "/files/search", "Finds files and directories by name.")
            .needs("path", Kind::Text, "Where; all under it.")
            .needs("pattern", Kind::Text, "A glob, compared with the last component alone.")
            .gives::<SearchFilesResponse>(200, "In the order of the walk.")
            .refuses(&[400]),
        post("ReplaceInFiles", "/files/replace", "Replaces a text by another in files.")
            .takes::<ReplaceRequest>()
            .gives_list::<ReplaceResult>(200, "One per file, in the order of the request.")
            .refuses(&[400]),
    ]
}

fn transfers() -> Vec<Operation> {
    let bytes = "application/octet-stream";
    let one_file = json!({
        "multipart/form-data": {"schema": {
            "type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}},
        }},
        bytes: {"schema": {"type": "string", "format": "binary"}},
    });
    let pairs = json!({"multipart/form-data": {"schema": {
        "type": "object", "additionalProperties": {"type": "string"},
    }}});
    let download = |operation: Operation| {
        operation
            .needs("path", Kind::Text, "Which.")
            .gives_content(200, "The whole file.", bytes)
            .gives_content(206, "The range that was asked for.", bytes)
            .gives_nothing(304, "Not changed since then.")
            .refuses(&[400, 403, 404, 416])
    };
    vec![
        download(get("DownloadFile", "/files/download", "One file, or a range of it.")),
        download(Operation::new(
            "head",
            "DownloadFileHead",
            "/files/download",
            "The headers of a download alone.",
        )),
        post("UploadFile", "/files/upload-v2", "Stores one file, replaces one that is there, makes parents.")
            .needs("path", Kind::Text, "Where.")
            .takes_content(
                "One part `file`, or the bytes themselves under any other media type.",
                one_file.clone(),
            )
            .gives::<UploadedFile>(200, "Stored whole.")
            .refuses(&[400, 403]),
        post("UploadFileLegacy", "/files/upload", "As `UploadFile`, without an answer.")
            .deprecated()
            .needs("path", Kind::Text, "Where.")
            .takes_content("One part `file`, or the bytes themselves under any other media type.", one_file)
            .gives_nothing(200, "Stored whole.")
            .refuses(&[400, 403]),
        post("UploadFiles", "/files/bulk-upload", "Stores any number of files of any size.")
            .takes_content("Parts `files[i].path` and `files[i].file`; a path before its file.", pairs)
            .gives::<UploadFilesResponse>(200, "All stored, each whole.")
            .refuses_with::<BulkUploadFailure>(400, "Some or all could not be stored."),
        post("DownloadFiles", "/files/bulk-download", "Any number of files of any size.")
            .takes::<FilesDownloadRequest>()
            .gives_content(
                200,
                "One part per path, in order: `file` with its bytes, or `error` with an ErrorResponse. \
                 Without the closing boundary it is cut short.",
                "multipart/form-data",
            )
            .refuses(&[400]),
    ]
}
