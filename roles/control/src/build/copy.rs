//! `COPY` and `ADD`: files of the context, of other stages and images, and of the Dockerfile itself.

use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use paddock_dockerfile::{Add, Copy, Ignore, Source};
use paddock_driver_object::download::Download;
use paddock_driver_object::{Error as ObjectError, ObjectKey};
use paddock_types::ImageConfig;
use paddock_wire_toolbox::{BuildEnd, BuildPut, BuildSources, BuildStep, BuildTake};
use tar::{Builder, Header};
use tokio::sync::mpsc;

use super::Error;
use super::bench::{Bench, Wanted};
use super::context::{self, Context, Selection};
use super::engine::{Engine, Image, Stage, absolute, check};
use super::sum::sum;
use super::toolbox::{self, Said};

/// How much of a stream waits between whoever makes it and whoever takes it.
const PIECES: usize = 8;
const PIECE_BYTES: usize = 128 << 10;
/// The longest list of sources that a sandbox may tell.
const MOST_LINE: usize = 1 << 20;
/// The largest context, in bytes (as what may be uploaded).
const MOST_CONTEXT: u64 = 10 << 30;

/// Where files go, and whose they are.
#[derive(Debug, Clone)]
pub(super) struct Putting {
    pub(super) destination: String,
    pub(super) owner: Option<String>,
    pub(super) mode: Option<String>,
}

impl Putting {
    pub(super) fn to(destination: &str) -> Self {
        Self { destination: destination.to_owned(), owner: None, mode: None }
    }
}

/// Files that are named and not yet moved.
pub(super) enum Files {
    /// Of a context.
    Context { context: Arc<Context>, selection: Selection, sources: BuildSources, exclude: Ignore },
    /// Of an image.
    Image { image: Box<Image>, take: BuildTake },
}

impl Files {
    pub(super) fn of_context(
        context: &Arc<Context>,
        sources: &[String],
        exclude: Vec<String>,
        keeps_parents: bool,
        unpacks: bool,
    ) -> Result<Self, Error> {
        let exclude =
            Ignore::parse(&exclude.join("\n")).map_err(|error| Error::of_user(error.to_string()))?;
        let selection = context.select(sources).map_err(of_context)?;
        let sources = context.sources(&selection, keeps_parents, unpacks).map_err(of_context)?;
        Ok(Self::Context { context: Arc::clone(context), selection, sources, exclude })
    }

    pub(super) fn of_image(
        image: Image,
        sources: Vec<String>,
        exclude: Vec<String>,
        keeps_parents: bool,
    ) -> Self {
        Self::Image { image: Box::new(image), take: BuildTake { sources, exclude, keeps_parents } }
    }

    /// One file with this content.
    pub(super) fn of_text(name: &str, content: &str) -> Result<Self, Error> {
        Self::of_texts(&[(name.to_owned(), content.to_owned())])
    }

    /// Files with these contents, in this order.
    fn of_texts(texts: &[(String, String)]) -> Result<Self, Error> {
        let made = || -> io::Result<std::fs::File> {
            let mut stream = Builder::new(tempfile::tempfile()?);
            for (name, content) in texts {
                let mut header = Header::new_gnu();
                header.set_mode(0o644);
                header.set_mtime(0);
                header.set_size(content.len() as u64);
                stream.append_data(&mut header, name, content.as_bytes())?;
            }
            let mut file = stream.into_inner()?;
            io::Seek::rewind(&mut file)?;
            Ok(file)
        };
        let file = made().map_err(|error| of_context(context::Error::Io(error)))?;
        let mut context = Context::default();
        context.add(file).map_err(of_context)?;
        let names: Vec<String> = texts.iter().map(|(name, _)| name.clone()).collect();
        Self::of_context(&Arc::new(context), &names, Vec::new(), false, false)
    }

    /// What they depend on.
    async fn sum(&self) -> Result<Vec<u8>, Error> {
        match self {
            Self::Image { image, take } => {
                let text = format!("{take:?}");
                Ok(sum([&image.sum[..], text.as_bytes()]).to_vec())
            }
            Self::Context { context, selection, exclude, sources } => {
                let (context, selection, exclude) = (Arc::clone(context), selection.clone(), exclude.clone());
                let summed = tokio::task::spawn_blocking(move || context.sum(&selection, &exclude));
                let content = summed.await.map_err(broken)?.map_err(of_context)?;
                // Names matter where the destination is a directory.
                let names = format!("{sources:?}");
                Ok(sum([&content[..], names.as_bytes()]).to_vec())
            }
        }
    }
}

