//! `GET /git/status`.

use std::path::Path;

use git2::{Repository, Status, StatusOptions};
use paddock_wire_toolbox::{ChangeStatus, FileStatus, GitPath, GitStatus};

use super::head::Head;
use crate::answer::Answer;
use crate::failure::Failure;
use crate::program::Program;
use crate::repository::{Engine, Plan, engine, path_of};

/// What has changed: files one by one, untracked ones too, ordered by name, ignored ones left out.
pub(super) fn status(request: &GitPath, closed: bool) -> Result<Answer, Failure> {
    let plan = Plan { touches_worktree: true, ..Plan::default() };
    let mut status = match engine(Path::new(&request.path), &plan)? {
        Engine::Library(repository) => with_library(&repository)?,
        Engine::Program(program) => with_program(&program)?,
    };
    status.file_status.sort_by(|one, other| one.name.cmp(&other.name));
    if closed {
        status.detached = None;
        status.upstream = None;
    }
    // Of a hundred thousand files the text alone is twenty megabytes: it goes out as it is made.
    Ok(Answer::Stream(Box::new(move |out| Ok(serde_json::to_writer(out, &status)?))))
}

/// The branch's part, without files.
fn answer(head: &Head, upstream: Option<String>, ahead: u64, behind: u64) -> GitStatus {
    GitStatus {
        current_branch: head.branch().unwrap_or("HEAD").to_owned(),
        file_status: Vec::new(),
        ahead: Some(ahead),
        behind: Some(behind),
        branch_published: Some(upstream.is_some()),
        detached: Some(*head == Head::Detached),
        upstream: Some(upstream.unwrap_or_default()),
    }
}

fn with_library(repository: &Repository) -> Result<GitStatus, Failure> {
    if repository.is_bare() {
        return Err(Failure::bare());
    }
    let head = Head::of(repository)?;
    let (upstream, ahead, behind) = tracking(repository, &head)?;
    let mut answer = answer(&head, upstream, ahead, behind);
    let mut options = StatusOptions::new();
    options
        .include_untracked(true)
        .recurse_untracked_dirs(true)
        .include_unreadable_as_untracked(true)
        .renames_head_to_index(true);
    for entry in repository.statuses(Some(&mut options))?.iter() {
        let (staging, worktree) = sides(entry.status());
        if (staging, worktree) == (ChangeStatus::Unmodified, ChangeStatus::Unmodified) {
            continue;
        }
        let renamed = entry.head_to_index().filter(|_| staging == ChangeStatus::Renamed);
        let (old, new) = match &renamed {
            Some(delta) => (delta.old_file().path_bytes(), delta.new_file().path_bytes()),
            None => (None, None),
        };
        answer.file_status.push(FileStatus {
            name: text(new.unwrap_or(entry.path_bytes())),
            extra: old.map(text).unwrap_or_default(),
            staging,
            worktree,
        });
    }
    Ok(answer)
}

/// The upstream's short name, and how many commits each side is ahead. An upstream that is configured
/// counts, whether or not it has been fetched.
fn tracking(repository: &Repository, head: &Head) -> Result<(Option<String>, u64, u64), Failure> {
    let none = (None, 0, 0);
    let Some(branch) = head.branch() else { return Ok(none) };
    let Ok(name) = repository.branch_upstream_name(&format!("refs/heads/{branch}")) else { return Ok(none) };
    let name = String::from_utf8_lossy(&name).into_owned();
    let short =
        ["refs/remotes/", "refs/heads/"].iter().find_map(|start| name.strip_prefix(start)).unwrap_or(&name);
    let counts = match (repository.head(), repository.find_reference(&name)) {
        (Ok(here), Ok(there)) => {
            repository.graph_ahead_behind(here.peel_to_commit()?.id(), there.peel_to_commit()?.id())?
        }
        _ => (0, 0),
    };
    Ok((Some(short.to_owned()), counts.0 as u64, counts.1 as u64))
}

/// The index's side and the worktree's.
fn sides(status: Status) -> (ChangeStatus, ChangeStatus) {
    use ChangeStatus::{Added, Deleted, Modified, Renamed, Unmerged, Unmodified, Untracked};
    if status.is_conflicted() {
        return (Unmerged, Unmerged);
    }
    let staging = if status.is_index_renamed() {
        Renamed
    } else if status.is_index_new() {
        Added
    } else if status.is_index_deleted() {
        Deleted
    } else if status.is_index_modified() || status.is_index_typechange() {
        Modified
    } else {
        Unmodified
    };
    let worktree = if status.is_wt_new() {
        Untracked
    } else if status.is_wt_deleted() {
        Deleted
    } else if status.intersects(Status::WT_MODIFIED | Status::WT_TYPECHANGE | Status::WT_RENAMED) {
        Modified
    } else {
        Unmodified
    };
    // What is in no commit and in no index is untracked on both sides.
    if (staging, worktree) == (Unmodified, Untracked) { (Untracked, Untracked) } else { (staging, worktree) }
}

