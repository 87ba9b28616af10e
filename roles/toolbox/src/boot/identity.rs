//! Becoming the sandbox's user.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::process::{Gid, Uid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities, set_thread_groups,
    set_thread_res_gid, set_thread_res_uid,
};

use super::StartError;
use super::accounts::{Accounts, User, number};

/// As whom the daemon runs, and what processes are told of that user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) name: OsString,
    uid: u32,
    gid: u32,
    /// Beside `gid`, without repetition.
    groups: Vec<u32>,
    pub(super) home: PathBuf,
    pub(super) shell: OsString,
}

impl Identity {
    /// The identity of `user`, a name or a number; `None` is uid 0.
    ///
    /// A number needs no entry in the image: its group is then 0 and its home the root. So does uid
    /// 0, which is called root.
    pub(super) fn find(accounts: &Accounts, user: Option<&str>) -> Result<Self, StartError> {
        let wanted = user.unwrap_or("0");
        let uid = number(wanted.as_bytes());
        let known = accounts.user_named(wanted).or_else(|| accounts.user_numbered(uid?));
        match (known, uid) {
            (Some(known), _) => Ok(Self::of(accounts, known)),
            (None, Some(uid)) => Ok(Self::of_stranger(uid)),
            (None, None) if wanted == "root" => Ok(Self::of_stranger(0)),
            (None, None) => Err(StartError::UnknownUser(wanted.to_owned())),
        }
    }

    fn of(accounts: &Accounts, user: &User) -> Self {
        let mut groups: Vec<u32> = accounts.groups_of(&user.name).chain([user.gid]).collect();
        groups.sort_unstable();
        groups.dedup();
        Self {
            name: OsString::from_vec(user.name.clone()),
            uid: user.uid,
            gid: user.gid,
            groups,
            home: user.home.clone(),
            shell: user.shell.clone(),
        }
    }

    fn of_stranger(uid: u32) -> Self {
        let is_root = uid == 0;
        let home = if is_root && Path::new("/root").is_dir() { "/root" } else { "/" };
        Self {
            name: if is_root { "root".into() } else { uid.to_string().into() },
            uid,
            gid: 0,
            groups: vec![0],
            home: home.into(),
            shell: "/bin/sh".into(),
        }
    }

    /// Becomes this user for good, with all its groups and without any capability. The bounding set
    /// is not touched: it is what `sudo` may use.
    ///
    /// Only while the process has a single thread, since the kernel keeps all of this per thread.
    pub(super) fn assume(&self) -> Result<(), StartError> {
        let failed = |step| {
            let user = self.name.to_string_lossy().into_owned();
            move |error: rustix::io::Errno| StartError::Identity {
                user,
                step,
                source: io::Error::from(error),
            }
        };
        let groups: Vec<Gid> = self.groups.iter().map(|&group| Gid::from_raw(group)).collect();
        set_thread_groups(&groups).map_err(failed("setting its groups"))?;
        let gid = Gid::from_raw(self.gid);
        set_thread_res_gid(gid, gid, gid).map_err(failed("setting its group"))?;
        let uid = Uid::from_raw(self.uid);
        set_thread_res_uid(uid, uid, uid).map_err(failed("setting its uid"))?;
        // Uid 0 keeps its capabilities over all this, another user the inheritable ones.
        clear_ambient_capability_set().map_err(failed("dropping ambient capabilities"))?;
        let none = CapabilitySet::empty();
        set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
            .map_err(failed("dropping capabilities"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_accounts_numbers_work_and_names_do_not() {
        let none = Accounts::default();
        let numbered = Identity::find(&none, Some("1234")).unwrap();
        assert_eq!((numbered.uid, numbered.gid, numbered.groups), (1234, 0, vec![0]));
        assert_eq!(numbered.home, Path::new("/"));
        assert_eq!(Identity::find(&none, None).unwrap().name, "root");
        assert_eq!(Identity::find(&none, Some("root")).unwrap().uid, 0);
        let error = Identity::find(&none, Some("daytona")).unwrap_err();
        assert_eq!(error.to_string(), "user \"daytona\" does not exist in the image");
    }
}
