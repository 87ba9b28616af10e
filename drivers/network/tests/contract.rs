//! What a network must do, shown by real packets.
//!
//! Cast: a *host* (a network and mount namespace of the test's own, so that nothing of the real host is touched), an
//! *outside* beyond it with an address of a documentation range, a *private* network beyond it, and sandboxes
//! connected by the driver. Every refusal stands beside something that the same sandbox does reach.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on, fails")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

use paddock_driver_network::fake::Fake;
use paddock_driver_network::router::{RESOLVER, Router, RouterConfig};
use paddock_driver_network::{Network, Policy, Port};
use paddock_sys::netlink::{Socket, VethEnd, device_index, device_names};
use paddock_sys::thread;

const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const PRIVATE: Ipv4Addr = Ipv4Addr::new(10, 9, 8, 7);
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
const HOST: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

/// A namespace beyond the host that answers on port 80 of all its addresses.
struct Beyond {
    _listener: TcpListener,
}

fn new_network() -> File {
    thread::scoped::<_, io::Error>(thread::unshare_network).unwrap()
}

fn inside<T: Send>(namespace: &File, work: impl FnOnce() -> T + Send) -> T {
    thread::scoped::<_, io::Error>(|| {
        thread::enter_network_namespace(namespace)?;
        Ok(work())
    })
    .unwrap()
}

/// Connects another network to the host of the calling thread, with routes to `addresses` through it.
fn make_beyond(addresses: &[Ipv4Addr]) -> Beyond {
    let namespace = new_network();
    let mut host = Socket::open().unwrap();
    let end = VethEnd { name: "wan", namespace: None };
    host.add_veth(&end, &VethEnd { name: "eth0", namespace: Some(namespace.as_fd()) }).unwrap();
    let wan = device_index("wan").unwrap();
    host.add_address(wan, HOST, 24).unwrap();
    host.set_up(wan).unwrap();
    host.set_up(device_index("lo").unwrap()).unwrap();
    let gateway = Ipv4Addr::new(198, 51, 100, 2);
    for &address in addresses {
        // A route through the neighbour, so that packets for any address arrive there.
        let mut attempt = host.add_route(address, 32, wan, Some(gateway));
        if attempt.is_err() {
            attempt = host.add_route(address, 32, wan, None);
        }
        attempt.unwrap();
    }
    let listener = inside(&namespace, || {
        let mut socket = Socket::open().unwrap();
        let device = device_index("eth0").unwrap();
        socket.set_up(device_index("lo").unwrap()).unwrap();
        socket.add_address(device, gateway, 24).unwrap();
        socket.set_up(device).unwrap();
        for &address in addresses {
            socket.add_address(device, address, 32).unwrap();
        }
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, 80)).unwrap()
    });
    Beyond { _listener: listener }
}

/// Runs `test` as a host of its own.
fn on_a_host(test: impl FnOnce(&RouterConfig) + Send) {
    let temporary = tempfile::tempdir().unwrap();
    let config = RouterConfig {
        slot: 7,
        instance: "test".to_owned(),
        namespace_file: temporary.path().join("router"),
    };
    thread::scoped::<_, io::Error>(|| {
        thread::unshare_mounts()?;
        thread::unshare_network()?;
        test(&config);
        Ok(())
    })
    .unwrap();
}

fn reach(namespace: &File, address: Ipv4Addr, port: u16) -> io::Result<()> {
    let target = SocketAddr::new(IpAddr::V4(address), port);
    inside(namespace, || TcpStream::connect_timeout(&target, Duration::from_secs(5)).map(drop))
}

#[track_caller]
fn assert_refused(namespace: &File, address: Ipv4Addr, port: u16) {
    let error = reach(namespace, address, port).expect_err("must not be reachable");
    assert_ne!(error.kind(), io::ErrorKind::TimedOut, "{address}: a refusal must be told at once");
}

#[test]
fn the_fake_counts_as_the_trait_says() {
    let fake = Fake::default();
    let namespace = new_network();
    let (one, two) = (fake.connect(namespace.as_fd()).unwrap(), fake.connect(namespace.as_fd()).unwrap());
    assert_ne!(one, two);
    fake.set_policy(one, Policy::Blocked).unwrap();
    fake.link(&BTreeSet::from([one, two])).unwrap();
    assert!(fake.are_linked(one, two));
    fake.disconnect(one).unwrap();
    assert!(!fake.are_linked(one, two));
    fake.disconnect(one).unwrap();
    assert_eq!(fake.list().unwrap(), [two]);
    assert_eq!(fake.connect(namespace.as_fd()).unwrap(), one);
    assert_eq!(fake.policy(one), Some(Policy::Public));
}

