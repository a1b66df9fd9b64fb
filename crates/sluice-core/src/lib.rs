//! What flows through a Sluice pipeline, and what a component is.
//!
//! - What flows: a [`Batch`] of packets ([`Frame`]s with [`Layers`]) or of [`Record`]s; items are small and point into
//!   [`Slab`]s. Batches and [`Marker`]s travel as stamped [`Message`]s.
//! - What a component is: it registers with [`register!`], is [`Prepared`] from its options and instantiated as a
//!   [`Source`], [`Filter`] or [`Sink`], which gets an [`Output`] with every call.
//!
//! Not for: this crate knows no YAML, starts no thread and reads no clock; time comes in as an argument.

mod batch;
mod capture;
mod error;
pub mod histogram;
mod key;
mod merge;
mod output;
mod packets;
mod ports;
pub mod quantity;
mod records;
pub mod registry;
mod renewal;
mod slab;
mod stage;
pub mod tape;
pub mod view;

pub use batch::{Batch, Credit, Credits, Marker, Message, Payload, Pools, Stamp};
pub use capture::{
    CaptureInfo, Clock, Interface, NgSection, Origin, PcapHeader, RawBlock, Resolution, Section,
};
pub use error::{Error, Notice, Reason, Reporter, Silent};
pub use key::{Key, Strategy};
pub use output::{Emitted, Output, Tally};
pub use packets::{Edit, Extra, Flags, Frame, HEADROOM, PacketBatch, Role};
pub use ports::PortRange;
pub use records::{Fields, Line, Parse, Record, RecordBatch};
pub use registry::{Component, Duplicate, Kind, OptionError, Parallelism, Registry, Step};
pub use renewal::Renewal;
pub use slab::{PoolBuf, Slab};
pub use sluice_wire::layers::Layers;
pub use stage::{
    ERRORS, Filter, MAIN, Next, Pause, Port, PortType, Ports, Prepared, Progress, Shard, Sink, Source, Stage,
    prepared,
};
pub use view::{Meter, View};

#[doc(hidden)]
pub use inventory;