impl Engine<'_> {
    pub(super) async fn copy(
        &mut self,
        stage: &mut Stage,
        copy: &Copy,
        add: Option<&Add>,
        line: usize,
        number: usize,
    ) -> Result<(), Error> {
        let mut paths = Vec::new();
        let mut texts = Vec::new();
        for source in &copy.sources {
            match source {
                Source::Path(path) => paths.push(self.value(stage, path, line)?),
                Source::Document(document) => {
                    let content = self.document(stage, document, line)?;
                    texts.push((document.name.clone(), content));
                }
            }
        }
        let is_address = |path: &&String| {
            let path = path.to_ascii_lowercase();
            ["http://", "https://", "git://", "git@", "ssh://"].iter().any(|scheme| path.starts_with(scheme))
        };
        if add.is_some()
            && let Some(address) = paths.iter().find(is_address)
        {
            let shown: String = address.chars().take(80).collect();
            return Err(Error::of_user(format!(
                "Dockerfile line {line}: ADD of {shown:?}: addresses are not available, fetch it in a RUN instruction"
            )));
        }
        let unpacks = add.is_some_and(|add| add.unpack.unwrap_or(true));
        let value = |stage: &Stage, word: &Option<String>| {
            word.as_ref().map(|word| self.value(stage, word, line)).transpose()
        };
        let destination = self.value(stage, &copy.destination, line)?;
        let putting = Putting {
            destination: absolute(stage.image.config.work_dir.as_deref(), &destination),
            owner: value(stage, &copy.chown)?,
            mode: value(stage, &copy.chmod)?,
        };
        let from = value(stage, &copy.from)?;
        let exclude = copy.exclude.iter().map(|word| self.value(stage, word, line));
        let exclude = exclude.collect::<Result<Vec<String>, Error>>()?;
        let total = paths.len() + texts.len();
        if total > 1 && !putting.destination.ends_with('/') {
            return Err(Error::of_user(format!(
                "Dockerfile line {line}: with more than one source the destination must be a directory and end with a slash"
            )));
        }
        let mut files = Vec::new();
        if !paths.is_empty() {
            files.push(match from {
                None => {
                    Files::of_context(&self.context().await?, &paths, exclude, copy.keeps_parents, unpacks)?
                }
                Some(name) => {
                    let image = self.named(&name, number).await?;
                    Files::of_image(image, paths, exclude, copy.keeps_parents)
                }
            });
        }
        if !texts.is_empty() {
            files.push(Files::of_texts(&texts)?);
        }
        let directories = std::mem::take(&mut stage.directories);
        let mut parts = vec![b"copy".to_vec(), stage.image.sum.to_vec(), format!("{putting:?}").into_bytes()];
        for files in &files {
            parts.push(files.sum().await?);
        }
        parts.extend(directories.iter().map(|path| path.clone().into_bytes()));
        let step = sum(parts.iter().map(Vec::as_slice));
        if self.cached(stage, step).await? {
            return Ok(());
        }
        let bench = self.root_bench(stage).await?;
        self.make_on(&bench, &directories).await?;
        for files in files {
            self.put(&bench, files, putting.clone()).await?;
        }
        self.keep(stage, &bench, step).await
    }

    /// Moves files onto a bench.
    pub(super) async fn put(&mut self, bench: &Bench, files: Files, putting: Putting) -> Result<(), Error> {
        match files {
            Files::Context { context, selection, sources, exclude } => {
                put_context(bench, context, selection, sources, exclude, putting).await
            }
            Files::Image { image, take } => {
                let config = ImageConfig { work_dir: None, ..image.config };
                let wanted = Wanted { image: config, is_offline: true, ..Wanted::default() };
                let source = Bench::open(self.app, self.workshop, image.root, wanted).await?;
                put_image(bench, &source, take, putting).await
            }
        }
    }

    /// All contexts of the build, loaded when first asked for.
    pub(super) async fn context(&mut self) -> Result<Arc<Context>, Error> {
        if let Some(context) = &self.context {
            return Ok(Arc::clone(context));
        }
        let objects = Arc::clone(&self.app.config.objects);
        let keys =
            self.info.context_hashes.iter().map(|hash| {
                format!("contexts/{}/{hash}/context.tar", self.organization).parse::<ObjectKey>()
            });
        let keys: Vec<ObjectKey> =
            keys.collect::<Result<_, _>>().map_err(|_| Error::of_user("a context has no valid name"))?;
        let work = self.app.builds.work.clone();
        let loading = tokio::task::spawn_blocking(move || {
            let mut context = Context::default();
            for key in keys {
                let mut download = Download::begin(&*objects, &key, None).map_err(|error| match error {
                    ObjectError::NotFound { .. } => Error::of_user("a build context has not been uploaded"),
                    error => Error::of_user(format!("a build context could not be fetched: {error}")),
                })?;
                if download.meta().size_bytes > MOST_CONTEXT {
                    return Err(Error::of_user("a build context is too large"));
                }
                let mut file =
                    tempfile::tempfile_in(&work).map_err(|error| of_context(context::Error::Io(error)))?;
                io::copy(&mut download, &mut file)
                    .and_then(|_| io::Seek::rewind(&mut file))
                    .map_err(|error| of_context(context::Error::Io(error)))?;
                context.add(file).map_err(of_context)?;
            }
            context.finish().map_err(of_context)?;
            Ok(Arc::new(context))
        });
        let context = loading.await.map_err(broken)??;
        self.context = Some(Arc::clone(&context));
        Ok(context)
    }
}

