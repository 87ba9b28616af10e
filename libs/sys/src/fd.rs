//! Descriptors that travel over Unix sockets.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::check;

/// Sends `bytes` over the stream socket `socket`, with `passed` attached to the first of them.
/// Returns how many bytes went out; the descriptor goes with any number above 0.
pub fn send_with(socket: BorrowedFd<'_>, bytes: &[u8], passed: Option<BorrowedFd<'_>>) -> io::Result<usize> {
    let mut control = Control::new();
    let mut vector = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: an all-zero msghdr is a valid empty one.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut vector;
    message.msg_iovlen = 1;
    if let Some(passed) = passed {
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = control.0.len() as _;
        // SAFETY: the control buffer is aligned and large enough for one descriptor.
        unsafe {
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(size_of::<i32>() as u32) as _;
            libc::CMSG_DATA(header).cast::<i32>().write_unaligned(passed.as_raw_fd());
        }
    }
    // SAFETY: every pointer in the message is valid for the call.
    let sent =
        check(unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL) as _ })?;
    usize::try_from(sent).map_err(io::Error::other)
}

/// Receives up to `bytes.len()` bytes and at most one descriptor. 0 bytes: the other side closed.
pub fn receive_with(socket: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut control = Control::new();
    let mut vector = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    // SAFETY: an all-zero msghdr is a valid empty one.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut vector;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = control.0.len() as _;
    // SAFETY: every pointer in the message is valid for the call.
    let got =
        check(unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) as _ })?;
    let mut passed = None;
    // SAFETY: the kernel filled the control buffer; the macros walk within msg_controllen.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SCM_RIGHTS {
                let raw = libc::CMSG_DATA(header).cast::<i32>().read_unaligned();
                passed = Some(OwnedFd::from_raw_fd(raw));
            }
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
    }
    Ok((usize::try_from(got).map_err(io::Error::other)?, passed))
}

/// Room for one descriptor, aligned as control messages must be.
#[repr(align(8))]
struct Control([u8; 24]);

impl Control {
    fn new() -> Self {
        Self([0; 24])
    }
}

/// Copies `fd` to exactly `number` without close-on-exec, in a child between fork and exec.
/// Async-signal-safe.
pub fn place(fd: i32, number: i32) -> io::Result<()> {
    if fd == number {
        // SAFETY: integers only.
        return check(unsafe { libc::c_long::from(libc::fcntl(fd, libc::F_SETFD, 0)) }).map(|_| ());
    }
    // SAFETY: integers only.
    check(unsafe { libc::c_long::from(libc::dup2(fd, number)) }).map(|_| ())
}

/// Has `fd` stay open when this process becomes another program.
pub fn keep_open(fd: i32) -> io::Result<()> {
    // SAFETY: integers only.
    check(unsafe { libc::c_long::from(libc::fcntl(fd, libc::F_SETFD, 0)) }).map(|_| ())
}

/// The descriptor that whoever started this process gave it by number. To be called once for each.
pub fn inherited(fd: i32) -> OwnedFd {
    // SAFETY: by the contract above nobody else in this process owns it; one that is not open fails where it is used.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// A copy of `fd` with a number of at least `at_least`, closed on exec. Async-signal-safe.
pub fn duplicate_above(fd: i32, at_least: i32) -> io::Result<i32> {
    // SAFETY: integers only.
    let copy = check(unsafe { libc::c_long::from(libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, at_least)) })?;
    i32::try_from(copy).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_passed_descriptor_is_the_same_file() {
        let (left, right) = UnixStream::pair().unwrap();
        let (mut reader, writer) = io::pipe().unwrap();
        assert_eq!(send_with(left.as_fd(), b"hello", Some(writer.as_fd())).unwrap(), 5);
        drop(writer);
        let mut bytes = [0; 16];
        let (count, passed) = receive_with(right.as_fd(), &mut bytes).unwrap();
        assert_eq!(&bytes[..count], b"hello");
        let mut file = std::fs::File::from(passed.unwrap());
        file.write_all(b"through").unwrap();
        drop(file);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
    }

    #[test]
    fn bytes_alone_bring_no_descriptor() {
        let (left, right) = UnixStream::pair().unwrap();
        send_with(left.as_fd(), b"x", None).unwrap();
        assert!(receive_with(right.as_fd(), &mut [0; 4]).unwrap().1.is_none());
    }
}
