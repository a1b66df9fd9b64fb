//! Where batches go.

mod file;
mod ipfix;
mod null;
mod pcap_file;
mod stdout;