#[test]
fn a_sandbox_reaches_the_public_and_nothing_else() {
    on_a_host(|config| {
        let _beyond = make_beyond(&[OUTSIDE, PRIVATE, METADATA]);
        let host_service = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 80)).unwrap();
        let router = Router::open(config.clone()).unwrap();
        let resolver = router.inside(|| TcpListener::bind((RESOLVER, 53))).unwrap();
        let elsewhere = router.inside(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, 8080))).unwrap();
        let (sandbox, neighbour) = (new_network(), new_network());
        router.connect(sandbox.as_fd()).unwrap();
        let neighbour_port = router.connect(neighbour.as_fd()).unwrap();
        let neighbour_address = router.address(neighbour_port);
        let neighbour_service =
            inside(&neighbour, || TcpListener::bind((Ipv4Addr::UNSPECIFIED, 80))).unwrap();

        reach(&sandbox, OUTSIDE, 80).expect("the public internet is reachable");
        reach(&sandbox, RESOLVER, 53).expect("the resolver is reachable");
        reach(&neighbour, neighbour_address, 80).expect("the neighbour's service answers itself");
        for denied in [PRIVATE, METADATA, HOST, Ipv4Addr::new(100, 71, 255, 253), neighbour_address] {
            assert_refused(&sandbox, denied, 80);
        }
        assert_refused(&sandbox, RESOLVER, 8080);
        reach(&sandbox, OUTSIDE, 80).expect("and still is");
        drop((host_service, resolver, elsewhere, neighbour_service));
    });
}

#[test]
fn questions_to_the_resolver_fill_no_table() {
    on_a_host(|config| {
        let router = Router::open(config.clone()).unwrap();
        let resolver = router.inside(|| UdpSocket::bind((RESOLVER, 53))).unwrap();
        let sandbox = new_network();
        router.connect(sandbox.as_fd()).unwrap();
        let tracked = || {
            let count = router.inside(|| fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_count"));
            count.unwrap().trim().parse::<u32>().unwrap()
        };
        let before = tracked();
        inside(&sandbox, || {
            for _ in 0..20 {
                let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
                socket.send_to(b"question", (RESOLVER, 53)).unwrap();
                let (_, guest) = resolver.recv_from(&mut [0; 16]).unwrap();
                resolver.send_to(b"answer", guest).unwrap();
                socket.recv(&mut [0; 16]).expect("it is answered");
            }
        });
        assert_eq!(tracked(), before);
    });
}

#[test]
fn blocking_is_for_one_sandbox_and_ends_with_its_connection() {
    on_a_host(|config| {
        let _beyond = make_beyond(&[OUTSIDE]);
        let router = Router::open(config.clone()).unwrap();
        let _resolver = router.inside(|| TcpListener::bind((RESOLVER, 53))).unwrap();
        let (sandbox, other) = (new_network(), new_network());
        let port = router.connect(sandbox.as_fd()).unwrap();
        router.connect(other.as_fd()).unwrap();
        reach(&sandbox, OUTSIDE, 80).unwrap();

        router.set_policy(port, Policy::Blocked).unwrap();
        assert_refused(&sandbox, OUTSIDE, 80);
        assert_refused(&sandbox, RESOLVER, 53);
        reach(&other, OUTSIDE, 80).expect("another sandbox does not notice");

        router.set_policy(port, Policy::Public).unwrap();
        reach(&sandbox, OUTSIDE, 80).expect("unblocked again");

        router.set_policy(port, Policy::Blocked).unwrap();
        router.disconnect(port).unwrap();
        let successor = new_network();
        assert_eq!(router.connect(successor.as_fd()).unwrap(), port, "the number is used again");
        reach(&successor, OUTSIDE, 80).expect("its last owner's block is not inherited");
    });
}

#[test]
fn a_false_source_address_gets_nowhere() {
    on_a_host(|config| {
        let _beyond = make_beyond(&[OUTSIDE]);
        let router = Router::open(config.clone()).unwrap();
        let (sandbox, victim) = (new_network(), new_network());
        router.connect(sandbox.as_fd()).unwrap();
        let victim_address = router.address(router.connect(victim.as_fd()).unwrap());
        let connect_from = |namespace: &File, source: Ipv4Addr| {
            inside(namespace, || {
                let mut socket = Socket::open()?;
                let added = socket.add_address(device_index("eth0")?, source, 32);
                assert!(added.is_ok() || source == victim_address);
                let stream = std::process::Command::new("bash")
                    .args(["-c", &format!("exec 3<>/dev/tcp/{OUTSIDE}/80")])
                    .status();
                drop(stream);
                Ok::<_, io::Error>(())
            })
        };
        // The kernel's own counter in the router says whether it let a martian through.
        connect_from(&sandbox, victim_address).unwrap();
        let strict = router.inside(|| fs::read_to_string("/proc/sys/net/ipv4/conf/all/rp_filter")).unwrap();
        assert_eq!(strict.trim(), "1");
        let sent = inside(&sandbox, || {
            let socket = UdpSocket::bind((victim_address, 0)).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            socket.send_to(b"x", (OUTSIDE, 80))
        });
        sent.unwrap();
        let counted = router
            .inside(|| {
                let deadline = std::time::Instant::now() + Duration::from_secs(5);
                loop {
                    let table = fs::read_to_string("/proc/thread-self/net/netstat")?;
                    let mut lines = table.lines().filter(|line| line.starts_with("TcpExt:"));
                    let (names, values) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
                    let dropped = names
                        .split(' ')
                        .zip(values.split(' '))
                        .find(|(name, _)| *name == "IPReversePathFilter")
                        .and_then(|(_, value)| value.parse::<u64>().ok())
                        .unwrap_or(0);
                    if dropped > 0 || std::time::Instant::now() > deadline {
                        return Ok(dropped);
                    }
                    std::thread::yield_now();
                }
            })
            .unwrap();
        assert!(counted > 0, "the router passed a false source on");
    });
}

#[test]
fn a_router_opened_again_keeps_its_sandboxes_and_one_removed_leaves_nothing() {
    on_a_host(|config| {
        let _beyond = make_beyond(&[OUTSIDE]);
        let before = device_names().unwrap();
        let first = Router::open(config.clone()).unwrap();
        let (sandbox, blocked) = (new_network(), new_network());
        let port = first.connect(sandbox.as_fd()).unwrap();
        let blocked_port = first.connect(blocked.as_fd()).unwrap();
        first.set_policy(blocked_port, Policy::Blocked).unwrap();
        drop(first);

        let second = Router::open(config.clone()).unwrap();
        reach(&sandbox, OUTSIDE, 80).expect("running sandboxes do not notice");
        assert_refused(&blocked, OUTSIDE, 80);
        let mut found = second.list().unwrap();
        found.sort_unstable();
        assert_eq!(found, [port, blocked_port]);
        let third = second.connect(new_network().as_fd()).unwrap();
        assert!(![port, blocked_port].contains(&third));
        second.set_policy(blocked_port, Policy::Public).unwrap();
        reach(&blocked, OUTSIDE, 80).expect("a block from before can be taken back");
        drop(second);

        Router::remove(config).unwrap();
        assert_eq!(device_names().unwrap(), before);
        let rules = std::process::Command::new("nft").args(["list", "ruleset"]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&rules.stdout), "");
        assert!(!config.namespace_file.exists());
        Router::remove(config).expect("removing nothing is no error");
    });
}

