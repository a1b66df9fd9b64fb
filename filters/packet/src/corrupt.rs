use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::{Batch, Edit, Error, Filter, OptionError, Output, PortType, Ports, Prepared, prepared};

sluice_core::register! {
    /// Damages packets at random, to see what becomes of programs that read them.
    ///
    /// Every packet is chosen with the probability `packets`, and of a chosen one every byte with the probability `bytes`,
    /// but at least one byte. What happens to a byte is a function of the seed, the number of the packet in its source and
    /// the place of the byte, so a run can be repeated, with any number of workers. The length of packets stays, and
    /// checksums are not updated: see `fix`.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets with layers and gives the same. Drops nothing.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: corrupt
    ///   seed: 7
    ///   packets: 0.1
    ///   bytes: 0.02
    ///   from: 14
    /// ```
    ///
    /// ## See also
    ///
    /// `fix`, `validate`, `sample`
    filter corrupt(prepare), Stateless, drops []
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Makes another choice of packets, bytes and damage.
    #[serde(default)]
    seed: u64,
    /// The share of packets that are damaged, from 0 to 1.
    #[serde(default = "all")]
    #[schemars(range(min = 0.0, max = 1.0))]
    packets: f64,
    /// The share of their bytes that are damaged, from 0 to 1.
    #[serde(default = "few")]
    #[schemars(range(min = 0.0, max = 1.0))]
    bytes: f64,
    /// The offset of the first byte that may be damaged.
    #[serde(default)]
    from: u32,
    /// The offset of the first byte that may not be damaged any more; by default the end of the packet.
    to: Option<u32>,
    /// What happens to a byte.
    #[serde(default)]
    how: How,
}

fn all() -> f64 {
    1.0
}

fn few() -> f64 {
    0.01
}

/// What happens to a byte.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum How {
    /// It becomes another byte.
    #[default]
    Byte,
    /// One of its bits is turned.
    Bit,
    /// It becomes zero.
    Zero,
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let Options { seed, packets, bytes, from, to, how } = options;
    for (name, share) in [("packets", packets), ("bytes", bytes)] {
        if !(0.0..=1.0).contains(&share) {
            return Err(OptionError::at(name, format!("`{share}` is not a share from 0 to 1")));
        }
    }
    let to = to.unwrap_or(u32::MAX);
    if to <= from {
        return Err(OptionError::at("to", format!("`{to}` is not after `from`, which is `{from}`")));
    }
    let damage = Damage {
        // Not what `sample` makes of a seed, or both would choose the same packets.
        seed: mix(!seed),
        packets: limit(packets),
        bytes: limit(bytes),
        from: from as usize,
        to: to as usize,
        how,
    };
    let ports = Ports::filter(PortType::Layers, PortType::Layers);
    Ok(prepared::filter(ports, move |_| Ok(Corrupt(damage))))
}

/// The number below which that share of all numbers lies.
fn limit(share: f64) -> u128 {
    (share * 2f64.powi(64)) as u128
}

/// Spreads a number over all 64 bits: the finalizer of SplitMix64.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[derive(Clone, Copy)]
struct Damage {
    seed: u64,
    packets: u128,
    bytes: u128,
    from: usize,
    to: usize,
    how: How,
}

impl Damage {
    fn apply(&self, edit: &mut Edit<'_>, at: usize) {
        let Some((frame, data, _)) = edit.peek(at) else { return };
        let chosen = mix(self.seed ^ frame.ordinal);
        let range = self.from.min(data.len())..self.to.min(data.len());
        if u128::from(chosen) >= self.packets || range.is_empty() {
            return;
        }
        let Some((_, data, _)) = edit.packet(at) else { return };
        // A second number from the same packet, which says nothing about the first.
        let key = mix(chosen);
        let one = range.start + (mix(key) % range.len() as u64) as usize;
        for place in range {
            let random = mix(key ^ mix(place as u64));
            if (place == one || u128::from(random) < self.bytes)
                && let Some(byte) = data.get_mut(place)
            {
                *byte = self.how.apply(*byte, mix(random));
            }
        }
        edit.decode(at);
    }
}

