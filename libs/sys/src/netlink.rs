//! The few requests to the kernel's routing socket that a sandbox's network needs.
//!
//! A [`Socket`] belongs to the network namespace of the thread that opened it and may be used from
//! any thread afterwards. Each request waits for the kernel's answer.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use crate::{c_text, check, check_int};

/// A routing socket.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    sequence: u32,
}

/// One end of a new pair of virtual Ethernet devices.
#[derive(Debug)]
pub struct VethEnd<'a> {
    /// Its name, 1 to 15 bytes.
    pub name: &'a str,
    /// The namespace it is to be in. `None`: the socket's.
    pub namespace: Option<std::os::fd::BorrowedFd<'a>>,
}

const NLM_F_REQUEST_ACK: u16 = 1 | 4;
const NLM_F_CREATE_EXCL: u16 = 0x400 | 0x200;

impl Socket {
    /// A socket for the calling thread's network namespace.
    pub fn open() -> io::Result<Self> {
        // SAFETY: integers only.
        let fd = check_int(unsafe {
            libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::NETLINK_ROUTE)
        })?;
        // SAFETY: just returned by the kernel, owned by nobody else.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) }, sequence: 0 })
    }

    /// Makes a pair of devices, each in its namespace.
    pub fn add_veth(&mut self, one: &VethEnd<'_>, other: &VethEnd<'_>) -> io::Result<()> {
        const VETH_INFO_PEER: u16 = 1;
        let mut message = Message::new(libc::RTM_NEWLINK, NLM_F_CREATE_EXCL);
        message.link_header(0, 0, 0);
        message.veth_end(one);
        message.nested(libc::IFLA_LINKINFO, |message| {
            message.attribute(libc::IFLA_INFO_KIND, b"veth");
            message.nested(libc::IFLA_INFO_DATA, |message| {
                message.nested(VETH_INFO_PEER, |message| {
                    message.link_header(0, 0, 0);
                    message.veth_end(other);
                });
            });
        });
        self.request(message)
    }

    /// Switches the device on.
    pub fn set_up(&mut self, index: u32) -> io::Result<()> {
        let mut message = Message::new(libc::RTM_NEWLINK, 0);
        message.link_header(index, libc::IFF_UP as u32, libc::IFF_UP as u32);
        self.request(message)
    }

    /// Removes the device, and with a veth its other end. One that is not there is no error.
    pub fn delete(&mut self, name: &str) -> io::Result<()> {
        let mut message = Message::new(libc::RTM_DELLINK, 0);
        message.link_header(0, 0, 0);
        message.text(libc::IFLA_IFNAME, name);
        match self.request(message) {
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(()),
            other => other,
        }
    }

    /// Gives the device an address.
    pub fn add_address(&mut self, index: u32, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
        let mut message = Message::new(libc::RTM_NEWADDR, NLM_F_CREATE_EXCL);
        message.raw(&[libc::AF_INET as u8, prefix, 0, 0]);
        message.raw(&index.to_ne_bytes());
        message.attribute(libc::IFA_LOCAL, &address.octets());
        message.attribute(libc::IFA_ADDRESS, &address.octets());
        self.request(message)
    }

    /// Adds a route to `destination`/`prefix` out of the device, through `gateway` if one is named,
    /// else directly.
    pub fn add_route(
        &mut self,
        destination: Ipv4Addr,
        prefix: u8,
        index: u32,
        gateway: Option<Ipv4Addr>,
    ) -> io::Result<()> {
        let scope = if gateway.is_some() { libc::RT_SCOPE_UNIVERSE } else { libc::RT_SCOPE_LINK };
        let mut message = Message::new(libc::RTM_NEWROUTE, NLM_F_CREATE_EXCL);
        message.raw(&[
            libc::AF_INET as u8,
            prefix,
            0,
            0,
            libc::RT_TABLE_MAIN,
            libc::RTPROT_STATIC,
            scope,
            libc::RTN_UNICAST,
        ]);
        message.raw(&0u32.to_ne_bytes());
        if prefix > 0 {
            message.attribute(libc::RTA_DST, &destination.octets());
        }
        if let Some(gateway) = gateway {
            message.attribute(libc::RTA_GATEWAY, &gateway.octets());
        }
        message.attribute(libc::RTA_OIF, &index.to_ne_bytes());
        self.request(message)
    }

    fn request(&mut self, mut message: Message) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        message.finish(self.sequence);
        // SAFETY: the buffer is valid for its length.
        check(unsafe {
            libc::send(self.fd.as_raw_fd(), message.0.as_ptr().cast(), message.0.len(), 0) as _
        })?;
        let mut answer = [0u8; 4096];
        loop {
            // SAFETY: the buffer is valid for its length.
            let read = check(unsafe {
                libc::recv(self.fd.as_raw_fd(), answer.as_mut_ptr().cast(), answer.len(), 0) as _
            })?;
            let read = usize::try_from(read).map_err(io::Error::other)?;
            if let Some(code) = acknowledgement(&answer[..read], self.sequence) {
                return if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-code)) };
            }
        }
    }
}

