//! Files: whose they are, and that one file has one number.

use paddock_tests::server::Server;
use serde_json::json;

#[test]
fn files_of_the_image_belong_to_who_owned_them_there() {
    let sandbox = Server::shared().api.sandbox(&json!({}));
    assert_eq!(
        sandbox.output("stat -c '%U:%G %a' /etc/passwd /home/daytona /usr/bin/sudo /tmp"),
        "root:root 644\ndaytona:daytona 755\nroot:root 4755\nroot:root 1777"
    );
    assert_ne!(sandbox.run("echo x >> /etc/passwd").0, 0);
    assert_eq!(sandbox.output("sudo sh -c 'echo \"# x\" >> /etc/passwd' && tail -n 1 /etc/passwd"), "# x");
}

#[test]
fn no_two_files_share_a_number() {
    let sandbox = Server::shared().api.sandbox(&json!({}));
    sandbox.output("sudo touch /etc/new-one /usr/bin/new-two && sudo chmod +x /usr/bin/new-two");
    let repeated = sandbox
        .output("find / -xdev -type f -links 1 -printf '%D:%i\\n' 2>/dev/null | sort | uniq -d | wc -l");
    assert_eq!(repeated, "0");
    assert!(sandbox.output("find / -xdev -type f 2>/dev/null | wc -l").parse::<u32>().unwrap() > 1000);
}

#[test]
fn one_sandboxs_files_are_not_anothers() {
    let api = &Server::shared().api;
    let (one, two) = (api.sandbox(&json!({})), api.sandbox(&json!({})));
    one.output("echo secret | sudo tee /etc/secret > ~/secret");
    assert_ne!(two.run("cat /etc/secret ~/secret").0, 0);
    assert_eq!(one.output("cat /etc/secret ~/secret"), "secret\nsecret");
}

#[test]
fn a_path_without_permission_is_refused_to_the_user_and_open_to_root() {
    let sandbox = Server::shared().api.sandbox(&json!({}));
    let answer = sandbox.api.toolbox("GET", &sandbox.id, "/files?path=/root", None);
    assert_eq!(
        (answer.status, answer.body["code"].as_str()),
        (403, Some("FILE_ACCESS_DENIED")),
        "{}",
        answer.body
    );
    sandbox.output("sudo ls /root");
}
