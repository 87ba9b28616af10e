//! Goes through a Dockerfile: stages in their order, instructions in theirs.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use paddock_dockerfile::{
    Command, Copy, Dockerfile, Instruction, MountKind, Placed, Problem, Variables, expand,
};
use paddock_store::Made;
use paddock_types::{BuildInfo, BuiltinSnapshot, ImageConfig, OrganizationId, RootRef};

use super::Error;
use super::bench::{Bench, Wanted, find};
use super::context::Context;
use super::log::Log;
use super::sum::{Sum, image_name, step_name, sum};
use crate::app::{App, image};
use crate::clock;

/// A root file system on the way, and what is known of it.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) root: RootRef,
    pub(super) config: ImageConfig,
    /// What its files depend on.
    pub(super) sum: Sum,
    pub(super) size_bytes: Option<u64>,
}

/// A stage while it is built.
pub(super) struct Stage {
    pub(super) image: Image,
    /// Variables of the build, by name, each once.
    pub(super) arguments: Vec<(String, String)>,
    /// Working directories that are named and perhaps not there yet.
    pub(super) directories: Vec<String>,
    /// Whether the command is this stage's own, and not its base's.
    has_own_command: bool,
}

/// A build under way.
pub(super) struct Engine<'a> {
    pub(super) app: &'a App,
    pub(super) organization: OrganizationId,
    pub(super) workshop: OrganizationId,
    pub(super) info: &'a BuildInfo,
    pub(super) log: &'a mut Log,
    pub(super) file: Dockerfile,
    /// What comes before the first `FROM`, expanded.
    global: Vec<(String, String)>,
    /// Those that are done.
    stages: HashMap<usize, Image>,
    /// Loaded when first needed.
    pub(super) context: Option<Arc<Context>>,
    done: usize,
    steps: usize,
}

/// Where variables of a stage come from: the image's win over those of the build.
struct Scope<'s>(&'s Stage);

impl Variables for Scope<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let argument =
            || self.0.arguments.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        self.0.image.config.variable(name).or_else(argument)
    }
}

/// Variables before the first `FROM`.
struct Global<'g>(&'g [(String, String)]);

impl Variables for Global<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Builds, unless it has been built before.
pub(super) async fn build(
    app: &App,
    organization: OrganizationId,
    info: &BuildInfo,
    log: &mut Log,
) -> Result<Made, Error> {
    let workshop = app.store.workshop_of(organization, clock::now()).await.map_err(Error::of_store)?;
    let file = Dockerfile::parse(&info.dockerfile).map_err(|error| Error::of_user(error.to_string()))?;
    let mut engine = Engine {
        app,
        organization,
        workshop,
        info,
        log,
        file,
        global: Vec::new(),
        stages: HashMap::new(),
        context: None,
        done: 0,
        steps: 0,
    };
    engine.run().await
}

/// The platform of all builds, as Dockerfiles call it.
fn platform() -> (&'static str, &'static str) {
    match std::env::consts::ARCH {
        "aarch64" => ("linux/arm64", "arm64"),
        _ => ("linux/amd64", "amd64"),
    }
}

