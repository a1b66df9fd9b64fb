use std::num::NonZeroUsize;

use proptest::prelude::*;
use sluice_core::{Batch, Credit, Pools, Record, Slab};
use sluice_queue::{Sender, Signal, pipe};

use super::*;

/// A message that holds one record whose ordinal is `value`.
fn item(stamp: Stamp, value: u64) -> Message {
    let mut batch = Pools::new(64, 1024).records();
    batch.fill(Slab::Foreign(bytes_of("x\n")));
    let mut record = Record::new(0, 2, 1);
    record.ordinal = value;
    batch.push(record);
    Message { stamp, credit: Credit::default(), payload: Payload::Batch(Batch::Records(batch)) }
}

fn bytes_of(text: &'static str) -> bytes::Bytes {
    bytes::Bytes::from_static(text.as_bytes())
}

fn marker(stamp: Stamp, marker: Marker) -> Message {
    Message { stamp, credit: Credit::default(), payload: Payload::Marker(marker) }
}

fn empty(stamp: Stamp) -> Message {
    Message { stamp, credit: Credit::default(), payload: Payload::Empty }
}

fn gather(inputs: &[&[u16]]) -> (Vec<Sender<Message>>, Gather) {
    let capacity = NonZeroUsize::new(1024).unwrap();
    let ends = inputs.iter().map(|sources| {
        let (mut senders, mut receivers) = pipe(capacity, &[Signal::new()], &[Signal::new()]);
        (senders.remove(0), vec![(Input::new(receivers.remove(0), None), sources.to_vec())])
    });
    let (senders, receivers) = ends.unzip();
    (senders, Gather::new(receivers, false, Pools::new(64, 1024)))
}

/// What a message says, in short: `3` for an item, `w5`, `end`, `-` for an empty one; with its place.
fn say(message: &Message) -> String {
    let what = match &message.payload {
        Payload::Batch(Batch::Records(batch)) => batch.records()[0].ordinal.to_string(),
        Payload::Batch(_) => unreachable!(),
        Payload::Empty => "-".to_owned(),
        Payload::Marker(Marker::Watermark(time)) => format!("w{time}"),
        Payload::Marker(Marker::End) => "end".to_owned(),
        Payload::Marker(other) => format!("{other:?}"),
    };
    let Stamp { sequence, span, part, last, .. } = message.stamp;
    format!("{what}@{sequence}+{span}.{part}{}", if last { "" } else { ".." })
}

fn drain(gather: &mut Gather) -> Vec<String> {
    let mut said = Vec::new();
    while let Came::Message(message) = gather.next() {
        said.push(say(&message));
    }
    said
}

fn stamp(sequence: u64) -> Stamp {
    Stamp::new(0, sequence)
}

#[test]
fn what_several_threads_put_in_disorder_comes_out_in_order() {
    let (mut senders, mut gather) = gather(&[&[0]]);
    for message in [item(stamp(2), 2), marker(stamp(3), Marker::End), item(stamp(0), 0), item(stamp(1), 1)] {
        senders[0].try_push(message).unwrap();
    }
    assert_eq!(drain(&mut gather), ["0@0+1.0", "1@1+1.0", "2@2+1.0", "end@3+1.0"]);
    assert!(matches!(gather.next(), Came::Closed));
}

#[test]
fn a_number_waits_for_all_of_its_parts_on_all_inputs() {
    let (mut senders, mut gather) = gather(&[&[0], &[0]]);
    senders[1].try_push(item(stamp(0), 10)).unwrap();
    assert!(drain(&mut gather).is_empty(), "input 1 has its turn after input 0");
    senders[0].try_push(item(Stamp { last: false, ..stamp(0) }, 1)).unwrap();
    assert_eq!(drain(&mut gather), ["1@0+1.0.."]);
    senders[0].try_push(item(Stamp { part: 1, ..stamp(0) }, 2)).unwrap();
    assert_eq!(drain(&mut gather), ["2@0+1.1..", "10@0+1.2"]);
}

