//! The internet can be reached; the host, its networks and neighbours cannot.

use std::net::TcpListener;

use paddock_tests::api::Sandbox;
use paddock_tests::server::Server;
use serde_json::json;

/// Whether a TCP connection from inside succeeds.
fn reaches(sandbox: &Sandbox, address: &str, port: u16) -> bool {
    sandbox.run(&format!("timeout 5 bash -c 'exec 3<>/dev/tcp/{address}/{port}'")).0 == 0
}

fn own_address(sandbox: &Sandbox) -> String {
    sandbox.output("ip -4 -o addr show eth0 | awk '{print $4}' | cut -d/ -f1")
}

#[test]
fn packages_install_from_inside() {
    let sandbox = Server::shared().api.sandbox(&json!({}));
    sandbox.output(
        "pip install --quiet --disable-pip-version-check --no-deps tomli 2>&1 && python3 -c 'import tomli'",
    );
    sandbox.output("mkdir -p /tmp/node && cd /tmp/node && npm install --silent is-number && node -e \"require('is-number')\"");
    assert!(!sandbox.output("getent hosts $(hostname)").is_empty());
}

#[test]
fn host_metadata_private_networks_and_neighbours_cannot_be_reached() {
    let api = &Server::shared().api;
    let (sandbox, neighbour) = (api.sandbox(&json!({})), api.sandbox(&json!({})));
    // A service that is really there, on every address of the host.
    let service = TcpListener::bind(("0.0.0.0", 0)).unwrap();
    let port = service.local_addr().unwrap().port();
    let host_addresses = std::process::Command::new("hostname").arg("-I").output().unwrap();
    let host_addresses = String::from_utf8_lossy(&host_addresses.stdout).into_owned();
    let link = sandbox.output("ip route show default | awk '{print $3}'");
    let mut denied: Vec<String> =
        host_addresses.split_whitespace().filter(|a| a.contains('.')).map(str::to_owned).collect();
    denied.extend(
        ["169.254.169.254", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1"].map(str::to_owned),
    );
    denied.push(link);
    for address in denied {
        assert!(!reaches(&sandbox, &address, port), "{address}:{port}");
        assert!(!reaches(&sandbox, &address, 80), "{address}:80");
    }
    let proxy_port: u16 = api.proxy_url.rsplit(':').next().unwrap().parse().unwrap();
    let host_link = own_address(&sandbox)
        .rsplit_once('.')
        .map(|(rest, _)| rest.rsplit_once('.').unwrap().0.to_owned())
        .unwrap();
    assert!(!reaches(&sandbox, &format!("{host_link}.255.253"), proxy_port));

    let neighbours = own_address(&neighbour);
    neighbour.output("nohup python3 -m http.server 8000 >/dev/null 2>&1 &\nfor i in $(seq 100); do timeout 1 bash -c 'exec 3<>/dev/tcp/127.0.0.1/8000' 2>/dev/null && exit 0; sleep 0.05; done; exit 1");
    assert!(reaches(&neighbour, &neighbours, 8000), "the neighbour's service is there");
    assert!(!reaches(&sandbox, &neighbours, 8000), "and out of reach");
    // The positive control: names resolve through the one address that is allowed.
    assert_eq!(sandbox.run("timeout 5 bash -c 'exec 3<>/dev/tcp/100.64.0.1/53'").0, 0);
}

#[test]
fn a_blocked_sandbox_reaches_nothing_and_still_answers() {
    let api = &Server::shared().api;
    let (open, blocked) = (api.sandbox(&json!({})), api.sandbox(&json!({"networkBlockAll": true})));
    // A name that is sure to be public: where the image's own packages come from.
    let name = "getent ahostsv4 $(sed -n 's|.*//\\([^/ ]*\\)/.*|\\1|p' /etc/apt/sources.list | head -n 1)";
    assert_eq!(open.run(name).0, 0);
    assert_ne!(blocked.run(name).0, 0);
    assert!(reaches(&open, "100.64.0.1", 53));
    assert!(!reaches(&blocked, "100.64.0.1", 53));
    assert_eq!(blocked.output("echo fine"), "fine");
}
