//! A network namespace of paddock's own, the *router*, between the sandboxes and the host.
//!
//! ```text
//!   sandbox ── eth0 ─veth─ s<port> ── router ── up ─veth─ pd<slot> ── host ── outside
//! ```
//!
//! Forwarding, connection tracking and all rules about sandboxes live in the router, where no firewall of
//! the host can flush them, and where sandboxes can fill no table but the router's. The host sees one link
//! with one address. Sandboxes have point-to-point links, no common segment: there is nothing to sniff and
//! nobody to impersonate, and the router's reverse-path check drops what a sandbox sends under another address.
//!
//! The router's namespace is kept by a mount of it on a file, so that it, and with it every running
//! sandbox's network, outlives the process that made it.

mod links;
mod rules;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use paddock_sys::netlink::{self, Socket, VethEnd};
use paddock_sys::{mount, namespace, thread};

use crate::{Error, Info, Network, Policy, Port};
use links::Links;

/// The address of the router itself, the same in every instance: name server and way out. The only address
/// of the host's side that a sandbox may speak to, on port 53.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);

/// The first and last numbers of ports. An address is made of the number.
const PORTS: std::ops::RangeInclusive<u16> = 256..=0xfdff;

/// What makes one instance's network differ from another's on the same host.
#[derive(Debug, Clone)]
pub struct RouterConfig {
    /// Which slice of 100.64.0.0/10 is ours: addresses 100.(64+slot).0.0/16. 1 to 63.
    pub slot: u8,
    /// The instance's name, for the host's table of rules.
    pub instance: String,
    /// The file that the router's namespace is mounted on, in a mount namespace that outlives us.
    pub namespace_file: PathBuf,
}

/// The router of one instance.
#[derive(Debug)]
pub struct Router {
    config: RouterConfig,
    namespace: File,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// For the router's namespace.
    socket: Socket,
    taken: BTreeSet<u16>,
    blocked: BTreeSet<u16>,
    links: Links,
}

impl Router {
    /// Makes the router, its link to the host and all rules, or takes over those that are there. Rules are
    /// loaded anew in either case; running sandboxes do not notice.
    pub fn open(config: RouterConfig) -> Result<Self, Error> {
        let namespace =
            ensure_namespace(&config.namespace_file).map_err(Error::io("make the router's namespace"))?;
        let link = format!("pd{}", config.slot);
        let (host_address, router_address) = link_addresses(config.slot);
        let host_addresses = ensure_link(&namespace, &link, host_address)?;
        rules::load_host(&config.instance, &link, router_address)?;
        let namespace_handle = namespace.as_fd();
        let state = thread::scoped(|| {
            thread::enter_network_namespace(namespace_handle)
                .map_err(Error::io("enter the router's namespace"))?;
            let mut socket = Socket::open().map_err(Error::io("open a routing socket"))?;
            set_up_router(&mut socket, host_address, router_address)?;
            let names = netlink::device_names().map_err(Error::io("list the router's devices"))?;
            // Of a device that is gone, nothing is taken over: its number belongs to whoever comes next.
            let mut blocked: Vec<String> = rules::elements_now("blocked")?;
            for name in &mut blocked {
                *name = name.trim_matches('"').to_owned();
            }
            blocked.retain(|name| names.contains(name));
            let links = links::read(&rules::elements_now("links")?, &names);
            rules::load_router(&host_addresses, &blocked, &links)?;
            let numbers = |names: &[String]| names.iter().filter_map(|name| port_of(name)).collect();
            Ok::<_, Error>(State { socket, taken: numbers(&names), blocked: numbers(&blocked), links })
        })?;
        Ok(Self { config, namespace, state: Mutex::new(state) })
    }

