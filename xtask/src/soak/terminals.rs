//! Terminals in sequence, each made by its socket and ended by its shell.

use anyhow::{Result, bail};
use paddock_tests::socket::Socket;

use super::Soak;

pub(super) fn run(soak: &mut Soak, count: usize) -> Result<()> {
    soak.repeat("terminals", count, |soak, number| {
        let target = format!("/process/pty/create-connect?id=soak-{number}");
        let (url, key) = soak.raw.socket(&soak.sandbox, &target);
        let mut socket = Socket::connect(&url, &[("authorization", &key)]);
        // A number that the echo of what is typed does not have.
        socket.send(format!("echo $(({number} + 1000000)); exit\n").as_bytes());
        let ended = socket.finish();
        let output = String::from_utf8_lossy(&ended.binary.concat()).into_owned();
        if ended.code != Some(1000) || !output.contains(&(number + 1_000_000).to_string()) {
            bail!("terminal {number} ended with {:?} {:?} after {output:?}", ended.code, ended.reason);
        }
        Ok(())
    })
}
