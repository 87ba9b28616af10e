//! What a running sandbox may use, changed; and memory given back.
//!
//! Invariant: [`Cgroups::resize`] changes all or nothing. A kill half way leaves limits that were asked for before or
//! now; asking again sets them.

use std::io;

use paddock_undo::Undo;

use crate::cgroup::Cgroups;

/// Processor time is counted in periods of this many microseconds.
const PERIOD_US: u64 = 100_000;
const MEMORY: &str = "memory.limit_in_bytes";
const MEMORY_AND_SWAP: &str = "memory.memsw.limit_in_bytes";

/// The memory of a sandbox before and after it was asked to give some back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reclaimed {
    /// In use before, in bytes.
    pub before_bytes: u64,
    /// In use after.
    pub after_bytes: u64,
}

/// Limits that can be changed while processes run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) cores: u32,
    pub(crate) memory_bytes: u64,
}

impl Cgroups {
    /// Sets what `name` may use. What it may use less of than before is refused when it uses more.
    ///
    /// # Errors
    /// [`io::ErrorKind::ResourceBusy`] when it uses more memory than it shall; [`io::ErrorKind::NotFound`] when there is
    /// no such group. The limits are as before then.
    pub(crate) fn resize(
        &self,
        name: &str,
        limits: Limits,
        between: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let mut undo = Undo::new();
        let memory = limits.memory_bytes.to_string();
        if self.is_unified() {
            self.check_fits(name, limits.memory_bytes)?;
            self.change(name, "memory.max", &memory, &mut undo)?;
        } else {
            // Memory with swap may never be less than memory alone.
            let now = self.read(name, MEMORY).and_then(|text| text.trim().parse::<u64>().ok());
            let grows = now.ok_or(io::ErrorKind::NotFound)? < limits.memory_bytes;
            let order = if grows { [MEMORY_AND_SWAP, MEMORY] } else { [MEMORY, MEMORY_AND_SWAP] };
            for file in order {
                // A kernel that was told not to count swap lacks the one file.
                if file == MEMORY || self.find_file(name, file).is_some() {
                    self.change(name, file, &memory, &mut undo)?;
                }
            }
        }
        between()?;
        let quota = u64::from(limits.cores) * PERIOD_US;
        if self.is_unified() {
            self.change(name, "cpu.max", &format!("{quota} {PERIOD_US}"), &mut undo)?;
        } else {
            self.change(name, "cpu.cfs_quota_us", &quota.to_string(), &mut undo)?;
        }
        undo.keep();
        Ok(())
    }

    /// Version 2 takes any limit, and then kills until it fits. So what would not fit is refused before.
    fn check_fits(&self, name: &str, memory_bytes: u64) -> io::Result<()> {
        if self.memory_in_use(name)? <= memory_bytes {
            return Ok(());
        }
        if self.reclaim(name)?.after_bytes <= memory_bytes {
            Ok(())
        } else {
            Err(io::ErrorKind::ResourceBusy.into())
        }
    }

