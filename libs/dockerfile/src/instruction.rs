//! What each line asks for. Words are as written: what holds variables is expanded by whoever knows them.

use crate::lines::{Line, first_word};
use crate::options::Options;
use crate::words::split;
use crate::{Error, Problem};

/// An instruction and the line where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// From 1.
    pub line: usize,
    /// As written, continued lines joined, for logs.
    pub text: String,
    /// What it asks for.
    pub instruction: Instruction,
}

/// What an instruction asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    /// A variable of the build: name and default.
    Arg(Vec<(String, Option<String>)>),
    /// Variables of the image.
    Env(Vec<(String, String)>),
    /// Labels of the image.
    Label(Vec<(String, String)>),
    /// A command to be run.
    Run(Run),
    /// Files to be copied.
    Copy(Copy),
    /// Files to be copied, fetched or unpacked.
    Add(Add),
    /// What the image runs unless told otherwise.
    Cmd(Command),
    /// What the image runs.
    Entrypoint(Command),
    /// What runs commands that are text.
    Shell(Vec<String>),
    /// As whom everything is from here on.
    User(String),
    /// Where everything is from here on.
    WorkDir(String),
    /// Ports that the image serves.
    Expose(Vec<String>),
    /// Directories whose content is no part of the image.
    Volume(Vec<String>),
    /// The signal that ends it.
    StopSignal(String),
    /// Whether it is well. Nobody here asks.
    HealthCheck,
    /// Who made it.
    Maintainer(String),
    /// What is done in builds that begin with this image: the instruction, as text.
    OnBuild(String),
}

/// `FROM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    /// From 1.
    pub line: usize,
    /// An image, the name of an earlier stage, or `scratch`; as written.
    pub image: String,
    /// `--platform`, as written.
    pub platform: Option<String>,
    /// The stage's name, in small letters.
    pub name: Option<String>,
}

/// A command, in either form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Text for the shell.
    Shell(String),
    /// A program and its arguments.
    Exec(Vec<String>),
}

/// A here-document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What its end is marked with.
    pub name: String,
    /// Its lines, each with its end.
    pub content: String,
    /// Whether variables in it are replaced.
    pub is_expanded: bool,
}

/// `RUN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What is mounted meanwhile.
    pub mounts: Vec<Mount>,
    /// `--network=none`.
    pub is_offline: bool,
    /// What is run.
    pub command: Command,
    /// What its text opens.
    pub documents: Vec<Document>,
}

/// `RUN --mount`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where, as written; for secrets it may be left to them.
    pub target: Option<String>,
    /// What.
    pub kind: MountKind,
}

/// What is mounted for a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountKind {
    /// Files of the context or of another stage; changes are lost.
    Bind {
        /// A stage or an image; `None`: the context.
        from: Option<String>,
        /// Which part of it.
        source: String,
    },
    /// A directory that later builds find again.
    Cache {
        /// Which; the target's path unless named.
        id: Option<String>,
        /// Who else may use it meanwhile.
        sharing: Sharing,
        /// What it holds at first.
        from: Option<String>,
        /// Which part of that.
        source: Option<String>,
        /// The mode of the directory.
        mode: Option<u32>,
    },
    /// An empty directory in memory.
    Tmpfs {
        /// The most that it holds, in bytes.
        size_bytes: Option<u64>,
    },
    /// A secret of the organization's.
    Secret {
        /// Which.
        id: String,
        /// Whether the build fails without it.
        is_required: bool,
        /// The variable that has it instead of a file.
        env: Option<String>,
        /// The mode of the file.
        mode: Option<u32>,
    },
}

/// Who may use a cache at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Everybody.
    Shared,
    /// Everybody, each with one of its own.
    Private,
    /// One after the other.
    Locked,
}

/// Where files come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A path or pattern, as written.
    Path(String),
    /// Written in the Dockerfile itself.
    Document(Document),
}

/// `COPY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// A stage or an image, as written; `None`: the context.
    pub from: Option<String>,
    /// Whose the copies are, as written.
    pub chown: Option<String>,
    /// The mode of the copies, as written.
    pub chmod: Option<String>,
    /// Patterns of what is left out.
    pub exclude: Vec<String>,
    /// `--parents`: the directories above the sources come along.
    pub keeps_parents: bool,
    /// At least one.
    pub sources: Vec<Source>,
    /// Where to, as written.
    pub destination: String,
}

/// `ADD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Add {
    /// As of `COPY`, but for `from` and `keeps_parents`.
    pub copy: Copy,
    /// What a file that is fetched must hash to: `sha256:…`.
    pub checksum: Option<String>,
    /// Whether archives are unpacked; `None`: those of the context are, those that are fetched are not.
    pub unpack: Option<bool>,
}

