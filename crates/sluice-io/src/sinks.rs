//! Where batches go.

mod file;
mod null;
mod pcap_file;
mod stdout;
