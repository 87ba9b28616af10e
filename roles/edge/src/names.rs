//! The names of linked sandboxes, told to those that they are linked with and to nobody else.
//!
//! Only questions of a guest that has a link are parsed, by a library; those of all others are passed on unread, as ever.
//! What is no well-formed question is passed on too, or refused for a guest that is cut off from the world: for such a
//! guest this resolver knows the names of its link and nothing else, so no question of its leaves the host.
//!
//! The table is a file that the runner replaces whole; it is looked at again for each question, so an answer is never
//! older than the question. Addresses may change with every start, so answers are not to be kept (their time to live is 0).

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use hickory_proto::op::{Edns, Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{DNSClass, RData, Record, RecordType};
use paddock_wire_runner::{Guest, LinkTable};

/// The largest answer over UDP that we name as ours.
const PAYLOAD: u16 = 1232;

/// What becomes of a question.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is answered so, here.
    Answer(Vec<u8>),
    /// It is for the host's name servers.
    PassOn,
    /// It is answered with a refusal.
    Refuse,
}

/// Everybody's links.
#[derive(Debug)]
pub(crate) struct Names {
    file: PathBuf,
    known: Mutex<Known>,
}

/// The table as it was last read, and of which file: a replaced one has another inode or time.
#[derive(Debug, Default)]
struct Known {
    version: Option<(u64, i64, i64)>,
    table: Arc<LinkTable>,
}

impl Names {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self { file, known: Mutex::default() }
    }

    /// What becomes of the question of a guest.
    pub(crate) fn judge(&self, guest: IpAddr, question: &[u8]) -> Verdict {
        let IpAddr::V4(address) = guest else { return Verdict::PassOn };
        let table = self.table();
        let Some(guest) = table.guests.get(&address) else { return Verdict::PassOn };
        let answer = Message::from_vec(question).ok().and_then(|message| answer(guest, message));
        match answer {
            Some(answer) => Verdict::Answer(answer),
            None if guest.asks_world => Verdict::PassOn,
            None => Verdict::Refuse,
        }
    }

    /// The table as the file has it now. One that cannot be read leaves what was known.
    fn table(&self) -> Arc<LinkTable> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let version = fs::metadata(&self.file).ok();
        let version = version.map(|found| (found.ino(), found.mtime(), found.mtime_nsec()));
        if version.is_some() && version != known.version {
            let read = fs::read(&self.file).and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
            match read {
                Ok(table) => *known = Known { version, table: Arc::new(table) },
                Err(error) => tracing::warn!(%error, "the names of linked sandboxes cannot be read"),
            }
        }
        Arc::clone(&known.table)
    }
}

/// The answer, if the question is for a name of the guest's link.
fn answer(guest: &Guest, message: Message) -> Option<Vec<u8>> {
    if message.metadata.message_type != MessageType::Query || message.metadata.op_code != OpCode::Query {
        return None;
    }
    let [query] = message.queries.as_slice() else { return None };
    if query.query_class() != DNSClass::IN {
        return None;
    }
    let address = *guest.names.get(&host_name(query)?)?;
    let mut response = Message::response(message.metadata.id, OpCode::Query);
    response.metadata = Metadata::response_from_request(&message.metadata);
    response.metadata.authoritative = true;
    response.metadata.recursion_available = true;
    response.metadata.response_code = ResponseCode::NoError;
    // Of other types there are none: an empty answer, and not the absence of the name.
    if let (Some(address), RecordType::A | RecordType::ANY) = (address, query.query_type()) {
        response.add_answer(record(query, address));
    }
    if message.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(PAYLOAD);
        response.set_edns(edns);
    }
    response.add_query(query.clone());
    response.to_vec().ok()
}

fn record(query: &Query, address: Ipv4Addr) -> Record {
    Record::from_rdata(query.name().clone(), 0, RData::A(A(address)))
}

