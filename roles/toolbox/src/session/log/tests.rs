//! What is written comes out again, through the file and through every client's way of reading.

use std::path::PathBuf;

use bytes::Bytes;
use proptest::prelude::*;

use super::reader::Until;
use super::record::{combined, labelled};
use super::*;

/// The official clients' algorithm: state is kept over messages, bytes before the first mark dropped.
fn demultiplex<'a>(messages: impl IntoIterator<Item = &'a [u8]>) -> [Vec<u8>; 2] {
    let mut streams = [Vec::new(), Vec::new()];
    let all: Vec<u8> = messages.into_iter().flatten().copied().collect();
    let (mut at, mut stream) = (0, None);
    while at < all.len() {
        match all.get(at..at + 3) {
            Some([1, 1, 1]) => (stream, at) = (Some(0), at + 3),
            Some([2, 2, 2]) => (stream, at) = (Some(1), at + 3),
            _ => {
                if let Some(stream) = stream {
                    let into: &mut Vec<u8> = &mut streams[stream];
                    into.push(all[at]);
                }
                at += 1;
            }
        }
    }
    streams
}

/// Bytes without those that marks are made of, which no client can tell from marks.
fn content() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![4 => 3_u8..=255, 1 => Just(b'\n'), 1 => Just(0_u8)], 0..40)
}

#[derive(Debug, Clone)]
enum Act {
    Push(usize, Vec<u8>),
    Flush(usize),
}

fn acts(content: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => (0_usize..2, content).prop_map(|(stream, bytes)| Act::Push(stream, bytes)),
        1 => (0_usize..2).prop_map(Act::Flush),
    ];
    prop::collection::vec(act, 0..30)
}

/// What the acts give, and what each stream held.
fn records_of(acts: &[Act]) -> (Vec<Record>, [Vec<u8>; 2]) {
    let mut lines = Stream::BOTH.map(Lines::new);
    let mut written = [Vec::new(), Vec::new()];
    let mut records = Vec::new();
    for act in acts {
        match act {
            Act::Push(stream, bytes) => {
                lines[*stream].push(bytes, &mut records);
                written[*stream].extend_from_slice(bytes);
            }
            Act::Flush(stream) => lines[*stream].flush(&mut records),
        }
    }
    lines.iter_mut().for_each(|lines| lines.finish(&mut records));
    (records, written)
}

proptest! {
    #[test]
    fn any_bytes_come_out_of_every_clients_demultiplexer(acts in acts(content()), batch in 1_usize..5) {
        let (records, written) = records_of(&acts);
        let frames: Vec<Vec<u8>> = records.chunks(batch).map(labelled).collect();
        prop_assert_eq!(&demultiplex(frames.iter().map(Vec::as_slice)), &written);
        // Ruby takes each message apart by itself.
        let mut alone = [Vec::new(), Vec::new()];
        for frame in &frames {
            prop_assert!(matches!(frame[..3], [1, 1, 1] | [2, 2, 2]));
            for (into, part) in alone.iter_mut().zip(demultiplex([frame.as_slice()])) {
                into.extend(part);
            }
        }
        prop_assert_eq!(&alone, &written);
    }

    #[test]
    fn text_is_never_cut_within_a_character(
        texts in prop::collection::vec(("\\PC{0,12}\n?", 1_usize..4, any::<bool>()), 0..20),
    ) {
        // The text arrives in pieces that do cut characters, with pauses between.
        let acts: Vec<Act> = texts.iter().flat_map(|(text, piece, pause)| {
            let pieces = text.as_bytes().chunks(*piece).map(|bytes| Act::Push(0, bytes.to_vec()));
            let pause = *pause;
            pieces.flat_map(move |act| std::iter::once(act).chain(pause.then_some(Act::Flush(0)))).collect::<Vec<_>>()
        }).collect();
        let (records, written) = records_of(&acts);
        for record in &records {
            prop_assert!(std::str::from_utf8(&record.content).is_ok(), "{record:?}");
        }
        prop_assert_eq!(combined(&records), &written[0][..]);
    }

    #[test]
    fn records_are_read_as_they_were_written_and_other_bytes_are_no_panic(
        acts in acts(prop::collection::vec(any::<u8>(), 0..40)),
        noise in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let (records, _) = records_of(&acts);
        let mut file = Vec::new();
        records.iter().for_each(|record| record.encode(&mut file));
        let mut block = Bytes::from(file);
        let mut read = Vec::new();
        while let Some(record) = Record::decode(&mut block).unwrap() {
            read.push(record);
        }
        prop_assert!(block.is_empty());
        prop_assert_eq!(read, records);
        let mut noise = Bytes::from(noise);
        while let Ok(Some(_)) = Record::decode(&mut noise) {}
    }
}