#[test]
fn disconnecting_what_is_not_there_is_no_error() {
    on_a_host(|config| {
        make_beyond(&[]);
        let router = Router::open(config.clone()).unwrap();
        router.disconnect(Port(999)).unwrap();
        let namespace = new_network();
        let port = router.connect(namespace.as_fd()).unwrap();
        drop(namespace);
        router.disconnect(port).unwrap();
        router.disconnect(port).unwrap();
        assert!(router.list().unwrap().is_empty());
    });
}

/// A service on port 80 of every address of a sandbox.
fn serve(namespace: &File) -> TcpListener {
    inside(namespace, || TcpListener::bind((Ipv4Addr::UNSPECIFIED, 80))).unwrap()
}

/// A sandbox with a service.
struct Served {
    namespace: File,
    port: Port,
    address: Ipv4Addr,
    _service: TcpListener,
}

fn served(router: &Router) -> Served {
    let namespace = new_network();
    let port = router.connect(namespace.as_fd()).unwrap();
    let service = serve(&namespace);
    Served { namespace, port, address: router.address(port), _service: service }
}

#[test]
fn linked_sandboxes_reach_each_other_and_nobody_else_reaches_them() {
    on_a_host(|config| {
        let _beyond = make_beyond(&[OUTSIDE, PRIVATE]);
        let router = Router::open(config.clone()).unwrap();
        let _resolver = router.inside(|| TcpListener::bind((RESOLVER, 53))).unwrap();
        let all: Vec<Served> = (0..5).map(|_| served(&router)).collect();
        let [one, two, three, stranger, other] = all.as_slice() else { unreachable!("five were made") };
        assert_refused(&one.namespace, two.address, 80);

        router.link(&BTreeSet::from([one.port, two.port])).unwrap();
        router.link(&BTreeSet::from([stranger.port, other.port])).unwrap();
        for (from, to) in [(one, two), (two, one), (stranger, other), (other, stranger)] {
            reach(&from.namespace, to.address, 80).expect("they are linked");
        }
        for (from, to) in [(one, three), (three, one), (stranger, one), (one, stranger), (two, other)] {
            assert_refused(&from.namespace, to.address, 80);
        }
        assert_refused(&one.namespace, PRIVATE, 80);
        reach(&one.namespace, OUTSIDE, 80).expect("a link takes nothing away");

        router.link(&BTreeSet::from([one.port, two.port, three.port])).unwrap();
        reach(&three.namespace, one.address, 80).expect("a third one joins");
        reach(&two.namespace, three.address, 80).expect("and is among all");

        // Cut off from the world, and still linked; and the resolver is there to tell names.
        for port in [one.port, two.port] {
            router.set_policy(port, Policy::Blocked).unwrap();
        }
        reach(&one.namespace, two.address, 80).expect("a block is about the world");
        reach(&three.namespace, one.address, 80).expect("from one that is not blocked too");
        reach(&one.namespace, RESOLVER, 53).expect("names of the link can be asked for");
        assert_refused(&one.namespace, OUTSIDE, 80);
        assert_refused(&one.namespace, stranger.address, 80);

        router.link(&BTreeSet::from([one.port])).unwrap();
        assert_refused(&one.namespace, two.address, 80);
        assert_refused(&two.namespace, one.address, 80);
        assert_refused(&one.namespace, RESOLVER, 53);
    });
}