/// Reads one line. `escape` is the file's.
pub(crate) fn read(line: &Line, escape: char) -> Result<Instruction, Error> {
    let number = line.number;
    let rest = line.rest.as_str();
    let at = |problem: Problem| problem.at(number);
    let malformed = |instruction, problem| Problem::Malformed { instruction, problem }.at(number);
    let one = |instruction: &'static str| {
        if rest.is_empty() { Err(malformed(instruction, "needs an argument")) } else { Ok(rest.to_owned()) }
    };
    Ok(match line.keyword.as_str() {
        "ARG" => Instruction::Arg(arguments(rest, escape).map_err(at)?),
        "ENV" => Instruction::Env(pairs("ENV", rest, escape).map_err(at)?),
        "LABEL" => Instruction::Label(pairs("LABEL", rest, escape).map_err(at)?),
        "RUN" => Instruction::Run(run(line)?),
        "COPY" => Instruction::Copy(copy(line, escape)?),
        "ADD" => Instruction::Add(add(line, escape)?),
        "CMD" => Instruction::Cmd(command(rest)),
        "ENTRYPOINT" => Instruction::Entrypoint(command(rest)),
        "SHELL" => match json_words(rest) {
            Some(words) if !words.is_empty() => Instruction::Shell(words),
            _ => return Err(malformed("SHELL", "must be a list in brackets")),
        },
        "USER" => Instruction::User(one("USER")?),
        "WORKDIR" => Instruction::WorkDir(one("WORKDIR")?),
        "EXPOSE" => Instruction::Expose(some_words("EXPOSE", rest, escape, number)?),
        "VOLUME" => match json_words(rest) {
            Some(words) if !words.is_empty() => Instruction::Volume(words),
            Some(_) => return Err(malformed("VOLUME", "needs an argument")),
            None => Instruction::Volume(some_words("VOLUME", rest, escape, number)?),
        },
        "STOPSIGNAL" => Instruction::StopSignal(one("STOPSIGNAL")?),
        "HEALTHCHECK" => Instruction::HealthCheck,
        "MAINTAINER" => Instruction::Maintainer(one("MAINTAINER")?),
        "ONBUILD" => on_build(line, escape)?,
        other => return Err(at(Problem::UnknownInstruction(other.chars().take(40).collect()))),
    })
}

/// Reads `FROM`.
pub(crate) fn from(line: &Line) -> Result<From, Error> {
    let malformed = |problem| Problem::Malformed { instruction: "FROM", problem }.at(line.number);
    let (mut options, rest) = Options::read("FROM", &line.rest, line.number);
    let platform = options.value("platform")?;
    options.finish()?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    let (image, name) = match *words.as_slice() {
        [image] => (image, None),
        [image, as_, name] if as_.eq_ignore_ascii_case("as") => (image, Some(name)),
        [] => return Err(malformed("needs an image")),
        _ => return Err(malformed("takes an image, or an image AS a name")),
    };
    if let Some(name) = name {
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if !is_name || name.eq_ignore_ascii_case("scratch") {
            return Err(Problem::BadStageName(name.chars().take(80).collect()).at(line.number));
        }
    }
    Ok(From { line: line.number, image: image.to_owned(), platform, name: name.map(str::to_ascii_lowercase) })
}

fn on_build(line: &Line, escape: char) -> Result<Instruction, Error> {
    let (keyword, rest) = first_word(&line.rest);
    let keyword = keyword.to_ascii_uppercase();
    if matches!(keyword.as_str(), "ONBUILD" | "FROM" | "MAINTAINER") {
        return Err(Problem::NotOnBuild(keyword).at(line.number));
    }
    // It must make sense now, though it is done later.
    let inner =
        Line { number: line.number, keyword, rest: rest.to_owned(), documents: line.documents.clone() };
    read(&inner, escape)?;
    let mut text = line.rest.clone();
    for document in &line.documents {
        // The content ends with a line's end, if it is not empty.
        text.push_str(&format!("\n{}{}", document.content, document.name));
    }
    Ok(Instruction::OnBuild(text))
}

/// A list of texts in brackets, as JSON. `None`: it is none.
fn json_words(text: &str) -> Option<Vec<String>> {
    text.starts_with('[').then(|| serde_json::from_str(text).ok()).flatten()
}

fn command(rest: &str) -> Command {
    json_words(rest).map_or_else(|| Command::Shell(rest.to_owned()), Command::Exec)
}