    /// Writes a control file and notes how to take that back.
    fn change<'a>(
        &'a self,
        name: &'a str,
        file: &'static str,
        value: &str,
        undo: &mut Undo<'a>,
    ) -> io::Result<()> {
        let before = self.read(name, file).ok_or(io::ErrorKind::NotFound)?;
        self.write(name, file, value)?;
        undo.push(move || {
            if let Err(error) = self.write(name, file, before.trim()) {
                tracing::error!(%error, group = name, file, "could not put back a limit");
            }
        });
        Ok(())
    }

    /// Asks the kernel to take from `name` what memory it can do without: the page cache of its files, and what may go
    /// to swap where there is any. As much as can be had; none is no error.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when there is no such group.
    pub(crate) fn reclaim(&self, name: &str) -> io::Result<Reclaimed> {
        let before_bytes = self.memory_in_use(name)?;
        let asked = if self.is_unified() {
            self.write(name, "memory.reclaim", &before_bytes.to_string())
        } else {
            self.write(name, "memory.force_empty", "0")
        };
        match asked {
            Ok(()) => {}
            // Less than asked for could be had; or the kernel has no such file (version 2 before Linux 5.19).
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock
                        | io::ErrorKind::ResourceBusy
                        | io::ErrorKind::Interrupted
                        | io::ErrorKind::NotFound
                ) => {}
            Err(error) => return Err(error),
        }
        Ok(Reclaimed { before_bytes, after_bytes: self.memory_in_use(name)? })
    }

    fn memory_in_use(&self, name: &str) -> io::Result<u64> {
        let file = if self.is_unified() { "memory.current" } else { "memory.usage_in_bytes" };
        let text = self.read(name, file).ok_or(io::ErrorKind::NotFound)?;
        text.trim().parse().map_err(|_| io::ErrorKind::InvalidData.into())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// A directory with control files, as a kernel shows them: what is written is what is read.
    fn group(unified: bool, files: &[(&str, &str)], test: impl FnOnce(&Cgroups, &Path)) {
        let place = tempfile::tempdir().unwrap();
        let cgroups = Cgroups::at(vec![place.path().to_owned()], unified, "parent");
        let group = place.path().join("parent/one");
        fs::create_dir_all(&group).unwrap();
        for (name, text) in files {
            fs::write(group.join(name), text).unwrap();
        }
        test(&cgroups, &group);
    }

    const LARGER: Limits = Limits { cores: 2, memory_bytes: 2000 };
    const VERSION_2: [(&str, &str); 4] = [
        ("memory.max", "1000\n"),
        ("cpu.max", "99999 100000\n"),
        ("memory.current", "500"),
        ("memory.reclaim", ""),
    ];

    /// The first word: a shorter text written over a longer one leaves its end in a plain file, unlike in a control file.
    fn read(group: &Path, file: &str) -> String {
        fs::read_to_string(group.join(file)).unwrap().trim().to_owned()
    }

    #[test]
    fn version_two_is_resized() {
        group(true, &VERSION_2, |cgroups, group| {
            cgroups.resize("one", LARGER, || Ok(())).unwrap();
            assert_eq!(
                (read(group, "memory.max"), read(group, "cpu.max")),
                ("2000".into(), "200000 100000".into())
            );
        });
    }

    #[test]
    fn a_failure_half_way_puts_the_old_limits_back() {
        group(true, &VERSION_2, |cgroups, group| {
            cgroups.resize("one", LARGER, || Err(io::ErrorKind::Other.into())).unwrap_err();
            assert_eq!(read(group, "memory.max"), "1000");
            fs::remove_file(group.join("cpu.max")).unwrap();
            let error = cgroups.resize("one", LARGER, || Ok(())).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
            assert_eq!(read(group, "memory.max"), "1000");
        });
    }

    #[test]
    fn version_two_refuses_what_would_kill() {
        group(true, &VERSION_2, |cgroups, group| {
            let smaller = Limits { cores: 1, memory_bytes: 400 };
            let error = cgroups.resize("one", smaller, || Ok(())).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
            assert_eq!(read(group, "memory.reclaim"), "500", "the kernel was asked to make room first");
            assert_eq!(read(group, "memory.max"), "1000");
        });
    }

    #[test]
    fn version_one_without_a_count_of_swap_is_resized() {
        let files = [(MEMORY, "1000\n"), ("cpu.cfs_quota_us", "100000\n")];
        group(false, &files, |cgroups, group| {
            cgroups.resize("one", LARGER, || Ok(())).unwrap();
            assert_eq!(
                (read(group, MEMORY), read(group, "cpu.cfs_quota_us")),
                ("2000".into(), "200000".into())
            );
        });
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        for unified in [true, false] {
            group(unified, &[], |cgroups, _| {
                assert_eq!(
                    cgroups.resize("two", LARGER, || Ok(())).unwrap_err().kind(),
                    io::ErrorKind::NotFound
                );
                assert_eq!(cgroups.reclaim("two").unwrap_err().kind(), io::ErrorKind::NotFound);
            });
        }
    }
}