fn text(path: &[u8]) -> String {
    path_of(path).to_string_lossy().into_owned()
}

fn with_program(program: &Program) -> Result<GitStatus, Failure> {
    let output = program.run([
        "status",
        "--porcelain=v2",
        "--branch",
        "--untracked-files=all",
        "-z",
        "--find-renames",
    ])?;
    Ok(parse(&output))
}

/// Reads porcelain version 2 with NUL as the end of each entry.
fn parse(output: &[u8]) -> GitStatus {
    let mut head = Head::Detached;
    let mut upstream = None;
    let mut counts = (0, 0);
    let mut files: Vec<FileStatus> = Vec::new();
    let mut entries = output.split(|&byte| byte == 0);
    while let Some(entry) = entries.next() {
        let line = String::from_utf8_lossy(entry);
        let mut words = line.splitn(2, ' ');
        let (kind, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        match kind {
            "#" => match rest.split_once(' ') {
                Some(("branch.head", name)) if name != "(detached)" => head = Head::Branch(name.to_owned()),
                Some(("branch.upstream", name)) => upstream = Some(name.to_owned()),
                Some(("branch.ab", numbers)) => {
                    let mut numbers = numbers
                        .split(' ')
                        .map(|number| number.get(1..).and_then(|number| number.parse().ok()).unwrap_or(0));
                    counts = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
                }
                _ => {}
            },
            "?" => files.push(FileStatus {
                name: rest.to_owned(),
                extra: String::new(),
                staging: ChangeStatus::Untracked,
                worktree: ChangeStatus::Untracked,
            }),
            "u" => files.push(file(rest, 9, ("U", "U"), String::new())),
            "1" => files.push(file(rest, 7, xy(rest), String::new())),
            "2" => {
                let old = entries.next().map(|old| String::from_utf8_lossy(old).into_owned());
                files.push(file(rest, 8, xy(rest), old.unwrap_or_default()));
            }
            _ => {}
        }
    }
    join_sides(&mut files);
    GitStatus { file_status: files, ..answer(&head, upstream, counts.0, counts.1) }
}

/// A file that is removed from the index alone comes twice: as deleted and as untracked.
fn join_sides(files: &mut Vec<FileStatus>) {
    files.sort_by(|one, other| one.name.cmp(&other.name));
    files.dedup_by(|second, first| {
        let is_same = second.name == first.name;
        if is_same {
            first.worktree = second.worktree;
        }
        is_same
    });
}

fn xy(rest: &str) -> (&str, &str) {
    (rest.get(..1).unwrap_or("."), rest.get(1..2).unwrap_or("."))
}

/// An entry whose path comes after `fields` words.
fn file(rest: &str, fields: usize, (x, y): (&str, &str), extra: String) -> FileStatus {
    FileStatus {
        name: rest.splitn(fields + 1, ' ').nth(fields).unwrap_or_default().to_owned(),
        extra: if x == "R" || x == "C" { extra } else { String::new() },
        staging: side(x),
        worktree: side(y),
    }
}

fn side(letter: &str) -> ChangeStatus {
    match letter {
        "." => ChangeStatus::Unmodified,
        "A" => ChangeStatus::Added,
        "D" => ChangeStatus::Deleted,
        "R" => ChangeStatus::Renamed,
        "C" => ChangeStatus::Copied,
        "U" => ChangeStatus::Unmerged,
        _ => ChangeStatus::Modified,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_own_words_are_read() {
        let output = "# branch.oid 1234\0# branch.head main\0# branch.upstream origin/main\0# branch.ab +2 -1\0\
                      1 MM N... 100644 100644 100644 aa bb a file\0\
                      2 R. N... 100644 100644 100644 aa bb R100 new name\0old name\0\
                      u UU N... 100644 100644 100644 100644 aa bb cc both\0\
                      1 D. N... 100644 000000 000000 aa 00 gone\0? gone\0? new\nline\0";
        let status = parse(output.as_bytes());
        assert_eq!((status.current_branch.as_str(), status.ahead, status.behind), ("main", Some(2), Some(1)));
        assert_eq!(status.upstream.as_deref(), Some("origin/main"));
        let files: Vec<_> = status
            .file_status
            .iter()
            .map(|file| (file.name.as_str(), file.extra.as_str(), file.staging, file.worktree))
            .collect();
        use ChangeStatus::{Deleted, Modified, Renamed, Unmerged, Unmodified, Untracked};
        assert_eq!(
            files,
            [
                ("a file", "", Modified, Modified),
                ("both", "", Unmerged, Unmerged),
                ("gone", "", Deleted, Untracked),
                ("new\nline", "", Untracked, Untracked),
                ("new name", "old name", Renamed, Unmodified),
            ]
        );
        assert_eq!(parse(b"# branch.head (detached)\0").detached, Some(true));
    }
}