/// The name that is asked for, in lower case, if it is a host name. A label may hold any byte, a dot too: only what
/// cannot be mistaken is compared.
fn host_name(query: &Query) -> Option<String> {
    let labels: Option<Vec<&str>> =
        query.name().iter().map(|label| std::str::from_utf8(label).ok()).collect();
    let labels = labels?;
    if labels.iter().any(|label| label.contains('.')) {
        return None;
    }
    paddock_types::host_name(&labels.join("."))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hickory_proto::rr::Name;

    use super::*;

    const LINKED: IpAddr = IpAddr::V4(Ipv4Addr::new(100, 65, 1, 0));
    const CUT_OFF: IpAddr = IpAddr::V4(Ipv4Addr::new(100, 65, 1, 1));
    const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(100, 65, 1, 2));
    const DB: Ipv4Addr = Ipv4Addr::new(100, 65, 1, 9);

    fn names() -> (tempfile::TempDir, Names) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("links.json");
        write(&file, Some(DB));
        let names = Names::new(file);
        (directory, names)
    }

    fn write(file: &std::path::Path, db: Option<Ipv4Addr>) {
        let names = BTreeMap::from([("db".to_owned(), db), ("down".to_owned(), None)]);
        let guest = |asks_world| Guest { asks_world, names: names.clone() };
        let table = LinkTable {
            guests: BTreeMap::from([
                ("100.65.1.0".parse().unwrap(), guest(true)),
                ("100.65.1.1".parse().unwrap(), guest(false)),
            ]),
        };
        let fresh = file.with_extension("new");
        fs::write(&fresh, serde_json::to_vec(&table).unwrap()).unwrap();
        fs::rename(fresh, file).unwrap();
    }

    fn question(name: &str, kind: RecordType) -> Vec<u8> {
        let mut message = Message::new(7, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        message.to_vec().unwrap()
    }

    fn told(names: &Names, guest: IpAddr, question: &[u8]) -> (ResponseCode, Vec<RData>) {
        let Verdict::Answer(bytes) = names.judge(guest, question) else { panic!("it is answered here") };
        let message = Message::from_vec(&bytes).unwrap();
        assert_eq!(message.metadata.id, 7);
        assert_eq!(message.metadata.message_type, MessageType::Response);
        assert_eq!(message.queries.len(), 1);
        let answers = message.answers.iter().map(|record| {
            assert_eq!(record.ttl, 0);
            record.data.clone()
        });
        (message.metadata.response_code, answers.collect())
    }

    #[test]
    fn a_linked_name_is_told_in_any_case_and_with_no_address_of_version_6() {
        let (_directory, names) = names();
        for guest in [LINKED, CUT_OFF] {
            for name in ["db.", "DB.", "Db."] {
                let answer = told(&names, guest, &question(name, RecordType::A));
                assert_eq!(answer, (ResponseCode::NoError, vec![RData::A(A(DB))]));
            }
            for kind in [RecordType::AAAA, RecordType::MX, RecordType::TXT] {
                assert_eq!(told(&names, guest, &question("db.", kind)), (ResponseCode::NoError, vec![]));
            }
            let down = told(&names, guest, &question("down.", RecordType::A));
            assert_eq!(down, (ResponseCode::NoError, vec![]), "it does not run");
        }
    }

    #[test]
    fn who_has_no_link_gets_what_it_always_got_and_who_is_cut_off_learns_nothing_else() {
        let (_directory, names) = names();
        let (ours, others) = (question("db.", RecordType::A), question("example.com.", RecordType::A));
        assert_eq!(names.judge(STRANGER, &ours), Verdict::PassOn);
        assert_eq!(names.judge(LINKED, &others), Verdict::PassOn);
        assert_eq!(names.judge(CUT_OFF, &others), Verdict::Refuse);
        assert_eq!(names.judge(CUT_OFF, &question("db.example.com.", RecordType::A)), Verdict::Refuse);
    }

    #[test]
    fn a_change_of_the_table_counts_from_the_next_question_on() {
        let (directory, names) = names();
        let ask = |names: &Names| told(names, LINKED, &question("db.", RecordType::A)).1;
        assert_eq!(ask(&names), [RData::A(A(DB))]);
        let moved = Ipv4Addr::new(100, 65, 1, 77);
        let file = directory.path().join("links.json");
        write(&file, Some(moved));
        assert_eq!(ask(&names), [RData::A(A(moved))]);
        fs::write(&file, b"{").unwrap();
        assert_eq!(ask(&names), [RData::A(A(moved))], "nonsense is not believed");
        fs::remove_file(&file).unwrap();
        assert_eq!(ask(&names), [RData::A(A(moved))]);
        write(&file, None);
        assert_eq!(ask(&names), []);
    }

    #[test]
    fn hostile_messages_are_passed_on_or_refused_and_never_more() {
        let (_directory, names) = names();
        let good = question("db.", RecordType::A);
        // Every prefix, every single byte changed to a few values, and noise.
        let mut hostile: Vec<Vec<u8>> = (0..good.len()).map(|end| good[..end].to_vec()).collect();
        for place in 0..good.len() {
            for value in [0, 1, 0x3f, 0x40, 0x80, 0xc0, 0xff] {
                let mut changed = good.clone();
                changed[place] = value;
                hostile.push(changed);
            }
        }
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        for length in 0..600_usize {
            let noise = (0..length).map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[0]
            });
            hostile.push(noise.collect());
        }
        // A name that points at itself, and one whose label holds a dot.
        hostile.push(b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01".to_vec());
        for message in hostile {
            for guest in [LINKED, CUT_OFF, STRANGER] {
                drop(names.judge(guest, &message));
            }
        }
        let dotted = b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\x04d.wn\0\0\x01\0\x01";
        assert_eq!(names.judge(CUT_OFF, dotted), Verdict::Refuse);
        let two = {
            let mut message = Message::from_vec(&good).unwrap();
            message.add_query(message.queries[0].clone());
            message.to_vec().unwrap()
        };
        assert_eq!(names.judge(CUT_OFF, &two), Verdict::Refuse, "one question at a time");
    }
}