impl How {
    fn apply(self, byte: u8, random: u64) -> u8 {
        match self {
            // One of the 255 others.
            How::Byte => byte.wrapping_add(1 + (random % 255) as u8),
            How::Bit => byte ^ 1 << (random % 8),
            How::Zero => 0,
        }
    }
}

struct Corrupt(Damage);

impl Filter for Corrupt {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let mut batch = batch.into_packets()?;
        let mut edit = batch.edit(out.pools());
        for at in 0..edit.len() {
            self.0.apply(&mut edit, at);
        }
        out.emit(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sluice_core::Registry;
    use sluice_testkit::{Harness, Packets};

    fn harness(options: &str) -> Result<Harness, sluice_testkit::Error> {
        Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: corrupt\n{options}"))
    }

    fn damaged(options: &str, count: usize) -> Vec<Vec<u8>> {
        let packets = Packets::new().frames(vec![[0x55; 100]; count]);
        harness(options).unwrap().pass(packets.build()).unwrap()
    }

    /// How many bytes differ, packet by packet.
    fn counts(options: &str, count: usize) -> Vec<usize> {
        damaged(options, count).iter().map(|data| data.iter().filter(|byte| **byte != 0x55).count()).collect()
    }

    #[test]
    fn shares_are_kept_and_a_chosen_packet_is_damaged_at_least_once() {
        assert!(counts("", 500).iter().all(|count| *count >= 1));
        assert_eq!(counts("  bytes: 0", 50), [1; 50]);
        assert_eq!(counts("  bytes: 1", 50), [100; 50]);
        assert_eq!(counts("  packets: 0", 50), [0; 50]);
        let touched = counts("  packets: 0.25", 4000).iter().filter(|count| **count > 0).count();
        assert!((900..1100).contains(&touched), "{touched}");
        let bytes: usize = counts("  bytes: 0.2", 1000).iter().sum();
        assert!((19_000..21_500).contains(&bytes), "{bytes}");
    }

    #[test]
    fn damage_stays_where_and_what_it_is_told_to_be() {
        for frame in damaged("  from: 14\n  to: 20\n  bytes: 1\n  how: zero", 9) {
            assert_eq!(frame, [&[0x55; 14][..], &[0; 6], &[0x55; 80]].concat());
        }
        let bits = damaged("  how: bit\n  bytes: 1", 9).concat();
        assert!(bits.iter().all(|byte| (byte ^ 0x55).count_ones() == 1));
        assert_eq!(damaged("  from: 100", 2), [[0x55; 100]; 2], "no such byte");
    }

    #[test]
    fn the_seed_makes_another_choice() {
        assert_eq!(damaged("  seed: 3", 50), damaged("  seed: 3", 50));
        assert_ne!(damaged("  seed: 3", 50), damaged("  seed: 4", 50));
    }

    #[test]
    fn wrong_options_are_refused_where_they_stand() {
        for (options, message) in [
            ("  packets: 1.5", "packets: `1.5` is not a share from 0 to 1"),
            ("  from: 9\n  to: 9", "to: `9` is not after `from`, which is `9`"),
        ] {
            assert_eq!(harness(options).err().unwrap().to_string(), message);
        }
    }

    proptest! {
        #[test]
        fn the_cut_into_batches_does_not_matter(seed: u64, cut in 1usize..49) {
            let options = format!("  seed: {seed}\n  packets: 0.5\n  bytes: 0.1");
            let frames = vec![[0x55; 60]; 50];
            let whole = harness(&options).unwrap().pass(Packets::new().frames(&frames).build()).unwrap();
            let mut parts = harness(&options).unwrap();
            let first = parts.pass(Packets::new().frames(&frames[..cut]).build()).unwrap();
            let second = Packets::new().from_ordinal(cut as u64).frames(&frames[cut..]).build();
            prop_assert_eq!([first, parts.pass(second).unwrap()].concat(), whole);
        }
    }
}