impl Engine<'_> {
    async fn run(&mut self) -> Result<Made, Error> {
        self.read_arguments()?;
        let last = self.file.stages.len() - 1;
        let needed = self.needed(last)?;
        self.steps = needed.iter().map(|number| 1 + self.file.stages[*number].instructions.len()).sum();
        for number in needed {
            let image = self.stage(number).await?;
            self.stages.insert(number, image);
        }
        let image =
            self.stages.remove(&last).ok_or_else(|| Error::of_user("the last stage was not built"))?;
        let config = image.config.check().map_err(|error| Error::of_user(error.to_string()))?;
        let default_user = config.os_user();
        Ok(Made { root: image.root, image: config, default_user, size_bytes: image.size_bytes })
    }

    fn read_arguments(&mut self) -> Result<(), Error> {
        let (platform, architecture) = platform();
        for kind in ["TARGET", "BUILD"] {
            self.global.push((format!("{kind}PLATFORM"), platform.to_owned()));
            self.global.push((format!("{kind}OS"), "linux".to_owned()));
            self.global.push((format!("{kind}ARCH"), architecture.to_owned()));
            self.global.push((format!("{kind}VARIANT"), String::new()));
        }
        for (name, default) in self.file.arguments.clone() {
            let Some(default) = default else { continue };
            let value = expand(&default, &Global(&self.global), self.file.escape)
                .map_err(|problem| at(1, problem))?;
            self.global.push((name, value));
        }
        Ok(())
    }

    /// The stages that the stage `last` is made of, itself the last.
    fn needed(&self, last: usize) -> Result<Vec<usize>, Error> {
        let mut needed = BTreeSet::new();
        let mut left = vec![last];
        while let Some(number) = left.pop() {
            if !needed.insert(number) {
                continue;
            }
            let stage = &self.file.stages[number];
            left.extend(self.file.stage(&self.base(number)?, number));
            for placed in &stage.instructions {
                let from = |copy: &Copy| copy.from.clone();
                let froms: Vec<Option<String>> = match &placed.instruction {
                    Instruction::Copy(copy) => vec![from(copy)],
                    Instruction::Run(run) => run
                        .mounts
                        .iter()
                        .map(|mount| match &mount.kind {
                            MountKind::Bind { from, .. } => from.clone(),
                            _ => None,
                        })
                        .collect(),
                    _ => Vec::new(),
                };
                // A name that is made of variables is looked up when they are known; all that come before are built then.
                for from in froms.into_iter().flatten() {
                    if from.contains('$') {
                        left.extend(0..number);
                    }
                    left.extend(self.file.stage(&from, number));
                }
            }
        }
        Ok(needed.into_iter().collect())
    }

    /// What a stage begins with, variables expanded.
    fn base(&self, number: usize) -> Result<String, Error> {
        let from = &self.file.stages[number].from;
        let name = expand(&from.image, &Global(&self.global), self.file.escape);
        let name = name.map_err(|problem| at(from.line, problem))?;
        if name.is_empty() {
            return Err(Error::of_user(format!("Dockerfile line {}: FROM names no image", from.line)));
        }
        if let Some(wanted) = &from.platform {
            let wanted = expand(wanted, &Global(&self.global), self.file.escape);
            let wanted = wanted.map_err(|problem| at(from.line, problem))?;
            let (ours, _) = platform();
            if !wanted.is_empty() && !wanted.starts_with(ours) {
                return Err(Error::of_user(format!(
                    "Dockerfile line {}: images for {wanted} cannot be built here, only for {ours}",
                    from.line
                )));
            }
        }
        Ok(name)
    }

    async fn stage(&mut self, number: usize) -> Result<Image, Error> {
        let name = self.base(number)?;
        self.say(&format!("FROM {name}")).await;
        let image = match self.file.stage(&name, number) {
            Some(earlier) => {
                self.stages.get(&earlier).cloned().ok_or_else(|| Error::of_user("a stage is missing"))?
            }
            None => self.image(&name).await?,
        };
        let waiting = image.config.on_build.clone();
        let mut stage =
            Stage { image, arguments: Vec::new(), directories: Vec::new(), has_own_command: false };
        stage.image.config.on_build.clear();
        for text in waiting {
            let placed = Placed::of_image(&text).map_err(|error| {
                Error::of_user(format!("an ONBUILD instruction of {name}: {}", error.problem))
            })?;
            self.steps += 1;
            self.instruction(&mut stage, &placed, number).await?;
        }
        for placed in self.file.stages[number].instructions.clone() {
            self.instruction(&mut stage, &placed, number).await?;
        }
        self.make_directories(&mut stage).await?;
        Ok(stage.image)
    }

    /// An image that is no stage of this file.
    pub(super) async fn image(&mut self, name: &str) -> Result<Image, Error> {
        if name == "scratch" {
            let sum = sum([&b"scratch"[..]]);
            return Ok(Image {
                root: RootRef::EMPTY,
                config: ImageConfig::default(),
                sum,
                size_bytes: Some(0),
            });
        }
        let builtin = BuiltinSnapshot::ALL
            .into_iter()
            .find(|builtin| name == builtin.name() || name == builtin.alias());
        if builtin.is_some() {
            let root = RootRef::BUILTIN;
            let config = ImageConfig {
                user: Some(crate::app::snapshot::BUILTIN_USER.to_owned()),
                ..ImageConfig::default()
            };
            return Ok(Image { sum: sum([&b"builtin"[..]]), root, config, size_bytes: None });
        }
        let resolved = image::resolve(self.app, self.organization, name).await.map_err(Error::of_app)?;
        let known = image_name(resolved.manifest());
        let found = match find(self.app, self.workshop, &known).await? {
            Some(found) if found.state == paddock_types::SnapshotState::Active => {
                self.app.activity.snapshot_used(found.id, clock::now());
                found
            }
            _ => {
                self.log.line(&format!("fetching {name}, {} MiB", resolved.size_bytes() >> 20)).await;
                image::fetch_for_build(self.app, self.workshop, known, &resolved)
                    .await
                    .map_err(Error::of_app)?
            }
        };
        let sum = sum([&b"image"[..], found.root.to_string().as_bytes()]);
        Ok(Image { root: found.root, config: found.image, sum, size_bytes: found.size_bytes })
    }

    /// A stage before the stage `before`, by name or number, or an image.
    pub(super) async fn named(&mut self, name: &str, before: usize) -> Result<Image, Error> {
        match self.file.stage(name, before).and_then(|number| self.stages.get(&number)) {
            Some(image) => Ok(image.clone()),
            None => self.image(name).await,
        }
    }

    async fn instruction(&mut self, stage: &mut Stage, placed: &Placed, number: usize) -> Result<(), Error> {
        self.say(&placed.text).await;
        let line = placed.line;
        let escape = self.file.escape;
        let config = stage.image.config.clone();
        let value = |stage: &Stage, word: &str| {
            expand(word, &Scope(stage), escape).map_err(|problem| at(line, problem))
        };
        let values = |stage: &Stage, words: &[String]| {
            words.iter().map(|word| value(stage, word)).collect::<Result<Vec<String>, Error>>()
        };
        // Within one instruction, variables have the values that they had before it.
        let pairs = |stage: &Stage, pairs: &[(String, String)]| {
            let pairs = pairs.iter().map(|(name, word)| Ok((value(stage, name)?, value(stage, word)?)));
            pairs.collect::<Result<Vec<(String, String)>, Error>>()
        };
        match &placed.instruction {
            Instruction::Arg(arguments) => {
                for (name, default) in arguments {
                    let given = match default {
                        Some(default) => Some(value(stage, default)?),
                        None => Global(&self.global).get(name).map(ToOwned::to_owned),
                    };
                    stage.arguments.retain(|(known, _)| known != name);
                    stage.arguments.extend(given.map(|value| (name.clone(), value)));
                }
            }
            Instruction::Env(variables) => {
                for (name, value) in pairs(stage, variables)? {
                    stage.image.config.set_variable(&name, &value);
                }
            }
            Instruction::Label(labels) => stage.image.config.labels.extend(pairs(stage, labels)?),
            Instruction::Maintainer(name) => {
                stage.image.config.labels.insert("maintainer".to_owned(), name.clone());
            }
            Instruction::User(user) => stage.image.config.user = Some(value(stage, user)?),
            Instruction::WorkDir(path) => {
                let path = absolute(config.work_dir.as_deref(), &value(stage, path)?);
                stage.directories.push(path.clone());
                stage.image.config.work_dir = Some(path);
            }
            Instruction::Expose(ports) => {
                for port in values(stage, ports)? {
                    let port = if port.contains('/') { port } else { format!("{port}/tcp") };
                    if !stage.image.config.exposed_ports.contains(&port) {
                        stage.image.config.exposed_ports.push(port);
                    }
                }
            }
            Instruction::Volume(paths) => {
                for path in values(stage, paths)? {
                    if !stage.image.config.volumes.contains(&path) {
                        stage.image.config.volumes.push(path);
                    }
                }
            }
            Instruction::StopSignal(signal) => stage.image.config.stop_signal = Some(value(stage, signal)?),
            Instruction::HealthCheck => self.log.line("(nobody here asks for health: passed over)").await,
            Instruction::Shell(words) => stage.image.config.shell = words.clone(),
            Instruction::Cmd(command) => {
                stage.image.config.command = arguments(&config, command);
                stage.has_own_command = true;
            }
            Instruction::Entrypoint(command) => {
                stage.image.config.entrypoint = arguments(&config, command);
                // A command that came from below was for another program.
                if !stage.has_own_command {
                    stage.image.config.command = Vec::new();
                }
            }
            Instruction::OnBuild(text) => stage.image.config.on_build.push(text.clone()),
            Instruction::Run(run) => self.run_command(stage, run, line, number).await?,
            Instruction::Copy(copy) => self.copy(stage, copy, None, line, number).await?,
            Instruction::Add(add) => self.copy(stage, &add.copy, Some(add), line, number).await?,
        }
        Ok(())
    }

    /// What a word means in a stage.
    pub(super) fn value(&self, stage: &Stage, word: &str, line: usize) -> Result<String, Error> {
        expand(word, &Scope(stage), self.file.escape).map_err(|problem| at(line, problem))
    }

    /// The content of a here-document.
    pub(super) fn document(
        &self,
        stage: &Stage,
        document: &paddock_dockerfile::Document,
        line: usize,
    ) -> Result<String, Error> {
        if !document.is_expanded {
            return Ok(document.content.clone());
        }
        self.value(stage, &quote(&document.content, self.file.escape), line)
    }

    async fn say(&mut self, text: &str) {
        self.done += 1;
        let text: String = text.chars().take(500).collect();
        self.log.line(&format!("Step {}/{} : {text}", self.done, self.steps)).await;
    }

    /// What was made of a step before. `None`: nothing, or it is not there any more.
    pub(super) async fn cached(&mut self, stage: &mut Stage, step: Sum) -> Result<bool, Error> {
        let Some(found) = find(self.app, self.workshop, &step_name(&step)).await? else { return Ok(false) };
        if found.state != paddock_types::SnapshotState::Active {
            return Ok(false);
        }
        self.app.activity.snapshot_used(found.id, clock::now());
        self.log.line("(as before)").await;
        stage.image.root = found.root;
        stage.image.size_bytes = found.size_bytes;
        stage.image.sum = step;
        Ok(true)
    }

    /// Keeps what was done on a bench as the stage's newest layer.
    pub(super) async fn keep(&mut self, stage: &mut Stage, bench: &Bench, step: Sum) -> Result<(), Error> {
        let kept = bench.keep(&step_name(&step)).await?;
        stage.image.root = kept.root;
        stage.image.size_bytes = kept.size_bytes;
        stage.image.sum = step;
        Ok(())
    }

    /// Makes the working directories that were named: a layer of their own, where no other step could make them.
    pub(super) async fn make_directories(&mut self, stage: &mut Stage) -> Result<(), Error> {
        if stage.directories.is_empty() {
            return Ok(());
        }
        let directories = std::mem::take(&mut stage.directories);
        let texts = directories.iter().map(String::as_bytes);
        let step = sum([&b"directories"[..], &stage.image.sum].into_iter().chain(texts));
        if self.cached(stage, step).await? {
            return Ok(());
        }
        let bench = self.root_bench(stage).await?;
        self.make_on(&bench, &directories).await?;
        self.keep(stage, &bench, step).await
    }

    /// A bench where steps run as root and reach nothing, on what a stage has so far.
    pub(super) async fn root_bench(&mut self, stage: &Stage) -> Result<Bench, Error> {
        let image = ImageConfig { work_dir: None, ..stage.image.config.clone() };
        let wanted = Wanted { image, is_offline: true, ..Wanted::default() };
        Bench::open(self.app, self.workshop, stage.image.root.clone(), wanted).await
    }

    pub(super) async fn make_on(&mut self, bench: &Bench, directories: &[String]) -> Result<(), Error> {
        for path in directories {
            let step = paddock_wire_toolbox::BuildStep::MakeDirectory { path: path.clone() };
            check(bench.perform(&step, self.log).await?, "the working directory could not be made")?;
        }
        Ok(())
    }
}

