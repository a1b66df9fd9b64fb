//! A keyed component at work in shards: together they do what one instance does.

use std::collections::BTreeMap;

use serde_json::Value;
use sluice_core::{Batch, Component, Key, Shard, Strategy};

use super::conduct::batches;
use crate::{Error, Harness, Outcome, golden, pools};

const SHARDS: u32 = 3;
/// Larger batches only take more time.
const MOST: usize = 10_000;

/// What came out, each as often as it did: the port, the bytes, and the fields of a record.
type Items = BTreeMap<(String, Vec<u8>, String), usize>;

pub(super) fn check(component: &'static Component, options: &Value, broken: &mut Vec<String>) {
    let compare = || -> Result<Option<String>, Error> {
        let key = (component.prepare)(options.clone()).map_err(Error::Options)?.key();
        let (one, dropped) = run(component, options, &key, 1)?;
        let (shards, others) = run(component, options, &key, SHARDS)?;
        if dropped != others {
            return Ok(Some(format!("drops {others:?}, for each reason, and not {dropped:?}")));
        }
        let differs = |(item, count): &(&_, &usize)| one.get(item) != Some(count);
        let (more, less) = (shards.iter().find(differs), one.keys().find(|item| !shards.contains_key(item)));
        let example = more.map(|(item, _)| item).or(less);
        Ok(example.map(|(port, bytes, fields)| {
            format!("gives another number of `{}` {fields} on `{port}`", String::from_utf8_lossy(bytes))
        }))
    };
    match compare() {
        Ok(None) => {}
        Ok(Some(what)) => broken.push(format!("it is keyed, and in {SHARDS} shards it {what}")),
        Err(error) => broken.push(format!("it failed in shards: {error}")),
    }
}

fn run(
    component: &'static Component,
    options: &Value,
    key: &Key,
    shards: u32,
) -> Result<(Items, Vec<u64>), Error> {
    let make = |index| Harness::shard(component, options.clone(), Shard { index, of: shards });
    let mut instances = (0..shards).map(make).collect::<Result<Vec<_>, _>>()?;
    let mut items = Items::new();
    let (mut ordinal, mut hashes) = (0, Vec::new());
    let input = instances.first().and_then(|harness| harness.ports().input);
    let Some(input) = input else { return Ok((items, Vec::new())) };
    for (_, mut batch) in batches(input).into_iter().filter(|(_, batch)| batch.len() <= MOST) {
        super::conduct::renumber(&mut batch, &mut ordinal);
        if !key.hash(&mut batch, &mut hashes) {
            continue;
        }
        let to: Vec<u32> = hashes.iter().map(|hash| Strategy::Hash.shard(*hash, shards)).collect();
        let mut parts: Vec<Option<Batch>> = (0..shards).map(|_| None).collect();
        batch.split(&to, &mut parts, &pools());
        for (instance, part) in instances.iter_mut().zip(parts) {
            if let Some(part) = part {
                count(&instance.give(part)?, &mut items);
            }
            // Half of the time that the packets took is over.
            count(&instance.watermark(ordinal as i64 * 500_000)?, &mut items);
        }
    }
    let mut dropped = vec![0; component.drops.len()];
    for mut instance in instances {
        count(&instance.finish()?, &mut items);
        dropped.iter_mut().zip(&instance.tally().dropped).for_each(|(sum, more)| *sum += more);
    }
    Ok((items, dropped))
}

fn count(outcome: &Outcome, items: &mut Items) {
    for (port, batch) in &outcome.batches {
        let mut add = |bytes: &[u8], fields| {
            *items.entry((port.to_string(), bytes.to_vec(), fields)).or_default() += 1;
        };
        match batch {
            Batch::Packets(batch) => batch.iter().for_each(|(_, data)| add(data, String::new())),
            Batch::Records(batch) => batch.records().iter().for_each(|record| {
                let fields = golden::fields(batch, record).map(|fields| fields.to_string());
                add(batch.whole(record), fields.unwrap_or_default());
            }),
        }
    }
}
