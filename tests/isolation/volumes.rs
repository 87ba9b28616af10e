//! Volumes: what one sandbox plants in one leads neither the host nor another sandbox anywhere.

use std::fs;
use std::path::Path;
use std::time::Duration;

use paddock_tests::api::{Api, Sandbox};
use paddock_tests::server::Server;
use serde_json::{Value, json};

const SETTLE: Duration = Duration::from_secs(20);

/// A volume of one test, removed with the value once the sandboxes that mount it are.
struct Volume<'a> {
    api: &'a Api,
    id: String,
}

impl<'a> Volume<'a> {
    fn new(api: &'a Api, name: &str) -> Self {
        Self { api, id: api.volume(name) }
    }

    fn at(&self, path: &str) -> Value {
        json!({"volumes": [{"volumeId": self.id, "mountPath": path}]})
    }

    fn below(&self, subpath: &str) -> Value {
        json!({"volumes": [{"volumeId": self.id, "mountPath": "/data", "subpath": subpath}]})
    }
}

impl Drop for Volume<'_> {
    fn drop(&mut self) {
        let _ = self.api.try_send("DELETE", &format!("{}/volumes/{}", self.api.api_url, self.id), None);
    }
}

fn python(sandbox: &Sandbox, code: &str) -> String {
    let body = json!({"code": code, "language": "python"});
    let answer = sandbox.api.toolbox("POST", &sandbox.id, "/process/code-run", Some(&body)).expect(200);
    assert_eq!(answer["exitCode"], 0, "{answer}");
    answer["result"].as_str().unwrap().trim().to_owned()
}

#[test]
fn a_link_in_a_volume_leads_no_subpath_out_of_it() {
    let api = &Server::shared().api;
    let volume = Volume::new(api, "isolation links");
    let planter = api.sandbox(&volume.at("/data"));
    planter.output(
        "cd /data && ln -s /etc out && ln -s .. up && ln -s / root && ln -s /proc/1/root magic && mkdir real && ln -s real inner \
         && sudo ln -s /tmp dangling",
    );
    for subpath in [
        "out",
        "out/paddock-was-here",
        "up",
        "up/up",
        "root/etc",
        "magic",
        "inner",
        "real/../out",
        "dangling/x",
    ] {
        let answer = api.post("/sandbox", &volume.below(subpath));
        assert_eq!(answer.status, 400, "{subpath}: {}", answer.body);
        let message = answer.body["message"].as_str().unwrap();
        assert!(message.contains("symbolic link") || message.contains(".."), "{subpath}: {message}");
    }
    for place in ["/etc", "/tmp"] {
        assert!(!Path::new(place).join("paddock-was-here").exists() && !Path::new(place).join("x").exists());
    }
    // The same place without a link is mounted.
    let fine = api.sandbox(&volume.below("real/made"));
    fine.output("echo fine > /data/file");
    assert_eq!(planter.output("cat /data/real/made/file"), "fine");
    // Those that failed are listed until they are removed.
    for item in api.get("/sandbox?states=error").expect(200)["items"].as_array().unwrap() {
        if item["errorReason"].as_str().unwrap_or_default().contains("symbolic link") {
            api.send("DELETE", &format!("/sandbox/{}", item["id"].as_str().unwrap()), None).expect(200);
        }
    }
}

#[test]
fn a_link_in_the_place_of_a_mount_point_leads_no_mount_out_of_the_sandbox() {
    let api = &Server::shared().api;
    let volume = Volume::new(api, "isolation mount points");
    let name = format!("paddock-escape-{}", std::process::id());
    for (target, seen) in [
        ("/", "/"),
        ("../../../../../../..", "/"),
        ("/var/lib", "/var/lib/"),
        ("/nothing/there", "/nothing/there/"),
    ] {
        let sandbox = api.sandbox(&volume.at(&format!("/escape/{name}")));
        // A directory above a mount can be moved away, and a link put in its place.
        sandbox.output(&format!(
            "echo inside > /escape/{name}/marker && sudo mv /escape /moved && sudo ln -s {target} /escape"
        ));
        api.post(&format!("/sandbox/{}/stop", sandbox.id), &json!({})).expect(200);
        api.wait_for_state(&sandbox.id, "stopped", SETTLE);
        let started = api.post(&format!("/sandbox/{}/start", sandbox.id), &json!({}));
        api.wait_until_idle(&sandbox.id, SETTLE);
        match api.state(&sandbox.id).as_deref() {
            Some("started") => {
                assert_eq!(sandbox.output(&format!("cat {seen}{name}/marker")), "inside", "{target}")
            }
            // Refusing is as good, as long as it is said.
            Some("error") => {
                let shown = api.get(&format!("/sandbox/{}", sandbox.id)).expect(200);
                assert!(shown["errorReason"].is_string(), "{target}: {shown}");
            }
            other => panic!("{target}: {other:?} after {}", started.body),
        }
        for place in ["/", "/escape", "/var/lib", "/nothing/there"] {
            assert!(!Path::new(place).join(&name).exists(), "{target} led to the host's {place}");
        }
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(&name), "nothing is mounted on the host");
}

#[test]
fn set_user_id_bits_in_a_volume_mean_nothing() {
    let api = &Server::shared().api;
    let volume = Volume::new(api, "isolation bits");
    let sandbox = api.sandbox(&volume.at("/data"));
    let make = |place: &str| {
        sandbox.output(&format!(
            "sudo sh -c 'cp /usr/bin/id {place} && chown root {place} && chmod 4755 {place}'"
        ));
        sandbox.output(&format!("{place} -u"))
    };
    assert_eq!(make("/usr/local/bin/id"), "0", "they mean something in the sandbox's own files");
    assert_eq!(make("/data/id"), "1000");
}

#[test]
fn nobody_makes_a_subvolume_which_would_have_no_limit() {
    let api = &Server::shared().api;
    let volume = Volume::new(api, "isolation subvolumes");
    let sandbox = api.sandbox(&volume.at("/data"));
    // BTRFS_IOC_SUBVOL_CREATE and _V2, BTRFS_IOC_SNAP_CREATE and _V2, BTRFS_IOC_QGROUP_LIMIT.
    let make = "import ctypes, fcntl, os\n\
                directory = os.open('/data', os.O_RDONLY)\n\
                for request in [0x5000940e, 0x50009418, 0x50009401, 0x50009417, 0x8030942b]:\n    \
                    arguments = bytearray(4096)\n    \
                    arguments[:8] = directory.to_bytes(8, 'little')\n    \
                    arguments[8:11] = b'sub'\n    \
                    try:\n        \
                        fcntl.ioctl(directory, request, arguments)\n    \
                    except OSError as error:\n        \
                        assert error.errno == 38, (hex(request), error)\n    \
                    else:\n        \
                        raise AssertionError(hex(request))\n\
                print('refused')";
    assert_eq!(python(&sandbox, make), "refused");
    sandbox.output("ls -A /data | wc -l | grep -x 0");
    // What shares data between files is allowed, in the same place.
    sandbox.output("head -c 1000000 /dev/urandom > /data/a && cp --reflink=always /data/a /data/b && cmp /data/a /data/b");
}