/// A step that failed has said why.
pub(super) fn check(end: paddock_wire_toolbox::BuildEnd, otherwise: &str) -> Result<(), Error> {
    match end.exit_code {
        0 => Ok(()),
        _ => Err(Error::of_user(end.message.unwrap_or_else(|| otherwise.to_owned()))),
    }
}

/// A here-document as a word: variables in it are replaced, quotation marks mean nothing, and only a `$` can be escaped.
fn quote(content: &str, escape: char) -> String {
    let mut quoted = String::with_capacity(content.len());
    let mut rest = content.chars().peekable();
    while let Some(c) = rest.next() {
        let is_special = matches!(c, '\'' | '"') || c == escape && rest.peek() != Some(&'$');
        quoted.extend(is_special.then_some(escape));
        quoted.push(c);
    }
    quoted
}

pub(super) fn at(line: usize, problem: Problem) -> Error {
    Error::of_user(format!("Dockerfile line {line}: {problem}"))
}

/// A path from the root, seen from a working directory. A slash at its end stays.
pub(super) fn absolute(work_dir: Option<&str>, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let base = work_dir.unwrap_or("/").trim_end_matches('/');
    let path = path.strip_prefix("./").unwrap_or(path);
    if path.is_empty() || path == "." { format!("{base}/") } else { format!("{base}/{path}") }
}