    /// Runs `work` on a thread in the router's namespace, for sockets that listen there.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        let namespace = self.namespace.as_fd();
        thread::scoped(|| {
            thread::enter_network_namespace(namespace)?;
            work()
        })
    }

    /// Removes everything that [`Router::open`] made. Sandboxes that still run are cut off.
    pub fn remove(config: &RouterConfig) -> Result<(), Error> {
        let mut host = Socket::open().map_err(Error::io("open a routing socket"))?;
        host.delete(&format!("pd{}", config.slot)).map_err(Error::io("remove the link"))?;
        rules::remove_host(&config.instance)?;
        let _ = mount::detach(&config.namespace_file);
        match fs::remove_file(&config.namespace_file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove the router's namespace file")(error))
            }
            _ => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_number(&self) -> Result<u16, Error> {
        let mut state = self.state();
        let free = PORTS.into_iter().find(|number| !state.taken.contains(number));
        let free = free.ok_or(Error::Full(PORTS.count()))?;
        state.taken.insert(free);
        Ok(free)
    }

    /// Makes the links what `change` makes of them.
    fn relink(&self, change: impl FnOnce(&Links) -> Links) -> Result<(), Error> {
        // Held across the change, as for policies.
        let mut state = self.state();
        let next = change(&state.links);
        let Some(commands) = links::changes(&state.links, &next) else { return Ok(()) };
        self.inside(|| Ok(rules::run(&commands))).map_err(Error::io("enter the router's namespace"))??;
        state.links = next;
        Ok(())
    }

    fn connect_as(&self, number: u16, namespace: BorrowedFd<'_>) -> Result<(), Error> {
        let name = device_name(Port(number));
        let address = self.address(Port(number));
        {
            let mut state = self.state();
            let ends = (
                VethEnd { name: &name, namespace: None },
                VethEnd { name: "eth0", namespace: Some(namespace) },
            );
            state.socket.add_veth(&ends.0, &ends.1).map_err(Error::io("make a pair of devices"))?;
        }
        paddock_failpoint::hit("network.connect.after_device")?;
        let index = self.inside(|| netlink::device_index(&name)).map_err(Error::io("find a new device"))?;
        {
            let mut state = self.state();
            state.socket.set_up(index).map_err(Error::io("switch a device on"))?;
            state
                .socket
                .add_route(address, 32, index, None)
                .map_err(Error::io("add the route to a sandbox"))?;
        }
        thread::scoped(|| {
            thread::enter_network_namespace(namespace).map_err(Error::io("enter a sandbox's network"))?;
            set_up_sandbox(address).map_err(Error::io("set up a sandbox's network"))
        })
    }
}

impl Network for Router {
    fn info(&self) -> Info {
        Info { name: "router", resolver: RESOLVER }
    }

    fn connect(&self, namespace: BorrowedFd<'_>) -> Result<Port, Error> {
        let number = self.take_number()?;
        match self.connect_as(number, namespace) {
            Ok(()) => Ok(Port(number)),
            Err(error) => {
                let undone = self.disconnect(Port(number));
                if let Err(undo) = undone {
                    tracing::warn!(error = %undo, "could not undo a failed connection");
                }
                Err(error)
            }
        }
    }

    fn set_policy(&self, port: Port, policy: Policy) -> Result<(), Error> {
        let block = policy == Policy::Blocked;
        // Held across the change, so that what is remembered and what the kernel does stay the same.
        let mut state = self.state();
        if state.blocked.contains(&port.0) == block {
            return Ok(());
        }
        let device = device_name(port);
        self.inside(|| Ok(rules::set_blocked(&device, block)))
            .map_err(Error::io("enter the router's namespace"))??;
        if block {
            state.blocked.insert(port.0);
        } else {
            state.blocked.remove(&port.0);
        }
        Ok(())
    }

    fn link(&self, group: &BTreeSet<Port>) -> Result<(), Error> {
        self.relink(|links| links::regrouped(links, group))
    }

    fn disconnect(&self, port: Port) -> Result<(), Error> {
        let mut state = self.state();
        state.socket.delete(&device_name(port)).map_err(Error::io("remove a device"))?;
        drop(state);
        // A number that comes back must not inherit what was forbidden to its last owner.
        self.set_policy(port, Policy::Public)?;
        self.relink(|links| links::without(links, port))?;
        self.state().taken.remove(&port.0);
        Ok(())
    }

    fn list(&self) -> Result<Vec<Port>, Error> {
        let names = self.inside(netlink::device_names).map_err(Error::io("list the router's devices"))?;
        Ok(names.iter().filter_map(|name| port_of(name)).map(Port).collect())
    }

    fn address(&self, port: Port) -> Ipv4Addr {
        let [high, low] = port.0.to_be_bytes();
        Ipv4Addr::new(100, 64 + self.config.slot, high, low)
    }
}