#[test]
fn a_marker_that_comes_twice_is_said_once() {
    let (mut senders, mut gather) = gather(&[&[0], &[0]]);
    for sender in &mut senders {
        sender.try_push(marker(stamp(0), Marker::Watermark(5))).unwrap();
        sender.try_push(marker(stamp(1), Marker::End)).unwrap();
    }
    assert_eq!(drain(&mut gather), ["w5@0+1.0", "end@1+1.0"]);
}

#[test]
fn a_span_of_nothing_stands_for_all_of_its_numbers() {
    let (mut senders, mut gather) = gather(&[&[0], &[0]]);
    senders[0].try_push(empty(Stamp { span: 3, ..stamp(0) })).unwrap();
    senders[1].try_push(item(stamp(0), 1)).unwrap();
    senders[1].try_push(empty(Stamp { span: 2, ..stamp(1) })).unwrap();
    assert_eq!(drain(&mut gather), ["1@0+1.0", "-@1+2.0"]);
}

#[test]
fn a_stream_that_breaks_off_closes_the_inlet() {
    let (senders, mut gather) = gather(&[&[0], &[1]]);
    drop(senders);
    assert!(matches!(gather.next(), Came::Closed));
}

/// One number of the stream on one input.
#[derive(Clone, Copy, Debug)]
enum Said {
    Parts(u32),
    Nothing,
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![(1u32..4).prop_map(Said::Parts), Just(Said::Nothing)]
}

proptest! {
    /// Whatever the timing between inputs, the joined stream is the same, complete and well stamped.
    #[test]
    fn the_order_does_not_depend_on_timing(
        streams in (1usize..20).prop_flat_map(|n| prop::collection::vec(prop::collection::vec(said(), n), 1..4)),
        schedule in prop::collection::vec(any::<prop::sample::Index>(), 0..200),
    ) {
        let count = streams[0].len() as u64;
        let mut queues: Vec<Vec<Message>> = Vec::new();
        let mut expected = Vec::new();
        for (input, stream) in streams.iter().enumerate() {
            let mut queue = Vec::new();
            for (sequence, said) in stream.iter().enumerate() {
                match said {
                    Said::Nothing => queue.push(empty(stamp(sequence as u64))),
                    Said::Parts(parts) => for part in 0..*parts {
                        let value = (sequence * 100 + input * 10 + part as usize) as u64;
                        expected.push(value);
                        queue.push(item(Stamp { part, last: part + 1 == *parts, ..stamp(sequence as u64) }, value));
                    }
                }
            }
            queue.push(marker(stamp(count), Marker::End));
            queue.reverse();
            queues.push(queue);
        }
        expected.sort_unstable();

        let all: Vec<&[u16]> = streams.iter().map(|_| &[0u16][..]).collect();
        let (mut senders, mut gather) = gather(&all);
        let mut came = Vec::new();
        let mut take = |gather: &mut Gather| while let Came::Message(message) = gather.next() { came.push(message) };
        for pick in schedule {
            let input = pick.index(queues.len());
            if let Some(message) = queues[input].pop() {
                senders[input].try_push(message).unwrap();
            }
            take(&mut gather);
        }
        for (queue, sender) in queues.iter_mut().zip(&mut senders) {
            queue.drain(..).rev().for_each(|message| sender.try_push(message).unwrap());
        }
        take(&mut gather);

        let values: Vec<u64> = came.iter().filter_map(|m| match &m.payload {
            Payload::Batch(Batch::Records(batch)) => Some(batch.records()[0].ordinal),
            _ => None,
        }).collect();
        prop_assert_eq!(values, expected);
        // Numbers follow each other without a gap, parts count up, and each number has one last part.
        let (mut next, mut part) = (0, 0);
        for message in &came {
            prop_assert_eq!((message.stamp.sequence, message.stamp.part), (next, part));
            (next, part) = if message.stamp.last { (next + u64::from(message.stamp.span), 0) } else { (next, part + 1) };
        }
        prop_assert_eq!(next, count + 1);
        prop_assert!(matches!(came.last().unwrap().payload, Payload::Marker(Marker::End)));
    }
}
