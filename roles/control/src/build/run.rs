//! `RUN`: a command in a sandbox of its own, on the layers so far.

use paddock_dockerfile::{Command, Document, Mount, MountKind, Run, Sharing};
use paddock_types::{EnvName, MountPath, ScratchMount, VolumeId, VolumeMount, VolumeName, VolumeState};
use paddock_wire_control::CreateVolume;
use paddock_wire_toolbox::{BuildEnd, BuildStep};
use tokio::sync::OwnedMutexGuard;

use super::Error;
use super::bench::{Bench, Wanted};
use super::copy::{Files, Putting};
use super::engine::{Engine, Stage, absolute, check, shell};
use super::sum::{hex, sum};
use crate::app::{self, volume};

/// How much a directory in memory holds unless the Dockerfile says.
const SCRATCH_BYTES: u64 = 1 << 30;
/// Where a script lies that is no argument: a directory in memory, so that no layer has it.
const SCRIPT: &str = "/dev/shm/paddock-build-script";
/// How long a cache may take to be there.
const CACHE_LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

impl Engine<'_> {
    pub(super) async fn run_command(
        &mut self,
        stage: &mut Stage,
        run: &Run,
        line: usize,
        number: usize,
    ) -> Result<(), Error> {
        let user = stage.image.config.os_user();
        // Nobody but root can make directories wherever they are named.
        if user.as_str() != "root" && user.as_str() != "0" {
            self.make_directories(stage).await?;
        }
        let directories = std::mem::take(&mut stage.directories);
        let (arguments, script) = self.program(stage, run, line)?;
        let variables: Vec<(String, String)> = stage
            .arguments
            .iter()
            .filter(|(name, _)| stage.image.config.variable(name).is_none())
            .cloned()
            .collect();
        let step = {
            let config = &stage.image.config;
            let mut texts: Vec<Vec<u8>> =
                vec![b"run".to_vec(), stage.image.sum.to_vec(), user.to_string().into_bytes()];
            let mut add = |text: &str| texts.push(text.as_bytes().to_vec());
            arguments.iter().for_each(|text| add(text));
            add(script.as_deref().unwrap_or_default());
            config.env.iter().for_each(|text| add(text));
            variables.iter().for_each(|(name, value)| add(&format!("{name}={value}")));
            directories.iter().for_each(|text| add(text));
            add(config.work_dir.as_deref().unwrap_or("/"));
            add(&format!("{:?} {}", run.mounts, run.is_offline));
            sum(texts.iter().map(Vec::as_slice))
        };
        if self.cached(stage, step).await? {
            return Ok(());
        }
        let mut wanted = Wanted {
            image: stage.image.config.clone(),
            user: Some(user),
            is_offline: run.is_offline,
            ..Wanted::default()
        };
        for (name, value) in variables {
            let name = EnvName::try_from(name).map_err(|error| Error::of_user(error.to_string()))?;
            wanted.variables.push((name, value));
        }
        let mut held = Vec::new();
        for mount in &run.mounts {
            self.prepare_mount(stage, mount, line, &mut wanted, &mut held).await?;
        }
        let bench = Bench::open(self.app, self.workshop, stage.image.root.clone(), wanted).await?;
        self.make_on(&bench, &directories).await?;
        for mount in &run.mounts {
            self.fill_mount(stage, mount, line, number, &bench).await?;
        }
        if let Some(script) = script {
            let files = Files::of_text("script", &script)?;
            let putting = Putting { mode: Some("755".to_owned()), ..Putting::to(SCRIPT) };
            self.put(&bench, files, putting).await?;
        }
        let directory = stage.image.config.work_dir.clone().unwrap_or_else(|| "/".to_owned());
        let end = bench.perform(&BuildStep::Run { arguments, directory }, self.log).await?;
        failed(&end, run)?;
        self.keep(stage, &bench, step).await?;
        drop(held);
        Ok(())
    }

    /// What is run, and a script that it needs beside itself.
    fn program(&self, stage: &Stage, run: &Run, line: usize) -> Result<(Vec<String>, Option<String>), Error> {
        let text = match &run.command {
            Command::Exec(words) if words.is_empty() => {
                return Err(Error::of_user(format!("Dockerfile line {line}: RUN names no program")));
            }
            Command::Exec(words) => return Ok((words.clone(), None)),
            Command::Shell(text) => text,
        };
        if let [document] = run.documents.as_slice()
            && is_only(text, document)
        {
            // The shell replaces variables itself, unless the text is another program's.
            let content = document.content.clone();
            if content.starts_with("#!") {
                return Ok((vec![SCRIPT.to_owned()], Some(content)));
            }
            return Ok((shell(&stage.image.config).into_iter().chain([content]).collect(), None));
        }
        let mut whole = text.clone();
        for document in &run.documents {
            whole.push_str(&format!("\n{}{}", document.content, document.name));
        }
        Ok((shell(&stage.image.config).into_iter().chain([whole]).collect(), None))
    }

    async fn prepare_mount(
        &mut self,
        stage: &Stage,
        mount: &Mount,
        line: usize,
        wanted: &mut Wanted,
        held: &mut Vec<OwnedMutexGuard<()>>,
    ) -> Result<(), Error> {
        let scratch = |path, size_bytes| ScratchMount { path, size_bytes };
        match &mount.kind {
            MountKind::Tmpfs { size_bytes } => {
                let path = self.target(stage, mount, line)?;
                wanted.scratch.push(scratch(path, size_bytes.unwrap_or(SCRATCH_BYTES).min(8 << 30)));
            }
            MountKind::Bind { .. } => {
                let path = self.target(stage, mount, line)?;
                wanted.scratch.push(scratch(path, SCRATCH_BYTES));
            }
            MountKind::Cache { id, sharing, from, .. } => {
                if from.is_some() {
                    return Err(Error::of_user(format!(
                        "Dockerfile line {line}: a cache that begins with files of another stage is not available"
                    )));
                }
                let path = self.target(stage, mount, line)?;
                let id = id.clone().unwrap_or_else(|| path.to_string());
                let volume = self.cache(&self.value(stage, &id, line)?).await?;
                if *sharing != Sharing::Shared {
                    held.push(self.app.builds.cache_lock(volume).lock_owned().await);
                }
                wanted.volumes.push(VolumeMount { volume, path, subpath: None });
            }
            MountKind::Secret { id, is_required, .. } => {
                // Organizations keep no secrets yet, so there is none of any name.
                if *is_required {
                    return Err(Error::of_user(format!("Dockerfile line {line}: there is no secret {id:?}")));
                }
            }
        }
        Ok(())
    }

    async fn fill_mount(
        &mut self,
        stage: &Stage,
        mount: &Mount,
        line: usize,
        number: usize,
        bench: &Bench,
    ) -> Result<(), Error> {
        let MountKind::Bind { from, source } = &mount.kind else { return Ok(()) };
        let target = self.target(stage, mount, line)?;
        let source = self.value(stage, source, line)?;
        let files = match from {
            None => Files::of_context(&self.context().await?, &[source], Vec::new(), false, false)?,
            Some(from) => {
                let name = self.value(stage, from, line)?;
                Files::of_image(self.named(&name, number).await?, vec![source], Vec::new(), false)
            }
        };
        self.put(bench, files, Putting::to(&format!("{target}/"))).await
    }

    fn target(&self, stage: &Stage, mount: &Mount, line: usize) -> Result<MountPath, Error> {
        let target = self.value(stage, mount.target.as_deref().unwrap_or_default(), line)?;
        let path = absolute(stage.image.config.work_dir.as_deref(), &target);
        let path = path.trim_end_matches('/').to_owned();
        MountPath::try_from(path)
            .map_err(|error| Error::of_user(format!("Dockerfile line {line}: --mount: {error}")))
    }

    /// The volume of a cache, made if there is none.
    async fn cache(&mut self, id: &str) -> Result<VolumeId, Error> {
        let name = format!("cache-{}", &hex(&sum([id.as_bytes()]))[..32]);
        let name = VolumeName::try_from(name).map_err(|error| Error::of_user(error.to_string()))?;
        let name = String::from(name);
        let ready = async {
            loop {
                match volume::get_by_name(self.app, self.workshop, &name).await {
                    Ok(found) if found.state == VolumeState::Ready => return Ok(found.id),
                    Ok(found) if found.state == VolumeState::Error => {
                        return Err(Error::of_user(
                            found.error_reason.unwrap_or_else(|| "a cache could not be made".into()),
                        ));
                    }
                    Ok(_) => {}
                    Err(app::Error::NotFound(_)) => {
                        let request = CreateVolume { name: Some(name.clone()) };
                        // Another build may be faster: then it is found.
                        if let Err(error) = volume::create(self.app, self.workshop, request).await
                            && !matches!(error, app::Error::Invalid(_) | app::Error::Conflict(_))
                        {
                            return Err(Error::of_app(error));
                        }
                    }
                    Err(error) => return Err(Error::of_app(error)),
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let limited = tokio::time::timeout(CACHE_LIMIT, ready).await;
        limited.unwrap_or_else(|_| Err(Error::of_user("a cache was not there in time")))
    }
}

/// Whether a command is nothing but a here-document.
fn is_only(text: &str, document: &Document) -> bool {
    let text = text.trim();
    let Some(opening) = text.strip_prefix("<<") else { return false };
    opening.trim_start_matches('-').trim_matches(['"', '\'']) == document.name
}

fn failed(end: &BuildEnd, run: &Run) -> Result<(), Error> {
    if end.exit_code == 0 {
        return check(end.clone(), "");
    }
    let command = match &run.command {
        Command::Shell(text) => text.clone(),
        Command::Exec(words) => words.join(" "),
    };
    let command: String = command.chars().take(200).collect();
    let because = end.message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
    Err(Error::of_user(format!(
        "the command '{command}' returned a non-zero code: {}{because}",
        end.exit_code
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_may_be_nothing_but_a_document() {
        let document = Document { name: "EOF".to_owned(), content: String::new(), is_expanded: true };
        for (text, wanted) in
            [("<<EOF", true), ("<<-'EOF'", true), ("cat <<EOF", false), ("<<EOF | cat", false)]
        {
            assert_eq!(is_only(text, &document), wanted, "{text}");
        }
    }
}
