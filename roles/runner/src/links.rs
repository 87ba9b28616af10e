//! Which running sandboxes are linked with each other, told to the network and to the resolver.
//!
//! A group is a target and everything that is linked with it. Nothing of it is kept on disk here: wishes name links, the
//! journal keeps wishes, and who runs is found out anew by every runner.
//!
//! Order matters for a sandbox that is cut off from the world: the router lets it ask for names while it has a link, and
//! the resolver must know by then that it may ask for no others. So the resolver's table comes first when a link is made,
//! and last when it ends; and an address leaves the table before another sandbox can have it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use paddock_driver_network::{Network, Port};
use paddock_types::{SandboxId, host_name};
use paddock_wire_runner::{Guest, Link, LinkTable, NetworkPolicy, SandboxSpec};

/// Where the resolver finds its table in the directory of a runner's sockets.
pub fn table_file(run: &Path) -> PathBuf {
    run.join("links.json")
}

/// Why links are not as they should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not tell the resolver of links")]
    Table(#[source] io::Error),
    #[error("could not link it")]
    Network(#[from] paddock_driver_network::Error),
}

/// The links of one runner's sandboxes.
#[derive(Debug)]
pub(crate) struct Links {
    file: PathBuf,
    /// The group that may read the table: the resolver's.
    reader: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether everything that runs is known; before that nothing is told to anybody.
    is_complete: bool,
    running: BTreeMap<SandboxId, Member>,
}

/// A sandbox that runs.
#[derive(Debug, Clone)]
struct Member {
    port: Port,
    asks_world: bool,
    link: Option<Link>,
}

impl State {
    /// The target of the group that a sandbox is in. A target without a link is a group of its own, of one.
    fn target_of(&self, id: SandboxId) -> SandboxId {
        let link = self.running.get(&id).and_then(|member| member.link.as_ref());
        link.map_or(id, |link| link.target)
    }

    /// Those of a group who run, by id.
    fn group(&self, target: SandboxId) -> BTreeMap<SandboxId, &Member> {
        let is_in = |id: SandboxId, member: &Member| {
            let link = member.link.as_ref();
            id == target && link.is_none() || link.is_some_and(|link| link.target == target)
        };
        self.running
            .iter()
            .filter(|(id, member)| is_in(**id, member))
            .map(|(id, member)| (*id, member))
            .collect()
    }

    /// The targets of all groups in which somebody has a link.
    fn targets(&self) -> BTreeSet<SandboxId> {
        self.running.values().filter_map(|member| member.link.as_ref()).map(|link| link.target).collect()
    }

    fn table(&self, address: impl Fn(Port) -> Ipv4Addr) -> LinkTable {
        let mut table = LinkTable::default();
        for target in self.targets() {
            let group = self.group(target);
            let mut names: BTreeMap<String, Option<Ipv4Addr>> = BTreeMap::new();
            for (id, member) in &group {
                let own = member.link.as_ref().map(|link| link.name.as_str());
                for name in own.into_iter().filter_map(host_name).chain([id.to_string()]) {
                    names.insert(name, Some(address(member.port)));
                }
            }
            // The target is known by name though it may not run.
            let at = group.get(&target).map(|member| address(member.port));
            let links = group.values().filter_map(|member| member.link.as_ref());
            let target_names = links.filter_map(|link| host_name(&link.target_name));
            for name in target_names.chain([target.to_string()]) {
                names.insert(name, at);
            }
            for member in group.values() {
                let guest = Guest { asks_world: member.asks_world, names: names.clone() };
                table.guests.insert(address(member.port), guest);
            }
        }
        table
    }
}

impl Links {
    pub(crate) fn new(run: &Path, reader: u32) -> Self {
        Self { file: table_file(run), reader, state: Mutex::default() }
    }

    /// A sandbox runs, or is about to: links it with whom it should be linked with. Blocks; may be repeated.
    ///
    /// # Errors
    /// When that cannot be done; the caller then says that it has ended.
    pub(crate) fn started(
        &self,
        network: &dyn Network,
        id: SandboxId,
        spec: &SandboxSpec,
        port: Port,
    ) -> Result<(), Error> {
        let mut state = self.state();
        let asks_world = spec.network == NetworkPolicy::Public;
        state.running.insert(id, Member { port, asks_world, link: spec.link.clone() });
        let target = state.target_of(id);
        if !state.is_complete || !state.targets().contains(&target) {
            return Ok(());
        }
        self.write(&state.table(|port| network.address(port)))?;
        let ports = state.group(target).values().map(|member| member.port).collect();
        Ok(network.link(&ports)?)
    }

    /// A sandbox does not run any more: nobody reaches it, or finds it by name. To be called while its port is still its own.
    /// May be repeated.
    ///
    /// # Errors
    /// When that cannot be done: its port must not be given away before it is.
    pub(crate) fn ended(&self, network: &dyn Network, id: SandboxId) -> Result<(), Error> {
        let mut state = self.state();
        let target = state.target_of(id);
        let was_linked = state.targets().contains(&target);
        let Some(member) = state.running.remove(&id) else { return Ok(()) };
        if !state.is_complete || !was_linked {
            return Ok(());
        }
        let unlinked = network.link(&BTreeSet::from([member.port])).map_err(Error::from);
        let told = self.write(&state.table(|port| network.address(port)));
        let ended = unlinked.and(told);
        if ended.is_err() {
            state.running.insert(id, member);
        }
        ended
    }

    /// Everything that runs has been named: links are made as they should be. What fails for one group leaves its links of
    /// before, and keeps no other group from its own.
    ///
    /// # Errors
    /// The last of them.
    pub(crate) fn complete(&self, network: &dyn Network) -> Result<(), Error> {
        let mut state = self.state();
        state.is_complete = true;
        self.write(&state.table(|port| network.address(port)))?;
        let mut linked = Ok(());
        for target in state.targets() {
            let ports = state.group(target).values().map(|member| member.port).collect();
            if let Err(error) = network.link(&ports) {
                linked = Err(error.into());
            }
        }
        linked
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the table as a whole.
    fn write(&self, table: &LinkTable) -> Result<(), Error> {
        let fresh = self.file.with_extension("new");
        let written = || {
            match fs::remove_file(&fresh) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(&fresh)?;
            std::os::unix::fs::fchown(&file, None, Some(self.reader))?;
            file.write_all(&serde_json::to_vec(table)?)?;
            fs::rename(&fresh, &self.file)
        };
        written().map_err(Error::Table)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use paddock_driver_network::fake::Fake;
    use paddock_types::{BuiltinSnapshot, OrganizationId, RootRef};

    use super::*;

    struct World {
        directory: tempfile::TempDir,
        network: Fake,
        links: Links,
    }

    impl World {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let own_group = fs::metadata(directory.path()).unwrap().gid();
            let links = Links::new(directory.path(), own_group);
            Self { directory, network: Fake::default(), links }
        }

        fn complete() -> Self {
            let world = Self::new();
            world.links.complete(&world.network).unwrap();
            world
        }

        fn start(&self, id: SandboxId, port: u16, link: Option<(SandboxId, &str, &str)>) {
            self.start_with(id, port, link, NetworkPolicy::Public);
        }

        fn start_with(
            &self,
            id: SandboxId,
            port: u16,
            link: Option<(SandboxId, &str, &str)>,
            network: NetworkPolicy,
        ) {
            let link = link.map(|(target, target_name, name)| Link {
                target,
                target_name: target_name.to_owned(),
                name: name.to_owned(),
            });
            let spec = SandboxSpec {
                organization: OrganizationId::random(),
                root: RootRef::BUILTIN,
                snapshot_name: String::new(),
                region: String::new(),
                user: None,
                env: BTreeMap::new(),
                resources: BuiltinSnapshot::Small.resources(),
                network,
                link,
                volumes: Vec::new(),
                image: Default::default(),
                scratch: Vec::new(),
            };
            self.links.started(&self.network, id, &spec, Port(port)).unwrap();
        }

        fn table(&self) -> LinkTable {
            serde_json::from_slice(&fs::read(table_file(self.directory.path())).unwrap()).unwrap()
        }

        /// What the sandbox at a port is told of a name: `None` if it is told nothing.
        fn told(&self, port: u16, name: &str) -> Option<Option<Ipv4Addr>> {
            self.table().guests.get(&self.address(port))?.names.get(name).copied()
        }

        fn address(&self, port: u16) -> Ipv4Addr {
            self.network.address(Port(port))
        }
    }

    #[test]
    fn a_group_knows_itself_by_name_and_id_and_nobody_else_does() {
        let world = World::complete();
        let [app, db, cache, stranger] = [(); 4].map(|()| SandboxId::random());
        world.start(app, 1, None);
        world.start(stranger, 9, None);
        assert_eq!(world.table(), LinkTable::default(), "nobody has a link");
        world.start(db, 2, Some((app, "App", "Db")));
        world.start(cache, 3, Some((app, "App", "a cache")));
        for port in [1, 2, 3] {
            assert_eq!(world.told(port, "app"), Some(Some(world.address(1))));
            assert_eq!(world.told(port, "db"), Some(Some(world.address(2))));
            assert_eq!(world.told(port, &cache.to_string()), Some(Some(world.address(3))));
            assert_eq!(world.told(port, "a cache"), None, "that is no host name");
        }
        assert_eq!(world.told(9, "app"), None);
        assert!(world.network.are_linked(Port(2), Port(3)));
        assert!(!world.network.are_linked(Port(2), Port(9)));
    }

    #[test]
    fn one_that_starts_again_elsewhere_is_followed_and_one_that_ended_has_no_address() {
        let world = World::complete();
        let [app, db] = [(); 2].map(|()| SandboxId::random());
        world.start(app, 1, None);
        world.start(db, 2, Some((app, "app", "db")));
        world.links.ended(&world.network, app).unwrap();
        assert_eq!(world.told(2, "app"), Some(None));
        assert_eq!(world.told(1, "db"), None, "the address may be another's next");
        assert!(!world.network.are_linked(Port(1), Port(2)));
        world.start(app, 7, None);
        assert_eq!(world.told(2, "app"), Some(Some(world.address(7))));
        assert!(world.network.are_linked(Port(7), Port(2)));
        world.links.ended(&world.network, db).unwrap();
        assert_eq!(world.table(), LinkTable::default());
        world.links.ended(&world.network, db).unwrap();
    }

    #[test]
    fn nothing_is_told_before_everything_that_runs_is_known() {
        let world = World::new();
        let [app, db] = [(); 2].map(|()| SandboxId::random());
        world.start(db, 2, Some((app, "app", "db")));
        assert!(!table_file(world.directory.path()).exists());
        world.start_with(app, 1, None, NetworkPolicy::Blocked);
        world.links.complete(&world.network).unwrap();
        assert!(world.network.are_linked(Port(1), Port(2)));
        let asks = |port| world.table().guests[&world.address(port)].asks_world;
        assert_eq!((asks(1), asks(2)), (false, true));
    }
}
