//! The first process of the contract tests' sandboxes: says on descriptor 4 what it sees, does what its
//! environment asks, and does what descriptor 3 asks, a letter each. Static, so it runs in an empty root.

use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::os::fd::FromRawFd;
use std::os::unix::fs::MetadataExt;

fn main() {
    #[expect(unsafe_code, reason = "descriptors come by number from whoever launches")]
    // SAFETY: the launch put it there and nobody else in this process owns it.
    let mut report = unsafe { File::from_raw_fd(4) };
    let mut say = |key: &str, value: &str| writeln!(report, "{key}={}", value.trim().replace('\n', ";"));
    let read = |path: &str| fs::read_to_string(path).unwrap_or_else(|error| error.to_string());
    let result = (|| {
        say("pid", &std::process::id().to_string())?;
        say("uid_map", &read("/proc/self/uid_map").split_whitespace().collect::<Vec<_>>().join(" "))?;
        say("hostname", &read("/proc/sys/kernel/hostname"))?;
        say("mounts", &read("/proc/self/mounts"))?;
        let status = read("/proc/self/status");
        for field in ["CapBnd:", "Seccomp:", "NoNewPrivs:"] {
            let value = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or("absent");
            say(field.trim_end_matches(':'), value)?;
        }
        let mut descriptors: Vec<u32> = fs::read_dir("/proc/self/fd")?
            .flatten()
            .filter(|entry| {
                fs::read_link(entry.path()).is_ok_and(|target| target.to_string_lossy() != "/proc/1/fd")
            })
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect();
        descriptors.sort_unstable();
        say("descriptors", &format!("{descriptors:?}"))?;
        say("greeting", &std::env::var("GREETING").unwrap_or_default())?;
        let owner = fs::metadata("/from-layer").map(|file| format!("{}:{}", file.uid(), file.gid()));
        say("layer_file", &owner.unwrap_or_else(|error| error.to_string()))?;
        for path in std::env::var("LOOK").unwrap_or_default().split(':').filter(|path| !path.is_empty()) {
            let owner = fs::metadata(path).map(|file| format!("{}:{}", file.uid(), file.gid()));
            say(path, &format!("{} of {}", read(path).trim(), owner.unwrap_or_default()))?;
        }
        say("kept", &read("/kept"))?;
        say(
            "write",
            &fs::write("/kept", "kept").map_or_else(|error| error.to_string(), |()| "ok".to_owned()),
        )?;
        let mut numbers: Vec<(u64, u64)> = (0..64)
            .filter_map(|layer| fs::metadata(format!("/layer-{layer}")).ok())
            .map(|file| (file.dev(), file.ino()))
            .collect();
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        say("files", &format!("{count} with {} numbers", numbers.len()))?;
        say("end", "")
    })();
    if result.is_err() {
        std::process::exit(1);
    }
    #[expect(unsafe_code, reason = "descriptors come by number from whoever launches")]
    // SAFETY: as above.
    let asked = unsafe { File::from_raw_fd(3) };
    let mut held = Vec::new();
    for letter in BufReader::new(asked).bytes().map_while(Result::ok) {
        let done = match letter {
            // Takes 64 MiB of memory.
            b'm' => {
                held.push(vec![1u8; 64 << 20]);
                Ok(())
            }
            // Has 64 MiB of a file in the page cache that are on the disk.
            b'c' => {
                fs::write("/cached", vec![1u8; 64 << 20]).and_then(|()| File::open("/cached")?.sync_all())
            }
            _ => Ok(()),
        };
        if done.and_then(|()| report.write_all(b"done\n")).is_err() {
            std::process::exit(1);
        }
    }
    loop {
        std::thread::park();
    }
}
