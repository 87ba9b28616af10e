//! A whole Dockerfile: arguments, then stages.

use crate::instruction::{self, From};
use crate::lines::{Line, first_word, lines};
use crate::{Error, Instruction, Placed, Problem};

/// A Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// What stands before the first `FROM`: name and default. Only `FROM` sees them, and stages that ask by `ARG name`.
    pub arguments: Vec<(String, Option<String>)>,
    /// At least one.
    pub stages: Vec<Stage>,
    /// The character that escapes.
    pub escape: char,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// What it begins with.
    pub from: From,
    /// What is done, in order.
    pub instructions: Vec<Placed>,
}

impl Dockerfile {
    /// Reads a Dockerfile.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (lines, escape) = lines(text)?;
        let mut arguments = Vec::new();
        let mut stages: Vec<Stage> = Vec::new();
        for line in &lines {
            if line.keyword == "FROM" {
                let from = instruction::from(line)?;
                let is_taken = from.name.is_some() && stages.iter().any(|stage| stage.from.name == from.name);
                if is_taken {
                    return Err(Problem::BadStageName(from.name.unwrap_or_default()).at(line.number));
                }
                stages.push(Stage { from, instructions: Vec::new() });
                continue;
            }
            let instruction = instruction::read(line, escape)?;
            match (stages.last_mut(), instruction) {
                (Some(stage), instruction) => stage.instructions.push(placed(line, instruction)),
                (None, Instruction::Arg(given)) => arguments.extend(given),
                (None, _) => return Err(Problem::BeforeFrom(line.keyword.clone()).at(line.number)),
            }
        }
        if stages.is_empty() {
            return Err(Problem::NoFrom.at(1));
        }
        Ok(Self { arguments, stages, escape })
    }

    /// The stage of this name or number that comes before the stage `before`.
    pub fn stage(&self, name: &str, before: usize) -> Option<usize> {
        let earlier = &self.stages[..before.min(self.stages.len())];
        let named =
            |stage: &Stage| stage.from.name.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name));
        earlier.iter().rposition(named).or_else(|| name.parse().ok().filter(|number| *number < earlier.len()))
    }
}

/// Reads one instruction that an image asks of those who build on it.
///
/// # Errors
/// When it makes no sense. The line is 1.
pub(crate) fn on_build(text: &str) -> Result<Placed, Error> {
    let (lines, escape) = lines(text)?;
    let [line] = lines.as_slice() else {
        let (keyword, _) = first_word(text);
        return Err(Problem::UnknownInstruction(keyword.chars().take(40).collect()).at(1));
    };
    if matches!(line.keyword.as_str(), "FROM" | "ONBUILD") {
        return Err(Problem::NotOnBuild(line.keyword.clone()).at(1));
    }
    Ok(placed(line, instruction::read(line, escape)?))
}

impl Placed {
    /// Reads one instruction that an image asks of those who build on it (`ONBUILD`).
    ///
    /// # Errors
    /// When it makes no sense. The line is 1.
    pub fn of_image(text: &str) -> Result<Self, Error> {
        on_build(text)
    }
}