fn some_words(
    instruction: &'static str,
    rest: &str,
    escape: char,
    number: usize,
) -> Result<Vec<String>, Error> {
    let words = split(rest, escape).map_err(|problem| problem.at(number))?;
    if words.is_empty() {
        return Err(Problem::Malformed { instruction, problem: "needs an argument" }.at(number));
    }
    Ok(words)
}

/// `NAME` and `NAME=default`.
fn arguments(rest: &str, escape: char) -> Result<Vec<(String, Option<String>)>, Problem> {
    let words = split(rest, escape)?;
    if words.is_empty() {
        return Err(Problem::Malformed { instruction: "ARG", problem: "needs a name" });
    }
    words
        .into_iter()
        .map(|word| {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (word, None),
            };
            if is_name(&name) { Ok((name, value)) } else { Err(Problem::BadVariable) }
        })
        .collect()
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `name=value …`, or `name value` in the old form.
fn pairs(instruction: &'static str, rest: &str, escape: char) -> Result<Vec<(String, String)>, Problem> {
    let malformed = |problem| Problem::Malformed { instruction, problem };
    let (first, value) = first_word(rest);
    if first.is_empty() {
        return Err(malformed("needs a name and a value"));
    }
    if !first.contains('=') {
        return if value.is_empty() {
            Err(malformed("needs a name and a value"))
        } else {
            Ok(vec![(first.to_owned(), value.to_owned())])
        };
    }
    split(rest, escape)?
        .into_iter()
        .map(|word| match word.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(malformed("takes pairs of the form name=value")),
        })
        .collect()
}

fn run(line: &Line) -> Result<Run, Error> {
    let (mut options, rest) = Options::read("RUN", &line.rest, line.number);
    let mounts = options.values("mount")?;
    let mounts = mounts.iter().map(|text| mount(text).map_err(|problem| options.bad("mount", problem)));
    let mounts = mounts.collect::<Result<Vec<_>, _>>()?;
    let is_offline = match options.value("network")?.as_deref() {
        None | Some("default") => false,
        Some("none") => true,
        Some("host") => return Err(options.bad("network", "the host's network is not for builds")),
        Some(_) => return Err(options.bad("network", "must be default or none")),
    };
    match options.value("security")?.as_deref() {
        None | Some("sandbox") => {}
        Some(_) => return Err(options.bad("security", "builds are always sandboxed")),
    }
    options.finish()?;
    if rest.is_empty() {
        return Err(Problem::Malformed { instruction: "RUN", problem: "needs a command" }.at(line.number));
    }
    Ok(Run { mounts, is_offline, command: command(rest), documents: line.documents.clone() })
}

/// Reads `type=…,target=…`.
fn mount(text: &str) -> Result<Mount, String> {
    let mut fields: Vec<(String, Option<String>)> = text
        .split(',')
        .map(|field| match field.split_once('=') {
            Some((name, value)) => (name.trim().to_ascii_lowercase(), Some(value.trim().to_owned())),
            None => (field.trim().to_ascii_lowercase(), None),
        })
        .collect();
    let mut take = |names: &[&str]| {
        let at = fields.iter().position(|(name, _)| names.contains(&name.as_str()));
        at.map(|at| fields.remove(at).1)
    };
    let mut value = |names: &[&str]| match take(names) {
        Some(Some(value)) => Ok(Some(value)),
        Some(None) => Err(format!("{} needs a value", names[0])),
        None => Ok(None),
    };
    let kind = value(&["type"])?.unwrap_or_else(|| "bind".to_owned());
    let target = value(&["target", "dst", "destination"])?;
    let octal = |text: Option<String>| match text {
        Some(text) => {
            u32::from_str_radix(&text, 8).map(Some).map_err(|_| format!("mode {text:?} is no octal number"))
        }
        None => Ok(None),
    };
    let kind = match kind.as_str() {
        "bind" => MountKind::Bind {
            from: value(&["from"])?,
            source: value(&["source", "src"])?.unwrap_or_else(|| "/".to_owned()),
        },
        "cache" => MountKind::Cache {
            id: value(&["id"])?,
            sharing: match value(&["sharing"])?.as_deref() {
                None | Some("shared") => Sharing::Shared,
                Some("private") => Sharing::Private,
                Some("locked") => Sharing::Locked,
                Some(other) => return Err(format!("sharing {other:?} is not known")),
            },
            from: value(&["from"])?,
            source: value(&["source", "src"])?,
            mode: octal(value(&["mode"])?)?,
        },
        "tmpfs" => MountKind::Tmpfs { size_bytes: size(value(&["size"])?)? },
        "secret" => {
            let id = value(&["id"])?;
            let name = target.as_deref().and_then(|target| target.rsplit('/').next());
            let id = id.or_else(|| name.map(ToOwned::to_owned)).ok_or("a secret needs an id")?;
            let env = value(&["env"])?;
            let mode = octal(value(&["mode"])?)?;
            let is_required = match take(&["required"]) {
                None => false,
                Some(None) => true,
                Some(Some(text)) => matches!(text.as_str(), "true" | "1"),
            };
            MountKind::Secret { id, is_required, env, mode }
        }
        "ssh" => return Err("keys of an SSH agent are not available in builds".to_owned()),
        other => return Err(format!("type {other:?} is not known")),
    };
    let needs_target = !matches!(kind, MountKind::Secret { .. });
    if needs_target && target.as_deref().is_none_or(str::is_empty) {
        return Err("needs a target".to_owned());
    }
    // Whose a mount is, and whether it may be written to, changes nothing that is kept.
    let harmless = ["rw", "readwrite", "ro", "readonly", "uid", "gid", "from", "source", "src", "mode"];
    match fields.iter().find(|(name, _)| !harmless.contains(&name.as_str())) {
        Some((name, _)) => Err(format!("{name:?} is not known")),
        None => Ok(Mount { target, kind }),
    }
}

