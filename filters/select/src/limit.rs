use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::quantity::Size;
use sluice_core::{Batch, Error, Filter, OptionError, Output, Ports, Prepared, Reason, prepared};

sluice_core::register! {
    /// Passes the first items and drops the rest.
    ///
    /// The limit is a number of items or a number of bytes. With `bytes`, the first item that would exceed the limit
    /// and every one after it are dropped; an item is never cut. Bytes are captured bytes of packets, and lines with
    /// their endings.
    ///
    /// It does not end the pipeline: its sources go on until their own end, and what comes late is counted.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets or records and gives the same.
    ///
    /// - `over_limit`: the limit was reached before
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: limit
    ///   items: 1000
    /// ```
    ///
    /// ## See also
    ///
    /// `sample`
    filter limit(prepare), Serial, drops [OVER_LIMIT]
}

static OVER_LIMIT: Reason = Reason::new("over_limit", "the limit was reached before");

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// How many items pass.
    items: Option<u64>,
    /// How many bytes pass, such as `10MiB`.
    bytes: Option<Size>,
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let limit = match (options.items, options.bytes) {
        (Some(items), None) => Limit::Items(items),
        (None, Some(Size(bytes))) => Limit::Bytes(bytes),
        _ => return Err(OptionError::new("expected one of `items` and `bytes`")),
    };
    Ok(prepared::selector(Ports::any(), move |_| Ok(limit)))
}

/// What may still pass.
#[derive(Clone, Copy)]
enum Limit {
    Items(u64),
    Bytes(u64),
}

impl Limit {
    /// How many of the items with these sizes pass; they are taken off.
    fn take(&mut self, mut sizes: impl ExactSizeIterator<Item = u32>) -> usize {
        match self {
            Limit::Items(left) => {
                let taken = (*left).min(sizes.len() as u64);
                *left -= taken;
                taken as usize
            }
            Limit::Bytes(left) => {
                let mut taken = 0;
                while let Some(size) = sizes.next().map(u64::from) {
                    if size > *left {
                        *left = 0;
                        break;
                    }
                    *left -= size;
                    taken += 1;
                }
                taken
            }
        }
    }
}

impl Filter for Limit {
    fn process(&mut self, mut batch: Batch, out: &mut Output) -> Result<(), Error> {
        let pass = match &batch {
            Batch::Packets(batch) => self.take(batch.frames().iter().map(|frame| frame.captured())),
            Batch::Records(batch) => self.take(batch.records().iter().map(|record| record.bytes())),
        };
        if pass < batch.len() {
            out.dropped(&OVER_LIMIT, batch.retain(|at| at < pass));
        }
        out.emit(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sluice_core::Registry;
    use sluice_testkit::{Harness, Packets, records};

    fn harness(options: &str) -> Result<Harness, sluice_testkit::Error> {
        Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: limit\n{options}"))
    }

    #[test]
    fn counts_items_across_batches() {
        let mut limit = harness("  items: 3").unwrap();
        assert_eq!(limit.pass(records(["a", "b"])).unwrap(), [b"a", b"b"]);
        assert_eq!(limit.pass(records(["c", "d"])).unwrap(), [b"c"]);
        assert!(limit.pass(records(["e"])).unwrap().is_empty());
        assert_eq!(limit.dropped("over_limit"), 2);
    }

    #[test]
    fn nothing_passes_after_the_first_item_that_is_too_large() {
        let mut limit = harness("  bytes: 10").unwrap();
        let batch = Packets::new().frame([0; 6]).frame([0; 5]).frame([0; 4]).build();
        assert_eq!(limit.pass(batch).unwrap(), [[0; 6]]);
        assert!(limit.pass(Packets::new().frame([0]).build()).unwrap().is_empty());
        assert_eq!(limit.dropped("over_limit"), 3);
    }

    #[test]
    fn an_item_that_fits_exactly_passes_and_lines_count_with_their_endings() {
        assert_eq!(harness("  bytes: 4").unwrap().pass(records(["a", "b", "c"])).unwrap(), [b"a", b"b"]);
        assert!(harness("  items: 0").unwrap().pass(records(["a"])).unwrap().is_empty());
    }

    #[test]
    fn exactly_one_limit_is_wanted() {
        for options in ["", "  items: 1\n  bytes: 1"] {
            assert_eq!(harness(options).err().unwrap().to_string(), "expected one of `items` and `bytes`");
        }
    }
}
