//! DNS messages: a question for addresses, and what an answer says to it.
//!
//! Answers come from the network and are believed in nothing: every length is checked, and no name is
//! followed, since all addresses in the answer section of a resolver's answer belong to the question.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    /// The number of the record type: A or AAAA.
    const fn record(self) -> u16 {
        match self {
            Self::V4 => 1,
            Self::V6 => 28,
        }
    }
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// None, if the name has none of this family.
    Addresses(Vec<IpAddr>),
    /// There is no such name.
    NoSuchName,
    /// It did not fit: ask over TCP.
    Truncated,
    /// The server cannot or will not; another may.
    Failed(u8),
}

const HEADER: usize = 12;
const INTERNET: u16 = 1;

/// A question, or `None` for what is no host name.
pub(super) fn question(id: u16, name: &str, family: Family) -> Option<Vec<u8>> {
    let mut message = Vec::with_capacity(HEADER + name.len() + 6);
    message.extend_from_slice(&id.to_be_bytes());
    // A query that asks for recursion; one question.
    message.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        message.push(length);
        message.extend_from_slice(label.as_bytes());
    }
    if name.len() > 253 {
        return None;
    }
    message.push(0);
    message.extend_from_slice(&family.record().to_be_bytes());
    message.extend_from_slice(&INTERNET.to_be_bytes());
    Some(message)
}

/// What `message` says to `question`, or `None` if it is no answer to it.
pub(super) fn answer(message: &[u8], question: &[u8], family: Family) -> Option<Said> {
    let asked = question.get(HEADER..)?;
    let is_answer = message.get(..2)? == question.get(..2)? && message.get(2)? & 0x80 != 0;
    // The question comes back as it was sent, in any case of its letters.
    let is_ours = message.get(HEADER..HEADER + asked.len())?.eq_ignore_ascii_case(asked);
    if !is_answer || !is_ours || number(message, 4)? != 1 {
        return None;
    }
    if message.get(2)? & 0x02 != 0 {
        return Some(Said::Truncated);
    }
    match message.get(3)? & 0x0f {
        0 => {}
        3 => return Some(Said::NoSuchName),
        code => return Some(Said::Failed(code)),
    }
    let mut addresses = Vec::new();
    let mut at = HEADER + asked.len();
    for _ in 0..number(message, 6)? {
        at = after_name(message, at)?;
        let (record, class, length) =
            (number(message, at)?, number(message, at + 2)?, number(message, at + 8)?);
        let data = message.get(at + 10..at + 10 + usize::from(length))?;
        at += 10 + usize::from(length);
        if record == family.record() && class == INTERNET {
            addresses.push(match family {
                Family::V4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?)),
                Family::V6 => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?)),
            });
        }
    }
    Some(Said::Addresses(addresses))
}

/// Where a name ends: at an empty label, or with a pointer.
fn after_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length @ 1..=63 => at += 1 + usize::from(length),
            192.. => return message.get(at + 1).map(|_| at + 2),
            _ => return None,
        }
    }
}

fn number(message: &[u8], at: usize) -> Option<u16> {
    let bytes = message.get(at..at + 2)?;
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An answer with an alias before the addresses.
    fn answered(question: &[u8], flags: [u8; 2]) -> Vec<u8> {
        let mut message = question.to_vec();
        message[2..4].copy_from_slice(&flags);
        message[7] = 2;
        // c0 0c: the name of the question.
        message.extend_from_slice(&[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 3, 1, b'x', 0]);
        message.extend_from_slice(&[1, b'x', 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 7]);
        message
    }

    #[test]
    fn addresses_are_read_behind_an_alias() {
        let asked = question(7, "git.example", Family::V4).unwrap();
        let said = answer(&answered(&asked, [0x81, 0x80]), &asked, Family::V4);
        assert_eq!(said, Some(Said::Addresses(vec!["192.0.2.7".parse().unwrap()])));
    }

    #[test]
    fn an_answer_to_another_question_is_none() {
        let asked = question(7, "git.example", Family::V4).unwrap();
        for other in [question(8, "git.example", Family::V4), question(7, "git.examples", Family::V4)] {
            assert_eq!(answer(&answered(&other.unwrap(), [0x81, 0x80]), &asked, Family::V4), None);
        }
        assert_eq!(answer(&answered(&asked, [0x01, 0x80]), &asked, Family::V4), None);
    }

    #[test]
    fn what_a_server_refuses_is_told_apart() {
        let asked = question(7, "git.example", Family::V4).unwrap();
        let said = |flags| answer(&answered(&asked, flags), &asked, Family::V4).unwrap();
        assert_eq!(said([0x83, 0x80]), Said::Truncated);
        assert_eq!(said([0x81, 0x83]), Said::NoSuchName);
        assert_eq!(said([0x81, 0x82]), Said::Failed(2));
    }

    #[test]
    fn what_is_no_host_name_is_not_asked_for() {
        assert_eq!(question(1, "", Family::V4), None);
        assert_eq!(question(1, "a..b", Family::V4), None);
        assert_eq!(question(1, &"a".repeat(64), Family::V4), None);
        assert_eq!(question(1, &["a"; 130].join("."), Family::V4), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(cut in 0usize..80, change in 0usize..80, byte: u8, tail: Vec<u8>) {
            let asked = question(7, "git.example", Family::V4).unwrap();
            let mut message = answered(&asked, [0x81, 0x80]);
            if let Some(at) = message.get_mut(change) {
                *at = byte;
            }
            message.truncate(cut);
            message.extend(tail);
            let _ = answer(&message, &asked, Family::V4);
            let _ = answer(&message, &asked, Family::V6);
        }
    }
}
