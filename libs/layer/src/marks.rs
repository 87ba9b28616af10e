//! How an overlay marks what is gone, on disk and in a layer.
//!
//! | | on disk | in a layer |
//! |---|---|---|
//! | a name is gone | a character device 0:0, or an empty file with `trusted.overlay.whiteout` | a file `.wh.<name>` |
//! | a directory hides what lies below it | `trusted.overlay.opaque` = `y` | a file `.wh..wh..opq` in it |

use std::ffi::CStr;

use paddock_tree::{Kind, Node};

/// Before the name that is gone.
pub(crate) const GONE: &[u8] = b".wh.";
/// In a directory that hides what lies below it.
pub(crate) const OPAQUE: &[u8] = b".wh..wh..opq";
/// Before names that are no marks, but once were a file system's own.
pub(crate) const LEFTOVER: &[u8] = b".wh..wh.";
/// The attribute of a directory that hides what lies below it, and its value.
pub(crate) const OPAQUE_ATTRIBUTE: (&CStr, &[u8]) = (c"trusted.overlay.opaque", b"y");
/// The attribute of a file that says that its name is gone.
const WHITEOUT_ATTRIBUTE: &CStr = c"trusted.overlay.whiteout";

/// Whether a node of an upper says that its name is gone.
pub(crate) fn is_gone(node: &Node, attributes: impl FnOnce() -> bool) -> bool {
    match node.kind {
        Kind::Character => node.device == (0, 0),
        Kind::File => node.size_bytes == 0 && attributes(),
        _ => false,
    }
}

/// Whether `name` is the attribute that says that the file's name is gone.
pub(crate) fn says_gone(name: &CStr) -> bool {
    name == WHITEOUT_ATTRIBUTE
}

/// Whether an attribute travels. Marks of an overlay are told otherwise or mean nothing elsewhere; labels of the host's
/// security modules are the host's; other name spaces are a file system's own.
pub(crate) fn travels(name: &CStr) -> bool {
    const HOSTS: [&[u8]; 5] =
        [b"security.selinux", b"security.ima", b"security.evm", b"security.apparmor", b"security.SMACK64"];
    let name = name.to_bytes();
    let is_ours = [&b"user."[..], b"trusted.", b"security.", b"system.posix_acl_"]
        .iter()
        .any(|space| name.starts_with(space));
    is_ours && !name.starts_with(b"trusted.overlay.") && !HOSTS.iter().any(|host| name.starts_with(host))
}
