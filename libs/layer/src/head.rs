//! The head of one member of a stream, as bytes: a tar header, and before it the PAX records that it needs.

use paddock_tree::Time;
use tar::{EntryType, Header};

use crate::pax::{Records, spell_time};

/// Tar is made of blocks of this size.
pub(crate) const BLOCK: usize = 512;
/// The largest numbers that the octal digits of a header hold.
const MAX_SIZE: u64 = (1 << 33) - 1;
const MAX_ID: u32 = (1 << 21) - 1;
/// Names and link targets up to this many bytes lie in the header.
const MAX_NAME: usize = 100;

/// The head of one member.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    pub(crate) path: &'a [u8],
    pub(crate) kind: EntryType,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Bytes that follow in the stream.
    pub(crate) size: u64,
    pub(crate) modified: Time,
    /// A link's target; empty for others.
    pub(crate) link: &'a [u8],
    pub(crate) device: (u32, u32),
    /// What else is to be said of it.
    pub(crate) records: Records,
}

impl Head<'_> {
    /// The blocks that stand before the member's content.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        let mut records = Records::default();
        let is_text = |name: &[u8]| std::str::from_utf8(name).is_ok();
        if !is_text(self.path) || !is_text(self.link) {
            records.push(b"hdrcharset", b"BINARY");
        }
        // A name with other bytes than these is told in a record alone by every reader.
        let fits = |name: &[u8]| name.len() <= MAX_NAME && name.is_ascii();
        for (key, name) in [(&b"path"[..], self.path), (b"linkpath", self.link)] {
            if !fits(name) {
                records.push(key, name);
            }
        }
        for (key, id) in [(&b"uid"[..], self.uid), (b"gid", self.gid)] {
            if id > MAX_ID {
                records.push(key, id.to_string().as_bytes());
            }
        }
        if self.size > MAX_SIZE {
            records.push(b"size", self.size.to_string().as_bytes());
        }
        let seconds = u64::try_from(self.modified.seconds).ok().filter(|&seconds| seconds <= MAX_SIZE);
        if seconds.is_none() || self.modified.nanoseconds != 0 {
            records.push(b"mtime", spell_time(self.modified).as_bytes());
        }
        records.0.extend_from_slice(&self.records.0);

        let mut bytes = Vec::with_capacity(2 * BLOCK + records.0.len().next_multiple_of(BLOCK));
        if !records.0.is_empty() {
            let mut header = Header::new_ustar();
            put(&mut header.as_mut_bytes()[..MAX_NAME], b"PaxHeaders/0");
            header.set_entry_type(EntryType::XHeader);
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            header.set_size(records.0.len() as u64);
            header.set_cksum();
            bytes.extend_from_slice(header.as_bytes());
            bytes.extend_from_slice(&records.0);
            bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        }
        let mut header = Header::new_ustar();
        header.set_entry_type(self.kind);
        header.set_mode(self.mode);
        header.set_uid(self.uid.min(MAX_ID).into());
        header.set_gid(self.gid.min(MAX_ID).into());
        header.set_mtime(seconds.unwrap_or(0));
        header.set_size(self.size.min(MAX_SIZE));
        if let Some(ustar) = header.as_ustar_mut() {
            put(&mut ustar.name, self.path);
            put(&mut ustar.linkname, self.link);
            ustar.set_device_major(self.device.0);
            ustar.set_device_minor(self.device.1);
        }
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes
    }
}

/// As much of `text` as there is room for.
fn put(field: &mut [u8], text: &[u8]) {
    field.iter_mut().zip(text).for_each(|(slot, &byte)| *slot = byte);
}

/// How many zeros follow a content of `size` bytes.
pub(crate) fn padding(size: u64) -> usize {
    let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    (BLOCK - over) % BLOCK
}
