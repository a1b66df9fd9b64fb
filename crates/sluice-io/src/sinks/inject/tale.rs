//! What was sent, how fast, and how late: for the view and for the end.

use std::fmt;
use std::time::Duration;

use sluice_core::{Meter, View};

use super::lateness::Lateness;

/// What was sent.
pub(super) struct Tale {
    /// Packets and bytes by interface.
    ways: Vec<(String, u64, u64)>,
    packets: Meter,
    bytes: Meter,
    /// When the first packets went and when the last ones did, since the run began.
    span: Option<(Duration, Duration)>,
    /// Packets and bytes that went first: before the time in which the others did.
    first: (u64, u64),
    /// There where packets are due at some time.
    lateness: Option<Lateness>,
    /// The time of the last look, in ns since the epoch.
    now: i64,
}

impl Tale {
    /// For interfaces of these names.
    pub fn new(names: impl Iterator<Item = String>, paces: bool) -> Self {
        Self {
            ways: names.map(|name| (name, 0, 0)).collect(),
            packets: Meter::default(),
            bytes: Meter::default(),
            span: None,
            first: (0, 0),
            lateness: paces.then(Lateness::new),
            now: 0,
        }
    }

    /// The moment, since the run began and since the epoch.
    pub fn at(&mut self, now: i64) {
        self.now = now;
    }

    /// So many packets and bytes went through the interface of this number.
    pub fn sent(&mut self, way: usize, packets: u64, bytes: u64, moment: Duration) {
        if let Some((_, all_packets, all_bytes)) = self.ways.get_mut(way) {
            *all_packets += packets;
            *all_bytes += bytes;
        }
        self.packets.count(self.now, packets);
        self.bytes.count(self.now, bytes);
        if self.span.is_none() {
            self.first = (packets, bytes);
        }
        self.span = Some((self.span.map_or(moment, |(first, _)| first), moment));
    }

    /// One of them went so much after it was due.
    pub fn late(&mut self, by: Duration) {
        if let Some(lateness) = &mut self.lateness {
            lateness.record(by);
        }
    }

    pub fn view(&self) -> View {
        let mut view = View::default();
        for (name, packets, bytes) in &self.ways {
            view.figure(name, "packets", "packets", *packets);
            view.figure(name, "bytes", "bytes", *bytes);
        }
        if let Some(lateness) = &self.lateness {
            let micros = |late: Duration| u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
            view.figure("late", "mean", "us", micros(lateness.mean()));
            view.figure("late", "p99", "us", micros(lateness.p99()));
            view.figure("late", "most", "us", micros(lateness.most()));
        }
        let second = (self.now != 0).then(|| Meter::second(self.now));
        view.rates.push(self.packets.rate("packets", "packets", second));
        view.rates.push(self.bytes.rate("bytes", "bytes", second));
        view
    }
}

/// A sentence for the end.
impl fmt::Display for Tale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (packets, bytes) = (self.packets.total(), self.bytes.total());
        write!(f, "sent {packets} packets, {bytes} bytes")?;
        let took = self.span.map_or(Duration::ZERO, |(first, last)| last - first);
        if !took.is_zero() {
            let per_second = |count: u64| Short(count as f64 / took.as_secs_f64());
            let (first, first_bytes) = self.first;
            let (packets, bits) = (per_second(packets - first), per_second(8 * (bytes - first_bytes)));
            write!(f, " in {took:.1?}: {packets}/s, {bits}bit/s")?;
        }
        if let (Some(lateness), true) = (&self.lateness, packets > 0) {
            let [mean, p99, most] = [lateness.mean(), lateness.p99(), lateness.most()];
            write!(
                f,
                "; late by {mean:.1?} on average, {p99:.1?} at the 99th percentile, {most:.1?} at most"
            )?;
        }
        Ok(())
    }
}

/// A number of three digits or so, with a prefix.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PREFIXES: [(f64, &str); 3] = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
        let (size, prefix) = PREFIXES.into_iter().find(|(size, _)| self.0 >= *size).unwrap_or((1.0, ""));
        let digits = match self.0 / size {
            value if value < 10.0 => 2,
            value if value < 100.0 => 1,
            _ => 0,
        };
        write!(f, "{:.digits$} {prefix}", self.0 / size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tale(paces: bool) -> Tale {
        Tale::new(["near", "far"].into_iter().map(str::to_owned), paces)
    }

    #[test]
    fn a_sentence_tells_what_was_reached() {
        let mut tale = tale(true);
        assert_eq!(tale.to_string(), "sent 0 packets, 0 bytes");
        tale.sent(0, 1, 1_000, Duration::from_secs(3));
        tale.late(Duration::from_micros(2));
        let late = "late by 2.0µs on average, 2.0µs at the 99th percentile, 2.0µs at most";
        assert_eq!(tale.to_string(), format!("sent 1 packets, 1000 bytes; {late}"));
        tale.sent(1, 2_999, 2_999_000, Duration::from_secs(5));
        assert_eq!(
            tale.to_string(),
            format!("sent 3000 packets, 3000000 bytes in 2.0s: 1.50 k/s, 12.0 Mbit/s; {late}")
        );
    }

    #[test]
    fn who_is_never_due_is_never_late() {
        let mut tale = tale(false);
        tale.sent(0, 1, 1_000, Duration::from_secs(3));
        tale.late(Duration::from_secs(1));
        assert_eq!(tale.to_string(), "sent 1 packets, 1000 bytes");
        assert!(tale.view().figures.iter().all(|figure| figure.group != "late"));
    }

    #[test]
    fn numbers_are_short() {
        let short = [0.0, 9.994, 12.34, 999.0, 1_000.0, 123_456.0, 2_071_000.0, 1e10];
        let short: Vec<_> = short.map(|number| Short(number).to_string()).into();
        assert_eq!(short, ["0.00 ", "9.99 ", "12.3 ", "999 ", "1.00 k", "123 k", "2.07 M", "10.0 G"]);
    }
}