/// The error code of the acknowledgement of `sequence`, if this datagram holds it.
fn acknowledgement(datagram: &[u8], sequence: u32) -> Option<i32> {
    let number =
        |at: usize| -> Option<u32> { Some(u32::from_ne_bytes(datagram.get(at..at + 4)?.try_into().ok()?)) };
    let kind = u16::from_ne_bytes(datagram.get(4..6)?.try_into().ok()?);
    if i32::from(kind) != libc::NLMSG_ERROR || number(8)? != sequence {
        return None;
    }
    number(16).map(u32::cast_signed)
}

/// The number of the device `name` in the calling thread's network namespace.
pub fn device_index(name: &str) -> io::Result<u32> {
    let name = c_text(name)?;
    // SAFETY: NUL-terminated text that outlives the call.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        index => Ok(index),
    }
}

/// The names of all devices in the calling thread's network namespace.
pub fn device_names() -> io::Result<Vec<String>> {
    let table = std::fs::read_to_string("/proc/thread-self/net/dev")?;
    Ok(table
        .lines()
        .skip(2)
        .filter_map(|line| line.split(':').next())
        .map(|name| name.trim().to_owned())
        .collect())
}

/// The addresses of all devices in the calling thread's network namespace.
pub fn addresses() -> io::Result<Vec<IpAddr>> {
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the list is freed below and not used after.
    check_int(unsafe { libc::getifaddrs(&raw mut first) })?;
    let mut found = Vec::new();
    let mut next = first;
    while !next.is_null() {
        // SAFETY: the list's nodes are valid until freed; each address is of the size its family says.
        unsafe {
            let address = (*next).ifa_addr;
            if !address.is_null() {
                match i32::from((*address).sa_family) {
                    libc::AF_INET => {
                        let v4 = address.cast::<libc::sockaddr_in>().read_unaligned();
                        found.push(IpAddr::V4(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr))));
                    }
                    libc::AF_INET6 => {
                        let v6 = address.cast::<libc::sockaddr_in6>().read_unaligned();
                        found.push(IpAddr::V6(v6.sin6_addr.s6_addr.into()));
                    }
                    _ => {}
                }
            }
            next = (*next).ifa_next;
        }
    }
    // SAFETY: the list came from getifaddrs and is freed once.
    unsafe { libc::freeifaddrs(first) };
    Ok(found)
}

/// A request under construction: header, then fixed part, then attributes, each padded to 4 bytes.
struct Message(Vec<u8>);

impl Message {
    fn new(kind: u16, flags: u16) -> Self {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(&0u32.to_ne_bytes());
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&(NLM_F_REQUEST_ACK | flags).to_ne_bytes());
        bytes.extend_from_slice(&[0; 8]);
        Self(bytes)
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn link_header(&mut self, index: u32, flags: u32, change: u32) {
        self.raw(&[libc::AF_UNSPEC as u8, 0, 0, 0]);
        self.raw(&index.to_ne_bytes());
        self.raw(&flags.to_ne_bytes());
        self.raw(&change.to_ne_bytes());
    }

    fn veth_end(&mut self, end: &VethEnd<'_>) {
        self.text(libc::IFLA_IFNAME, end.name);
        if let Some(namespace) = end.namespace {
            let fd = namespace.as_fd().as_raw_fd();
            self.attribute(libc::IFLA_NET_NS_FD, &fd.to_ne_bytes());
        }
    }

    fn text(&mut self, kind: u16, text: &str) {
        let mut bytes = text.as_bytes().to_vec();
        bytes.push(0);
        self.attribute(kind, &bytes);
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.nested(kind, |message| message.raw(value));
    }

    fn nested(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        self.raw(&[0, 0]);
        self.raw(&kind.to_ne_bytes());
        fill(self);
        let length = u16::try_from(self.0.len() - start).unwrap_or(u16::MAX);
        self.0[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        while !self.0.len().is_multiple_of(4) {
            self.0.push(0);
        }
    }

    fn finish(&mut self, sequence: u32) {
        let length = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0[0..4].copy_from_slice(&length.to_ne_bytes());
        self.0[8..12].copy_from_slice(&sequence.to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thread;

    #[test]
    fn a_pair_of_devices_joins_two_namespaces() {
        thread::scoped::<_, io::Error>(|| {
            let inner = thread::unshare_network()?;
            thread::unshare_network()?;
            let mut socket = Socket::open()?;
            socket.add_veth(
                &VethEnd { name: "outer0", namespace: None },
                &VethEnd { name: "eth0", namespace: Some(inner.as_fd()) },
            )?;
            let index = device_index("outer0")?;
            socket.add_address(index, Ipv4Addr::new(192, 0, 2, 1), 32)?;
            socket.set_up(index)?;
            socket.add_route(Ipv4Addr::new(192, 0, 2, 7), 32, index, None)?;
            assert!(addresses()?.contains(&IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))));
            thread::enter_network_namespace(&inner)?;
            assert!(device_names()?.contains(&"eth0".to_owned()));
            thread::scoped::<_, io::Error>(|| Ok(()))?;
            socket.delete("outer0")?;
            socket.delete("outer0")?;
            assert!(!device_names()?.contains(&"eth0".to_owned()));
            Ok(())
        })
        .unwrap();
    }
}