/// A command in the form of a program and its arguments.
pub(super) fn arguments(config: &ImageConfig, command: &Command) -> Vec<String> {
    match command {
        Command::Exec(words) => words.clone(),
        Command::Shell(text) => shell(config).into_iter().chain([text.clone()]).collect(),
    }
}

/// What runs commands that are text.
pub(super) fn shell(config: &ImageConfig) -> Vec<String> {
    if config.shell.is_empty() { vec!["/bin/sh".to_owned(), "-c".to_owned()] } else { config.shell.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_the_working_directory() {
        for (work_dir, path, wanted) in [
            (None, "a", "/a"),
            (Some("/w"), "a/", "/w/a/"),
            (Some("/w/"), "./a", "/w/a"),
            (Some("/w"), ".", "/w/"),
            (Some("/w"), "./", "/w/"),
            (Some("/w"), "/a", "/a"),
        ] {
            assert_eq!(absolute(work_dir, path), wanted);
        }
    }

    #[test]
    fn in_a_document_variables_are_replaced_and_nothing_else() {
        let known = |name: &str| (name == "A").then_some("one");
        let content = "x $A '$A' \"y\" \\n \\$A ${A}\n";
        assert_eq!(expand(&quote(content, '\\'), &known, '\\').unwrap(), "x one 'one' \"y\" \\n $A one\n");
    }

    #[test]
    fn commands_that_are_text_are_for_the_shell() {
        let mut config = ImageConfig::default();
        let text = Command::Shell("a b".to_owned());
        assert_eq!(arguments(&config, &text), ["/bin/sh", "-c", "a b"]);
        config.shell = vec!["/bin/bash".to_owned(), "-ec".to_owned()];
        assert_eq!(arguments(&config, &text), ["/bin/bash", "-ec", "a b"]);
        assert_eq!(arguments(&config, &Command::Exec(vec!["x".to_owned()])), ["x"]);
    }
}