fn device_name(port: Port) -> String {
    format!("s{}", port.0)
}

fn port_of(device: &str) -> Option<u16> {
    device.strip_prefix('s')?.parse().ok()
}

/// The two ends of the link: the host's and the router's.
fn link_addresses(slot: u8) -> (Ipv4Addr, Ipv4Addr) {
    (Ipv4Addr::new(100, 64 + slot, 255, 253), Ipv4Addr::new(100, 64 + slot, 255, 254))
}

/// The namespace mounted on `file`; a new one if none is.
fn ensure_namespace(file: &Path) -> io::Result<File> {
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent)?;
    }
    let mounted = match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            File::create_new(file)?;
            File::open(file)?
        }
        other => other?,
    };
    if namespace::is_namespace(&mounted)? {
        return Ok(mounted);
    }
    thread::scoped::<_, io::Error>(|| {
        thread::unshare_network()?;
        mount::bind(Path::new("/proc/thread-self/ns/net"), file)
    })?;
    File::open(file)
}

/// Makes the link between host and router, if it is not there, and returns the host's addresses.
fn ensure_link(namespace: &File, link: &str, host_address: Ipv4Addr) -> Result<Vec<std::net::IpAddr>, Error> {
    if netlink::device_index(link).is_err() {
        let mut host = Socket::open().map_err(Error::io("open a routing socket"))?;
        host.add_veth(
            &VethEnd { name: link, namespace: None },
            &VethEnd { name: "up", namespace: Some(namespace.as_fd()) },
        )
        .map_err(Error::io("make the link to the host"))?;
        let index = netlink::device_index(link).map_err(Error::io("find the link to the host"))?;
        host.add_address(index, host_address, 30).map_err(Error::io("give the link its address"))?;
        host.set_up(index).map_err(Error::io("switch the link on"))?;
    }
    // The one setting of the host's that is not ours: without it nothing is forwarded from any link.
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").map_err(Error::io("let the host forward packets"))?;
    netlink::addresses().map_err(Error::io("list the host's addresses"))
}

/// Brings a fresh router into shape. In one that is set up already every step is a repetition.
fn set_up_router(socket: &mut Socket, gateway: Ipv4Addr, own: Ipv4Addr) -> Result<(), Error> {
    for (setting, value) in [
        ("ipv4/ip_forward", "1"),
        ("ipv4/conf/all/rp_filter", "1"),
        ("ipv4/conf/default/rp_filter", "1"),
        ("ipv4/conf/all/send_redirects", "0"),
        ("ipv4/conf/default/send_redirects", "0"),
        // Version 6 of the protocol is not routed yet, so that no rule of version 4 can be passed by it.
        ("ipv6/conf/all/disable_ipv6", "1"),
        ("ipv6/conf/default/disable_ipv6", "1"),
    ] {
        match fs::write(format!("/proc/sys/net/{setting}"), value) {
            Err(error) if setting.starts_with("ipv6") && error.kind() == io::ErrorKind::NotFound => {}
            other => other.map_err(Error::io("set up the router"))?,
        }
    }
    let repeated = |result: io::Result<()>| match result {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map_err(Error::io("set up the router")),
    };
    let loopback = netlink::device_index("lo").map_err(Error::io("find the router's loopback"))?;
    let up = netlink::device_index("up").map_err(Error::io("find the router's link"))?;
    repeated(socket.set_up(loopback))?;
    repeated(socket.add_address(loopback, RESOLVER, 32))?;
    repeated(socket.add_address(up, own, 30))?;
    repeated(socket.set_up(up))?;
    repeated(socket.add_route(Ipv4Addr::UNSPECIFIED, 0, up, Some(gateway)))
}

/// The inside of a sandbox's network: loopback, its address, and the router as its only neighbour.
fn set_up_sandbox(address: Ipv4Addr) -> io::Result<()> {
    let mut socket = Socket::open()?;
    socket.set_up(netlink::device_index("lo")?)?;
    let device = netlink::device_index("eth0")?;
    socket.add_address(device, address, 32)?;
    socket.set_up(device)?;
    socket.add_route(RESOLVER, 32, device, None)?;
    socket.add_route(Ipv4Addr::UNSPECIFIED, 0, device, Some(RESOLVER))
}