fn placed(line: &Line, instruction: Instruction) -> Placed {
    let text = format!("{} {}", line.keyword, line.rest);
    Placed { line: line.number, text, instruction }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Add, Command, Copy, Mount, MountKind, Run, Sharing, Source};

    fn instructions(text: &str) -> Vec<Instruction> {
        let file = Dockerfile::parse(&format!("FROM a\n{text}")).unwrap();
        file.stages[0].instructions.iter().map(|placed| placed.instruction.clone()).collect()
    }

    fn one(text: &str) -> Instruction {
        instructions(text).remove(0)
    }

    fn problem(text: &str) -> String {
        Dockerfile::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn stages_have_names_and_numbers() {
        let file =
            Dockerfile::parse("ARG V=1\nFROM x:$V AS Build\nRUN a\nFROM --platform=linux/amd64 build\n")
                .unwrap();
        assert_eq!(file.arguments, [("V".to_owned(), Some("1".to_owned()))]);
        assert_eq!(file.stages[0].from.image, "x:$V");
        assert_eq!(file.stages[1].from.platform.as_deref(), Some("linux/amd64"));
        assert_eq!((file.stage("BUILD", 1), file.stage("0", 1)), (Some(0), Some(0)));
        assert_eq!((file.stage("build", 0), file.stage("1", 1), file.stage("nobody", 2)), (None, None, None));
    }

    #[test]
    fn both_forms_of_commands_are_told_apart() {
        assert_eq!(
            one("CMD [\"a\", \"b c\"]"),
            Instruction::Cmd(Command::Exec(vec!["a".into(), "b c".into()]))
        );
        assert_eq!(one("ENTRYPOINT a  b"), Instruction::Entrypoint(Command::Shell("a  b".into())));
        // What is no JSON is text, as everywhere.
        assert_eq!(one("CMD ['a']"), Instruction::Cmd(Command::Shell("['a']".into())));
    }

    #[test]
    fn pairs_come_in_two_forms() {
        assert_eq!(
            one("ENV A=1 B=\"x y\""),
            Instruction::Env(vec![("A".into(), "1".into()), ("B".into(), "\"x y\"".into())])
        );
        assert_eq!(one("ENV A one  two=3"), Instruction::Env(vec![("A".into(), "one  two=3".into())]));
        assert_eq!(problem("FROM a\nENV A"), "Dockerfile line 2: ENV needs a name and a value");
        assert_eq!(
            problem("FROM a\nLABEL a=b c"),
            "Dockerfile line 2: LABEL takes pairs of the form name=value"
        );
    }

    #[test]
    fn copies_have_sources_and_a_destination() {
        let Instruction::Copy(copy) = one("COPY --from=0 --chown=a:b --link \"a b\" c* /d/") else {
            panic!()
        };
        assert_eq!((copy.from.as_deref(), copy.chown.as_deref()), (Some("0"), Some("a:b")));
        assert_eq!(copy.sources, [Source::Path("\"a b\"".into()), Source::Path("c*".into())]);
        assert_eq!(copy.destination, "/d/");
        let Instruction::Copy(Copy { sources, .. }) = one("COPY [\"a b\", \"/d\"]") else { panic!() };
        assert_eq!(sources, [Source::Path("a\\ b".into())]);
        let Instruction::Add(Add { copy, checksum, .. }) =
            one("ADD --checksum=sha256:00 <<EOF x /d/\nhi\nEOF")
        else {
            panic!()
        };
        assert_eq!(checksum.as_deref(), Some("sha256:00"));
        assert!(
            matches!(&copy.sources[..], [Source::Document(document), Source::Path(_)] if document.content == "hi\n")
        );
        assert_eq!(
            problem("FROM a\nCOPY x"),
            "Dockerfile line 2: COPY needs at least one source and a destination"
        );
        assert_eq!(problem("FROM a\n\nCOPY --what=1 x y"), "Dockerfile line 3: COPY has no option --what");
    }

    #[test]
    fn mounts_of_commands() {
        let text = "RUN --mount=type=cache,target=/c,id=x,sharing=locked --mount=type=tmpfs,target=/t,size=64m \
                    --mount=from=0,source=/a,target=/b --mount=type=secret,id=s --network=none make";
        let Instruction::Run(Run { mounts, is_offline, command, .. }) = one(text) else { panic!() };
        assert!(is_offline);
        assert_eq!(command, Command::Shell("make".into()));
        let cache = MountKind::Cache {
            id: Some("x".into()),
            sharing: Sharing::Locked,
            from: None,
            source: None,
            mode: None,
        };
        assert_eq!(mounts[0], Mount { target: Some("/c".into()), kind: cache });
        assert_eq!(mounts[1].kind, MountKind::Tmpfs { size_bytes: Some(64 << 20) });
        assert_eq!(mounts[2].kind, MountKind::Bind { from: Some("0".into()), source: "/a".into() });
        assert!(matches!(&mounts[3].kind, MountKind::Secret { id, is_required: false, .. } if id == "s"));
        assert_eq!(problem("FROM a\nRUN --mount=type=cache x"), "Dockerfile line 2: --mount: needs a target");
        assert_eq!(
            problem("FROM a\nRUN --security=insecure x"),
            "Dockerfile line 2: --security: builds are always sandboxed"
        );
    }

    #[test]
    fn what_waits_for_a_later_build_must_make_sense_now() {
        assert_eq!(one("ONBUILD RUN make"), Instruction::OnBuild("RUN make".into()));
        assert_eq!(problem("FROM a\nONBUILD FROM b"), "Dockerfile line 2: ONBUILD cannot hold FROM");
        assert_eq!(problem("FROM a\nONBUILD NOPE"), "Dockerfile line 2: unknown instruction \"NOPE\"");
        let Instruction::OnBuild(text) = one("ONBUILD COPY <<E /x\nhi\n\nE") else { panic!() };
        let placed = Placed::of_image(&text).unwrap();
        assert!(matches!(placed.instruction, Instruction::Copy(Copy { ref sources, .. })
            if matches!(&sources[0], Source::Document(document) if document.content == "hi\n\n")));
    }

    #[test]
    fn what_is_no_dockerfile_is_refused_by_line() {
        for (text, wanted) in [
            ("", "Dockerfile line 1: there is no FROM instruction"),
            ("RUN x", "Dockerfile line 1: RUN cannot come before the first FROM"),
            ("FROM a b", "Dockerfile line 1: FROM takes an image, or an image AS a name"),
            ("FROM a AS 1x", "Dockerfile line 1: \"1x\" cannot be the name of a stage"),
            ("FROM a AS b\nFROM a AS B", "Dockerfile line 2: \"b\" cannot be the name of a stage"),
            ("FROM a\nSHELL x", "Dockerfile line 2: SHELL must be a list in brackets"),
            ("FROM a\nINSTALL x", "Dockerfile line 2: unknown instruction \"INSTALL\""),
        ] {
            assert_eq!(problem(text), wanted);
        }
        assert!(problem(&"FROM a\n".repeat(1001)).contains("more than 1000 instructions"));
        assert!(problem(&"#\n".repeat(600_000)).contains("longer than 1024 KiB"));
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(text in "(FROM|RUN|COPY|ADD|ENV|ARG|ONBUILD|--mount=|<<E|\\\\|\"|'|\\$\\{|[ -~]|\n){0,60}") {
            let _ = Dockerfile::parse(&text);
        }
    }
}
