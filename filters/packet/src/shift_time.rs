use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sluice_core::quantity::Duration;
use sluice_core::{Batch, Error, Filter, OptionError, Output, PortType, Ports, Prepared, prepared};

sluice_core::register! {
    /// Moves the times of packets: by an offset, by a factor, into strict order.
    ///
    /// What is asked for is done in this order: the time since the first packet is multiplied by `factor`, `later` is
    /// added or `earlier` taken off, and a packet that is older than the one before it, or closer to it than `min_gap`, gets
    /// the time of that one and `min_gap`. The order of packets stays; times are those of capture, in nanoseconds.
    ///
    /// A stage that reads several sources takes all of their packets for one row.
    ///
    /// ## Ports and drop reasons
    ///
    /// Takes packets and gives the same. Drops nothing.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// - filter: shift_time
    ///   earlier: 1h30m
    /// - filter: shift_time
    ///   factor: 0.5
    ///   min_gap: 1us
    /// ```
    ///
    /// ## See also
    ///
    /// `where`, `limit`
    filter shift_time(prepare), Serial, drops []
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// What is added to every time.
    later: Option<Duration>,
    /// What is taken off every time.
    earlier: Option<Duration>,
    /// What the time since the first packet is multiplied by: 0.5 makes everything happen twice as fast.
    factor: Option<f64>,
    /// The least time from one packet to the next; `0ns` keeps packets of the same time and puts right those that are out
    /// of order.
    min_gap: Option<Duration>,
}

fn prepare(options: Options) -> Result<Arc<dyn Prepared>, OptionError> {
    let Options { later, earlier, factor, min_gap } = options;
    let shift = match (later, earlier) {
        (Some(_), Some(_)) => {
            return Err(OptionError::at("earlier", "`later` is given too: expected one of them"));
        }
        (Some(Duration(later)), None) => i128::from(later),
        (None, Some(Duration(earlier))) => -i128::from(earlier),
        (None, None) => 0,
    };
    if shift == 0 && factor.is_none() && min_gap.is_none() {
        return Err(OptionError::new("nothing to shift")
            .help("give at least one of `later`, `earlier`, `factor` and `min_gap`"));
    }
    if let Some(factor) = factor.filter(|factor| !factor.is_finite() || *factor < 0.0) {
        return Err(OptionError::at("factor", format!("`{factor}` is not a number from 0 on")));
    }
    let rule = Rule { shift, factor, min_gap: min_gap.map(|Duration(gap)| i128::from(gap)) };
    let ports = Ports::filter(PortType::Packets, PortType::Packets);
    Ok(prepared::selector(ports, move |_| Ok(Shift { rule, first: None, last: None })))
}

#[derive(Clone, Copy)]
struct Rule {
    shift: i128,
    factor: Option<f64>,
    min_gap: Option<i128>,
}

struct Shift {
    rule: Rule,
    /// The time of the first packet, as it came.
    first: Option<i64>,
    /// The time of the packet before, as it left.
    last: Option<i64>,
}

impl Shift {
    fn time(&mut self, old: i64) -> i64 {
        let first = *self.first.get_or_insert(old);
        let since = i128::from(old) - i128::from(first);
        let since = match self.rule.factor {
            // A float has no room for the nanoseconds since the epoch, but for those since the first packet.
            Some(factor) => (since as f64 * factor).round() as i128,
            None => since,
        };
        let mut new = (i128::from(first) + self.rule.shift).saturating_add(since);
        if let (Some(gap), Some(last)) = (self.rule.min_gap, self.last) {
            new = new.max(i128::from(last) + gap);
        }
        let new = new.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
        self.last = Some(new);
        new
    }
}

impl Filter for Shift {
    fn process(&mut self, batch: Batch, out: &mut Output) -> Result<(), Error> {
        let mut batch = batch.into_packets()?;
        for frame in batch.frames_mut() {
            frame.time = self.time(frame.time);
        }
        out.emit(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sluice_core::{MAIN, Registry};
    use sluice_testkit::{Harness, Packets};

    use super::*;

    fn harness(options: &str) -> Result<Harness, sluice_testkit::Error> {
        Harness::from_yaml(&Registry::collect().unwrap(), &format!("- filter: shift_time\n{options}"))
    }

    fn shifted(options: &str, times: &[i64]) -> Vec<i64> {
        let mut shift = harness(options).unwrap();
        // One packet a batch, so that what is remembered lasts from one to the next.
        let time = |old: &i64| {
            let outcome = shift.give(Packets::new().with([1], |f| f.time = *old).build()).unwrap();
            let Some(Batch::Packets(batch)) = outcome.port(MAIN) else { panic!("no packets") };
            batch.frames()[0].time
        };
        times.iter().map(time).collect()
    }

    #[test]
    fn times_move_by_an_offset_and_a_factor() {
        assert_eq!(shifted("  later: 2us", &[5, 1, 7]), [2005, 2001, 2007]);
        assert_eq!(shifted("  earlier: 2us", &[5000, 1000]), [3000, -1000]);
        assert_eq!(shifted("  factor: 0.5", &[1000, 1500, 1003, 900]), [1000, 1250, 1002, 950]);
        assert_eq!(shifted("  factor: 3\n  later: 10ns", &[100, 101]), [110, 113]);
        assert_eq!(shifted("  factor: 0", &[100, 101, 9]), [100; 3]);
        let end = i64::MAX;
        assert_eq!(shifted("  later: 1h", &[end, end - 1]), [end; 2], "no time is later than that");
    }

    #[test]
    fn packets_are_put_into_order_with_a_gap() {
        assert_eq!(shifted("  min_gap: 0ns", &[5, 3, 5, 9]), [5, 5, 5, 9]);
        assert_eq!(shifted("  min_gap: 2ns", &[5, 3, 8, 20]), [5, 7, 9, 20]);
        assert_eq!(shifted("  min_gap: 2ns\n  later: 10ns", &[5, 3]), [15, 17]);
    }

    #[test]
    fn wrong_options_are_refused_where_they_stand() {
        for (options, message) in [
            ("", "nothing to shift"),
            ("  later: 1s\n  earlier: 1s", "earlier: `later` is given too: expected one of them"),
            ("  factor: -1", "factor: `-1` is not a number from 0 on"),
        ] {
            assert_eq!(harness(options).err().unwrap().to_string(), message);
        }
    }
}
