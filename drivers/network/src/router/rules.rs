//! The rules of the router and the two of the host, as nftables text.
//!
//! Loaded once; afterwards only the elements of one set change. Denials answer at once (a reset, or
//! "administratively prohibited") instead of letting a program wait.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Stdio};

use super::links::{self, Links};
use crate::Error;

/// Never reachable from a sandbox: this host and its networks (RFC 1122, 1918, 6598, 3927, 2544 and
/// multicast), with the addresses under which clouds serve their metadata. Documentation ranges are not here.
const DENIED: &str = "0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, \
                      192.0.0.0/24, 192.168.0.0/16, 198.18.0.0/15, 224.0.0.0/3";

/// Connections that one sandbox may have open to the outside.
const CONNECTIONS: u32 = 8192;

/// Loads the router's table, in the router's namespace, in one step: there is no moment without rules.
///
/// Questions to the resolver are not tracked: a guest that asks from every port it has would fill the table that all share,
/// and what limits its connections to the outside does not see them.
///
/// Between sandboxes only links count, whatever conversations the router remembers: one goes on for minutes after its link, and
/// by then the address may be another's.
///
/// Links come before blocking: whoever is cut off from the world still reaches those that it is linked with, and may ask
/// for their names, which is all that the resolver tells it.
pub(super) fn load_router(host_addresses: &[IpAddr], blocked: &[String], links: &Links) -> Result<(), Error> {
    let mut text = String::from("table inet paddock\ndelete table inet paddock\n");
    let mut hosts = String::new();
    for address in host_addresses {
        if let IpAddr::V4(address) = address
            && !address.is_loopback()
        {
            let separator = if hosts.is_empty() { "" } else { ", " };
            let _ = write!(hosts, "{separator}{address}");
        }
    }
    let elements = if hosts.is_empty() { String::new() } else { format!("elements = {{ {hosts} }}") };
    let blocked: Vec<String> = blocked.iter().map(|device| format!("\"{device}\"")).collect();
    let blocked =
        if blocked.is_empty() { String::new() } else { format!("elements = {{ {} }}", blocked.join(", ")) };
    let _ = write!(
        text,
        r#"
table inet paddock {{
    set denied {{ type ipv4_addr; flags interval; elements = {{ {DENIED} }} }}
    set hosts {{ type ipv4_addr; {elements} }}
    set blocked {{ type ifname; {blocked} }}
    {links}
    set connections {{ type ipv4_addr; flags dynamic; size 65535; }}
    chain questions {{
        type filter hook prerouting priority raw;
        iifname "s*" ip daddr {resolver} meta l4proto {{ tcp, udp }} th dport 53 notrack
    }}
    chain answers {{
        type filter hook output priority raw;
        ip saddr {resolver} meta l4proto {{ tcp, udp }} th sport 53 notrack
    }}
    chain forward {{
        type filter hook forward priority filter; policy drop;
        iifname . oifname @links goto between
        iifname @blocked goto refuse
        oifname @blocked drop
        iifname != "up" oifname != "up" goto refuse
        ct state established,related accept
        ct state invalid drop
        oifname != "up" goto refuse
        ip daddr @denied goto refuse
        ip daddr @hosts goto refuse
        meta nfproto ipv6 drop
        ct state new add @connections {{ ip saddr ct count over {CONNECTIONS} }} goto refuse
        iifname "s*" accept
    }}
    chain between {{
        meta nfproto ipv6 drop
        ct state invalid drop
        ct state new add @connections {{ ip saddr ct count over {CONNECTIONS} }} goto refuse
        accept
    }}
    chain input {{
        type filter hook input priority filter; policy drop;
        iifname "lo" accept
        iifname @named ip daddr {resolver} meta l4proto {{ tcp, udp }} th dport 53 accept
        iifname @blocked goto refuse
        ct state established,related accept
        iifname "s*" ip daddr {resolver} meta l4proto {{ tcp, udp }} th dport 53 accept
        iifname "s*" goto refuse
    }}
    chain refuse {{
        meta l4proto tcp reject with tcp reset
        reject with icmpx admin-prohibited
    }}
    chain leave {{
        type nat hook postrouting priority srcnat;
        oifname "up" masquerade
    }}
}}
"#,
        resolver = super::RESOLVER,
        links = links::definitions(links),
    );
    run(&text)
}

/// The elements of a set as the kernel knows them, in the router's namespace. None when there is no such set yet.
pub(super) fn elements_now(set: &str) -> Result<Vec<String>, Error> {
    let output = Command::new("nft")
        .args(["list", "set", "inet", "paddock", set])
        .stdin(Stdio::null())
        .output()
        .map_err(Error::io("run nft"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && !complaint.contains("No such file or directory") {
        // Not "nobody is blocked": that would open every blocked sandbox.
        return Err(Error::Rules(complaint.trim().to_owned()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let elements = text.split_once("elements = {").and_then(|(_, rest)| rest.split_once('}'));
    let elements = elements.map_or("", |(elements, _)| elements).split(',');
    Ok(elements.map(|element| element.trim().to_owned()).filter(|element| !element.is_empty()).collect())
}

/// Adds `device` to the blocked ones or takes it out, in the router's namespace.
pub(super) fn set_blocked(device: &str, blocked: bool) -> Result<(), Error> {
    // Adding first makes taking out succeed whether or not it was in.
    let add = format!("add element inet paddock blocked {{ \"{device}\" }}\n");
    let take = if blocked {
        String::new()
    } else {
        format!("delete element inet paddock blocked {{ \"{device}\" }}\n")
    };
    run(&(add + &take))
}

/// Loads the host's table: our one address leaves under the host's, and nothing from our link reaches
/// the host itself.
pub(super) fn load_host(instance: &str, link: &str, router_address: Ipv4Addr) -> Result<(), Error> {
    let table = table_name(instance);
    run(&format!(
        r#"
table inet {table}
delete table inet {table}
table inet {table} {{
    chain input {{
        type filter hook input priority filter - 10; policy accept;
        iifname "{link}" drop
    }}
    chain forward {{
        type filter hook forward priority filter - 10; policy accept;
        iifname "{link}" ip saddr != {router_address} drop
    }}
    chain leave {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {router_address} oifname != "{link}" masquerade
    }}
}}
"#
    ))
}

/// Removes the host's table.
pub(super) fn remove_host(instance: &str) -> Result<(), Error> {
    let table = table_name(instance);
    run(&format!("table inet {table}\ndelete table inet {table}\n"))
}

fn table_name(instance: &str) -> String {
    format!("paddock_{}", instance.replace('-', "_"))
}

/// Runs commands in one step, in the network namespace of the calling thread.
pub(super) fn run(text: &str) -> Result<(), Error> {
    let mut child = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::io("run nft"))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes()).map_err(Error::io("speak to nft"))?;
    }
    let output = child.wait_with_output().map_err(Error::io("wait for nft"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(Error::Rules(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}
