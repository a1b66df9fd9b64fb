use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice::quantity::Size;
use sluice::{Batch, Error, Filter, OptionError, Output, Ports, Prepared, Reason, prepared};

sluice::register! {
    /// Passes items by their size.
    ///
    /// The size of a packet is its length on the wire, the size of a record that of its line with the line ending.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets or records and gives the same.
    ///
    /// - `too_small`: the item is smaller than `min`
    /// - `too_large`: the item is larger than `max`
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: by_size
    ///   min: 64
    ///   max: 1KiB
    /// ```
    ///
    /// ## See also
    ///
    /// `where`, `limit`
    filter by_size(prepare), Stateless, drops [TOO_SMALL, TOO_LARGE]
}

static TOO_SMALL: Reason = Reason::new("too_small", "the item is smaller than `min`");
static TOO_LARGE: Reason = Reason::new("too_large", "the item is larger than `max`");

/// Options of the filter `by_size`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// The size of the smallest item that passes; without it, none is too small.
    min: Option<Size>,
    /// The size of the largest item that passes; without it, none is too large.
    max: Option<Size>,
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let (min, max) = (options.min.unwrap_or(Size(0)), options.max.unwrap_or(Size(u64::MAX)));
    if min > max {
        return Err(OptionError::at("min", "`min` is larger than `max`, so nothing would pass"));
    }
    Ok(prepared::filter(Ports::any(), move |_| Ok(BySize { min, max })))
}

struct BySize {
    min: Size,
    max: Size,
}

impl Filter for BySize {
    fn process(&mut self, mut batch: Batch, out: &mut Output) -> Result<(), Error> {
        let Self { min, max } = *self;
        let (mut small, mut large) = (0, 0);
        let mut keep = |size: u32| {
            let size = Size(size.into());
            small += usize::from(size < min);
            large += usize::from(size > max);
            (min..=max).contains(&size)
        };
        match &mut batch {
            Batch::Packets(batch) => batch.retain(|_, frame| keep(frame.wire)),
            Batch::Records(batch) => batch.retain(|_, record| keep(record.bytes())),
        };
        out.dropped(&TOO_SMALL, small);
        out.dropped(&TOO_LARGE, large);
        out.emit(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sluice::testkit::{Harness, compliance, records};
    use sluice::{Kind, Registry};

    #[test]
    fn keeps_what_is_between_the_bounds() {
        let registry = Registry::collect().unwrap();
        let mut filter = Harness::from_yaml(&registry, "- filter: by_size\n  min: 3\n  max: 4").unwrap();
        let lines = ["a", "bb", "ccc", "dddd"];
        assert_eq!(filter.pass(records(lines)).unwrap(), [b"bb".to_vec(), b"ccc".to_vec()]);
        assert_eq!(filter.dropped("too_small"), 1);
        assert_eq!(filter.dropped("too_large"), 1);
    }

    #[test]
    fn bounds_that_let_nothing_pass_are_refused() {
        let registry = Registry::collect().unwrap();
        let error = Harness::from_yaml(&registry, "- filter: by_size\n  min: 2\n  max: 1").err().unwrap();
        assert_eq!(error.to_string(), "min: `min` is larger than `max`, so nothing would pass");
    }

    #[test]
    fn it_does_what_every_component_has_to() {
        let registry = Registry::collect().unwrap();
        if let Err(broken) = compliance::check(registry.get(Kind::Filter, "by_size").unwrap()) {
            panic!("{broken}");
        }
    }
}