async fn put_context(
    bench: &Bench,
    context: Arc<Context>,
    selection: Selection,
    sources: BuildSources,
    exclude: Ignore,
    putting: Putting,
) -> Result<(), Error> {
    let (to, from) = mpsc::channel(PIECES);
    let step = put_step(sources.clone(), putting);
    let writing = tokio::task::spawn_blocking(move || {
        let output = io::BufWriter::with_capacity(PIECE_BYTES, Pieces(to.clone()));
        let written = context.write(&selection, &sources, &exclude, output);
        if let Err(error) = &written {
            // Whoever takes the files must not take them for all.
            let _ = to.blocking_send(Err(io::Error::other(error.to_string())));
        }
        written
    });
    let ended = finish(bench, &step, from).await;
    let written = writing.await.map_err(broken)?;
    // Files that could not be read explain why they could not be put.
    match written {
        Err(error @ (context::Error::Unreadable(_) | context::Error::NotFound(_))) => Err(of_context(error)),
        _ => check(ended?, "the files could not be copied"),
    }
}

async fn put_image(bench: &Bench, source: &Bench, take: BuildTake, putting: Putting) -> Result<(), Error> {
    let mut taking = source.begin(&BuildStep::Take(take), toolbox::nothing()).await?;
    let mut line = Vec::new();
    let rest = loop {
        match taking.next().await {
            Ok(Said::Output(output)) => {
                if let Some(end) = output.iter().position(|byte| *byte == b'\n') {
                    line.extend_from_slice(&output[..end]);
                    break output.slice(end + 1..);
                }
                line.extend_from_slice(&output);
                if line.len() > MOST_LINE {
                    return Err(Error::of_user("more files are named than can be copied at once"));
                }
            }
            Ok(Said::End(end)) => {
                check(end, "the files could not be read")?;
                return Err(Error::of_user("the files could not be read"));
            }
            Err(error) => return Err(source.explain(error).await),
        }
    };
    let sources: BuildSources =
        serde_json::from_slice(&line).map_err(|_| Error::of_user("the files could not be read"))?;
    let (to, from) = mpsc::channel(PIECES);
    let passing = async {
        let _ = to.send(Ok(rest)).await;
        let end: Result<BuildEnd, _> = loop {
            match taking.next().await {
                // One that is not taken is not read further.
                Ok(Said::Output(output)) => {
                    if to.send(Ok(output)).await.is_err() {
                        return Ok(None);
                    }
                }
                Ok(Said::End(end)) => break Ok(end),
                Err(error) => break Err(error),
            }
        };
        let is_well = matches!(&end, Ok(end) if end.exit_code == 0);
        if !is_well {
            let _ = to.send(Err(io::Error::other("the files could not be read"))).await;
        }
        drop(to);
        end.map(Some)
    };
    let step = put_step(sources, putting);
    let (passed, ended) = tokio::join!(passing, finish(bench, &step, from));
    match passed {
        Ok(Some(end)) => check(end, "the files could not be read")?,
        Ok(None) => {}
        Err(error) => return Err(source.explain(error).await),
    }
    check(ended?, "the files could not be copied")
}

fn put_step(sources: BuildSources, putting: Putting) -> BuildStep {
    let Putting { destination, owner, mode } = putting;
    BuildStep::Put(BuildPut { sources, destination, owner, mode })
}

/// Does a step whose input comes through a channel.
async fn finish(
    bench: &Bench,
    step: &BuildStep,
    from: mpsc::Receiver<io::Result<Bytes>>,
) -> Result<BuildEnd, Error> {
    let input = stream::unfold(from, |mut from| async move { Some((from.recv().await?, from)) });
    let mut begun = bench.begin(step, input).await?;
    loop {
        match begun.next().await {
            // It says nothing but how it ended.
            Ok(Said::Output(_)) => {}
            Ok(Said::End(end)) => return Ok(end),
            Err(error) => return Err(bench.explain(error).await),
        }
    }
}

/// Sends what is written, piece by piece. Blocks while the other side is slow.
struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        self.0.blocking_send(Ok(piece)).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn of_context(error: context::Error) -> Error {
    if let context::Error::Io(cause) = &error {
        tracing::warn!(error = %cause, "a build's context could not be passed on");
    }
    Error::of_user(error.to_string())
}

fn broken(error: tokio::task::JoinError) -> Error {
    tracing::error!(%error, "a build's thread ended badly");
    Error::of_user("the build was cut short: try again")
}
