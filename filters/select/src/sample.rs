use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{Batch, Error, Filter, OptionError, Output, PortType, Ports, Prepared, Reason, prepared};

sluice_core::register! {
    /// Passes a sample of the items: every n-th, or each with a given probability.
    ///
    /// Whether an item is in the sample depends only on its number in its source and on the seed. So a run gives the
    /// same sample as the run before, however the items were cut into batches and with any number of workers.
    ///
    /// With `by: flow` whole conversations are kept or dropped: all packets of both directions share one fate. That
    /// needs the layers that `decode` finds, and `probability`.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets or records and gives the same; with `by: flow`, packets with layers.
    ///
    /// - `not_sampled`: the item is not in the sample
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: sample
    ///   every: 10
    /// ```
    ///
    /// ## See also
    ///
    /// `limit`, `where`
    filter sample(prepare), Stateless, drops [NOT_SAMPLED]
}

static NOT_SAMPLED: Reason = Reason::new("not_sampled", "the item is not in the sample");

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Passes the first item and every n-th after it: `10` keeps a tenth.
    #[schemars(range(min = 1))]
    every: Option<u64>,
    /// Passes each item with this probability, from 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    probability: Option<f64>,
    /// Chooses another sample of the same probability.
    #[serde(default)]
    seed: u64,
    /// What the probability is given to.
    #[serde(default)]
    by: By,
}

/// What is kept or dropped as a whole.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
enum By {
    /// Each item for itself.
    #[default]
    Item,
    /// All packets of a flow, in both directions.
    Flow,
}

#[derive(Clone, Copy)]
enum Rule {
    Every(u64),
    /// What has a hash below the limit, of 2^64, is kept.
    Chance {
        limit: u128,
        seed: u64,
    },
}

impl Rule {
    fn keeps(self, number: u64) -> bool {
        match self {
            Rule::Every(every) => number.is_multiple_of(every),
            Rule::Chance { limit, seed } => u128::from(mix(number ^ mix(seed))) < limit,
        }
    }
}

/// Spreads a number over 64 bits (the finisher of SplitMix64); part of the promise that samples never change.
fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let rule = match (options.every, options.probability) {
        (Some(0), None) => return Err(OptionError::at("every", "`0` keeps nothing: expected at least 1")),
        (Some(_), None) if options.by == By::Flow => {
            return Err(OptionError::at(
                "by",
                "flows have no order to count: give `probability` instead of `every`",
            ));
        }
        (Some(every), None) => Rule::Every(every),
        (None, Some(p)) if (0.0..=1.0).contains(&p) => {
            Rule::Chance { limit: (p * 2f64.powi(64)) as u128, seed: options.seed }
        }
        (None, Some(p)) => {
            return Err(OptionError::at("probability", format!("`{p}` is not between 0 and 1")));
        }
        _ => return Err(OptionError::new("expected one of `every` and `probability`")),
    };
    let ports = match options.by {
        By::Item => Ports::any(),
        By::Flow => Ports::filter(PortType::Layers, PortType::Layers),
    };
    Ok(prepared::selector(ports, move |_| Ok(Sample { rule, by: options.by, kept: Vec::new() })))
}

struct Sample {
    rule: Rule,
    by: By,
    /// For each packet of the present batch whether it stays; here to be reused.
    kept: Vec<bool>,
}

impl Filter for Sample {
    fn process(&mut self, mut batch: Batch, out: &mut Output) -> Result<(), Error> {
        let Self { rule, by, kept } = self;
        let gone = match &mut batch {
            Batch::Records(batch) => batch.retain(|_, record| rule.keeps(record.ordinal)),
            Batch::Packets(batch) if *by == By::Item => batch.retain(|_, frame| rule.keeps(frame.ordinal)),
            Batch::Packets(batch) => {
                kept.clear();
                kept.extend(batch.decoded().map(|(_, _, layers)| rule.keeps(layers.flow_hash())));
                batch.retain(|at, _| kept[at])
            }
        };
        out.dropped(&NOT_SAMPLED, gone);
        out.emit(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sluice_core::{MAIN, Registry};
    use sluice_testkit::{Harness, Packets, records, traffic};

    fn harness(options: &str) -> Result<Harness, sluice_testkit::Error> {
        Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: sample\n{options}"))
    }

    /// The ordinals that come out of `count` packets, cut into batches of the given sizes in turn.
    fn sample(options: &str, count: u64, sizes: &[u64]) -> Vec<u64> {
        let mut harness = harness(options).unwrap();
        let (mut at, mut all) = (0, Vec::new());
        for size in sizes.iter().cycle() {
            let end = (at + size).min(count);
            let batch = Packets::new().from_ordinal(at).frames((at..end).map(|_| [0])).build();
            all.extend(harness.give(batch).unwrap().ordinals(MAIN));
            at = end;
            if at == count {
                break;
            }
        }
        assert_eq!(harness.dropped("not_sampled"), count - all.len() as u64);
        all
    }

    #[test]
    fn every_third_of_packets_and_of_records() {
        assert_eq!(sample("  every: 3", 10, &[10]), [0, 3, 6, 9]);
        let lines = (0..5).map(|i| i.to_string());
        assert_eq!(harness("  every: 2").unwrap().pass(records(lines)).unwrap(), [b"0", b"2", b"4"]);
    }

    #[test]
    fn a_probability_gives_about_that_share_and_the_seed_another_one() {
        let tenth = sample("  probability: 0.1", 20_000, &[1000]);
        assert!((1_800..2_200).contains(&tenth.len()), "{}", tenth.len());
        assert_ne!(tenth, sample("  probability: 0.1\n  seed: 1", 20_000, &[1000]));
        assert!(sample("  probability: 0", 100, &[100]).is_empty());
        assert_eq!(sample("  probability: 1", 100, &[100]).len(), 100);
    }

    #[test]
    fn flows_stay_whole() {
        let mut harness = harness("  probability: 0.5\n  by: flow").unwrap();
        let frames = (1..=200u16).flat_map(|port| {
            let (a, b) = (([10, 0, 0, 1], port).into(), ([10, 0, 0, 2], 80).into());
            [traffic::udp(a, b, b"there"), traffic::udp(b, a, b"and back")]
        });
        let kept = harness.give(Packets::new().frames(frames).build()).unwrap().ordinals(MAIN);
        assert!((100..300).contains(&kept.len()), "{}", kept.len());
        assert!(kept.as_chunks::<2>().0.iter().all(|[there, back]| there % 2 == 0 && *back == there + 1));
    }

    #[test]
    fn options_that_say_nothing_or_two_things_are_refused() {
        for (options, message) in [
            ("", "expected one of `every` and `probability`"),
            ("  every: 2\n  probability: 0.5", "expected one of `every` and `probability`"),
            ("  every: 0", "every: `0` keeps nothing: expected at least 1"),
            ("  probability: 1.5", "probability: `1.5` is not between 0 and 1"),
            (
                "  every: 2\n  by: flow",
                "by: flows have no order to count: give `probability` instead of `every`",
            ),
        ] {
            assert_eq!(harness(options).err().unwrap().to_string(), message);
        }
    }

    proptest! {
        #[test]
        fn the_cut_into_batches_does_not_matter(sizes in prop::collection::vec(1u64..50, 1..5), seed: u64) {
            for options in ["  every: 7".to_owned(), format!("  probability: 0.3\n  seed: {seed}")] {
                prop_assert_eq!(sample(&options, 200, &sizes), sample(&options, 200, &[200]));
            }
        }
    }
}
