//! Where batches come from.

mod capture;
mod file;
mod generate;
mod pcap_file;
mod stdin;