/// `64m` and the like.
fn size(text: Option<String>) -> Result<Option<u64>, String> {
    let Some(text) = text else { return Ok(None) };
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match lower[digits.len()..].trim_end_matches('b').trim_end_matches('i') {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => return Err(format!("size {text:?} is none")),
    };
    let number: u64 = digits.parse().map_err(|_| format!("size {text:?} is none"))?;
    number.checked_mul(factor).map(Some).ok_or_else(|| format!("size {text:?} is too large"))
}

fn copy(line: &Line, escape: char) -> Result<Copy, Error> {
    let (mut options, rest) = Options::read("COPY", &line.rest, line.number);
    let from = options.value("from")?;
    let keeps_parents = options.switch("parents")?;
    let common = common(&mut options)?;
    options.finish()?;
    files("COPY", line, rest, escape, Copy { from, keeps_parents, ..common })
}

fn add(line: &Line, escape: char) -> Result<Add, Error> {
    let (mut options, rest) = Options::read("ADD", &line.rest, line.number);
    let checksum = options.value("checksum")?;
    // Only for repositories of git, whose addresses are refused when they are met.
    options.switch("keep-git-dir")?;
    let unpack = options.value("unpack")?.map(|text| match text.as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(options.bad("unpack", "must be true or false")),
    });
    let unpack = unpack.transpose()?;
    let common = common(&mut options)?;
    options.finish()?;
    Ok(Add { copy: files("ADD", line, rest, escape, common)?, checksum, unpack })
}

/// The options that `COPY` and `ADD` share.
fn common(options: &mut Options) -> Result<Copy, Error> {
    let chown = options.value("chown")?;
    let chmod = options.value("chmod")?;
    let exclude = options.values("exclude")?;
    // Each instruction is a layer of its own already.
    options.switch("link")?;
    Ok(Copy {
        from: None,
        chown,
        chmod,
        exclude,
        keeps_parents: false,
        sources: Vec::new(),
        destination: String::new(),
    })
}

fn files(
    instruction: &'static str,
    line: &Line,
    rest: &str,
    escape: char,
    copy: Copy,
) -> Result<Copy, Error> {
    let malformed = |problem| Problem::Malformed { instruction, problem }.at(line.number);
    let mut words = match json_words(rest) {
        // In this form nothing is quoted; what follows is.
        Some(words) => words.into_iter().map(|word| quote(&word, escape)).collect(),
        None => split(rest, escape).map_err(|problem| problem.at(line.number))?,
    };
    let destination = words.pop().ok_or_else(|| malformed("needs sources and a destination"))?;
    let mut documents = line.documents.iter();
    let sources: Vec<Source> = words
        .into_iter()
        .map(|word| match word.strip_prefix("<<").and_then(|_| documents.next()) {
            Some(document) => Source::Document(document.clone()),
            None => Source::Path(word),
        })
        .collect();
    if sources.is_empty() {
        return Err(malformed("needs at least one source and a destination"));
    }
    Ok(Copy { sources, destination, ..copy })
}

/// Keeps blanks and quotation marks of a word that was not quoted, and leaves its variables as they are.
fn quote(word: &str, escape: char) -> String {
    let mut quoted = String::new();
    for c in word.chars() {
        if c.is_whitespace() || matches!(c, '"' | '\'') || c == escape {
            quoted.push(escape);
        }
        quoted.push(c);
    }
    quoted
}
