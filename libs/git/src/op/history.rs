//! `GET /git/history`.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use git2::{Commit, Repository, Sort, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use paddock_wire_toolbox::{GitCommitInfo, GitPath};

use super::head;
use crate::answer::Answer;
use crate::failure::Failure;
use crate::program::Program;
use crate::repository::{Engine, Plan, engine};

/// All commits that HEAD comes from, newest first; none before the first.
pub(super) fn history(request: &GitPath) -> Result<Answer, Failure> {
    match engine(Path::new(&request.path), &Plan::default())? {
        Engine::Library(repository) => with_library(repository),
        Engine::Program(program) => with_program(program),
    }
}

fn with_library(repository: Repository) -> Result<Answer, Failure> {
    let Some(first) = head::commit(&repository)?.map(|commit| commit.id()) else {
        return Answer::json(&[0; 0]);
    };
    Ok(Answer::Stream(Box::new(move |out| {
        let mut walk = repository.revwalk().map_err(io::Error::other)?;
        walk.set_sorting(Sort::TIME).map_err(io::Error::other)?;
        walk.push(first).map_err(io::Error::other)?;
        let commits = walk.map(|id| {
            let commit = id.and_then(|id| repository.find_commit(id)).map_err(io::Error::other)?;
            Ok(info(&commit))
        });
        array(out, commits)
    })))
}

/// A JSON array, written as it comes.
fn array(out: &mut dyn Write, commits: impl Iterator<Item = io::Result<GitCommitInfo>>) -> io::Result<()> {
    out.write_all(b"[")?;
    for (number, commit) in commits.enumerate() {
        if number > 0 {
            out.write_all(b",")?;
        }
        serde_json::to_writer(&mut *out, &commit?)?;
    }
    out.write_all(b"]")
}

fn info(commit: &Commit<'_>) -> GitCommitInfo {
    let author = commit.author();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    GitCommitInfo {
        hash: commit.id().to_string(),
        author: text(author.name_bytes()),
        email: text(author.email_bytes()),
        message: text(commit.message_bytes()),
        timestamp: timestamp(author.when()),
    }
}

/// RFC 3339 with the author's offset. Times that no calendar has are the earliest there is.
fn timestamp(time: Time) -> String {
    let moment = Timestamp::from_second(time.seconds()).unwrap_or(Timestamp::UNIX_EPOCH);
    let offset = SignedDuration::from_mins(time.offset_minutes().into());
    let offset = Offset::from_seconds(i32::try_from(offset.as_secs()).unwrap_or(0)).unwrap_or(Offset::UTC);
    if offset == Offset::UTC {
        return moment.to_string();
    }
    moment.display_with_offset(offset).to_string()
}

fn with_program(program: Program) -> Result<Answer, Failure> {
    if program.run(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).is_err() {
        return Answer::json(&[0; 0]);
    }
    Ok(Answer::Stream(Box::new(move |out| {
        let (mut child, output) =
            program.stream(["log", "-z", "--encoding=UTF-8", "--format=%H%n%an%n%ae%n%aI%n%B"])?;
        let entries = BufReader::new(output).split(0).map(|entry| entry.map(|entry| parse(&entry)));
        array(out, entries)?;
        if child.wait()?.success() { Ok(()) } else { Err(io::Error::other("git log failed")) }
    })))
}

/// One entry of the format above. The program ends each message with a line break of its own.
fn parse(entry: &[u8]) -> GitCommitInfo {
    let text = String::from_utf8_lossy(entry);
    let mut lines = text.splitn(5, '\n');
    let mut line = || lines.next().unwrap_or_default().to_owned();
    GitCommitInfo { hash: line(), author: line(), email: line(), timestamp: line(), message: line() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_authors_offset() {
        assert_eq!(timestamp(Time::new(1_781_276_400, 120)), "2026-06-12T17:00:00+02:00");
        assert_eq!(timestamp(Time::new(1_781_276_400, -210)), "2026-06-12T11:30:00-03:30");
        assert_eq!(timestamp(Time::new(1_781_276_400, 0)), "2026-06-12T15:00:00Z");
        assert_eq!(timestamp(Time::new(i64::MAX, 0)), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(Time::new(0, 999_999)), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn an_entry_of_the_program_is_taken_apart() {
        let info = parse("abc\nAé\na@x\n2026-06-12T17:00:00+02:00\nsubject\n\nbody\n".as_bytes());
        assert_eq!((info.author.as_str(), info.message.as_str()), ("Aé", "subject\n\nbody\n"));
    }
}