#[test]
fn long_lines_go_out_in_pieces_and_whole_lines_go_out_unchanged() {
    let mut lines = Lines::new(Stream::Stdout);
    let mut records = Vec::new();
    lines.push(b"one\ntwo\nthr", &mut records);
    assert_eq!(combined(&records), b"one\ntwo\n");
    lines.push(b"ee\n", &mut records);
    assert_eq!(records[1].content, "three\n");
    records.clear();
    let long = "é".repeat(LONGEST_RECORD);
    lines.push(long.as_bytes(), &mut records);
    assert!(records.len() >= 2, "{}", records.len());
    lines.finish(&mut records);
    assert!(records.iter().all(|record| record.content.len() <= LONGEST_RECORD));
    assert!(records.iter().all(|record| std::str::from_utf8(&record.content).is_ok()));
    assert_eq!(combined(&records), long.as_bytes());
}

fn stdout(content: &'static str) -> Vec<Record> {
    vec![Record { stream: Stream::Stdout, content: Bytes::from_static(content.as_bytes()) }]
}

#[tokio::test]
async fn a_reader_follows_a_log_until_it_is_finished_and_not_beyond() {
    for place in [Place::Memory, Place::File(scratch("follow"))] {
        let log = Log::new(place.clone());
        let mut reader = Reader::new(&log, Until::Finished);
        log.append(&mut stdout("a\n")).await;
        assert_eq!(reader.next_combined().await.unwrap().unwrap(), "a\n");
        let (next, ()) = tokio::join!(reader.next_combined(), async {
            tokio::task::yield_now().await;
            log.append(&mut stdout("b\n")).await;
        });
        assert_eq!(next.unwrap().unwrap(), "b\n");
        log.finish();
        assert_eq!(reader.next().await.unwrap(), None);
        // A process that was left behind goes on writing.
        log.append(&mut stdout("late\n")).await;
        assert_eq!(reader.next().await.unwrap(), None);
        let mut late = Reader::new(&log, Until::Finished);
        assert_eq!(late.next_combined().await.unwrap().unwrap(), "a\nb\nlate\n");
        assert_eq!(late.next().await.unwrap(), None);
        remove(&place);
    }
}

#[tokio::test]
async fn a_log_that_was_removed_or_changed_is_an_error_and_no_panic() {
    let path = scratch("changed");
    let log = Log::new(Place::File(path.clone()));
    log.append(&mut stdout("text\n")).await;
    std::fs::write(&path, [9; 100]).unwrap();
    assert!(Reader::new(&log, Until::Now).next().await.is_err());
    std::fs::write(&path, [1]).unwrap();
    assert!(Reader::new(&log, Until::Now).next().await.is_err());
    remove(&Place::File(path));
    assert!(Reader::new(&log, Until::Now).next().await.is_err());
}

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("log-{name}-{}", uuid::Uuid::new_v4().simple()))
}

fn remove(place: &Place) {
    if let Place::File(path) = place {
        std::fs::remove_file(path).unwrap();
    }
}