#[test]
fn links_outlive_their_router_and_are_not_inherited_with_a_number() {
    on_a_host(|config| {
        let router = Router::open(config.clone()).unwrap();
        let (one, two, three) = (served(&router), served(&router), served(&router));
        router.link(&BTreeSet::from([one.port, two.port, three.port])).unwrap();
        router.disconnect(two.port).unwrap();
        let successor = served(&router);
        assert_eq!(successor.port, two.port, "the number is used again");
        assert_refused(&successor.namespace, one.address, 80);
        assert_refused(&one.namespace, successor.address, 80);
        reach(&one.namespace, three.address, 80).expect("the others stay linked");

        // A device that vanished while nobody looked, as after a kill between two steps.
        router.link(&BTreeSet::from([one.port, three.port, successor.port])).unwrap();
        let vanished = format!("s{}", successor.port.0);
        router.inside(|| Socket::open()?.delete(&vanished)).unwrap();
        drop(router);
        let router = Router::open(config.clone()).unwrap();
        reach(&one.namespace, three.address, 80).expect("taken over");
        let newcomer = served(&router);
        assert_eq!(newcomer.port, successor.port);
        assert_refused(&newcomer.namespace, one.address, 80);
        assert_refused(&one.namespace, newcomer.address, 80);
        router.link(&BTreeSet::from([one.port, newcomer.port])).unwrap();
        reach(&newcomer.namespace, one.address, 80).expect("a new link can be made");
        assert_refused(&three.namespace, one.address, 80);
    });
}

#[test]
fn a_conversation_ends_with_its_link_and_is_not_inherited_with_an_address() {
    on_a_host(|config| {
        let router = Router::open(config.clone()).unwrap();
        let (one, two) = (served(&router), served(&router));
        router.link(&BTreeSet::from([one.port, two.port])).unwrap();
        let talker = |namespace: &File, own: Ipv4Addr, other: Ipv4Addr| {
            inside(namespace, || {
                let socket = UdpSocket::bind((own, 4000)).unwrap();
                socket.connect((other, 4000)).unwrap();
                socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                socket
            })
        };
        let first = talker(&one.namespace, one.address, two.address);
        let second = talker(&two.namespace, two.address, one.address);
        let mut word = [0; 16];
        // Both ways and more than once, so that the router takes it for a lasting conversation.
        for _ in 0..3 {
            first.send(b"ping").unwrap();
            assert_eq!(second.recv(&mut word).unwrap(), 4);
            second.send(b"ping").unwrap();
            assert_eq!(first.recv(&mut word).unwrap(), 4);
        }
        router.disconnect(two.port).unwrap();
        drop(second);
        let heir = served(&router);
        assert_eq!(heir.address, two.address, "the address is another's now");
        let listening = talker(&heir.namespace, heir.address, one.address);
        first.send(b"secret").unwrap();
        let refused = first.recv(&mut word).expect_err("it is refused, and told so");
        assert_ne!(refused.kind(), io::ErrorKind::WouldBlock, "a refusal must be told at once");
        listening.set_nonblocking(true).unwrap();
        assert_eq!(listening.recv(&mut word).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        // And so it is with one that is there still, and linked no more.
        router.link(&BTreeSet::from([one.port, heir.port])).unwrap();
        first.send(b"hello").unwrap();
        listening.set_nonblocking(false).unwrap();
        assert_eq!(listening.recv(&mut word).unwrap(), 5, "linked, it is heard");
        router.link(&BTreeSet::from([one.port])).unwrap();
        listening.set_nonblocking(true).unwrap();
        first.send(b"secret").unwrap();
        assert_ne!(first.recv(&mut word).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(listening.recv(&mut word).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    });
}
