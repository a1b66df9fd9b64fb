//! Where batches go.

mod file;
mod inject;
mod ipfix;
mod null;
mod pcap_file;
mod stdout;
