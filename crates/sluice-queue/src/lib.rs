//! Bounded lock-free pipes with waiting and close, and pools of reusable buffers.
//!
//! # What it does not do
//!
//! - It knows no batch, no stage and no marker: a pipe moves values of any type and never looks inside.
//! - It starts no thread and has none in the background. Whatever happens, happens in a call of yours; in particular a
//!   silent push stays silent until its sender pushes again, flushes or is dropped.
//! - It neither blocks in a push or a pop nor decides what to do when a pipe is full. It hands the item back; waiting,
//!   dropping, evicting and spilling are the caller's choice.
//! - It does not spin.
//! - It keeps the order of one producer's items. It promises no order between producers, and none between the hands
//!   of several consumers.
//! - It does not bound memory: a pipe bounds items, a pool bounds idle values.
//! - It is not for one item at a time. A hop costs fences, contended cache lines and now and then a wake-up; put many
//!   items into what you push and they share that cost. `cargo bench -p sluice-queue` shows by how much.
//! - The set of threads at a pipe is fixed when it is made: endpoints are not cloned.
//!
//! # The three things
//!
//! A [`Signal`] is where one thread sleeps. A thread has one, however many pipes it serves, and hands clones to everyone
//! who may have to wake it. [`pipe`] joins producer threads to consumer threads, each named by its signal. A [`Pool`]
//! gives buffers a second life; its [`Lease`]s travel through pipes and come home from whichever thread drops them.
//!
//! # How to use a pipe
//!
//! A consumer pops until nothing is left, then waits. A producer pushes; when it is refused it flushes, waits for room and
//! pushes again. Dropping the last sender is the end of the stream: consumers drain the pipe and then see
//! [`Popped::Closed`]. Dropping the last receiver tells producers to stop: they see [`Refused::Closed`].
//!
//! ```
//! use sluice_queue::{Popped, Refused, Signal, pipe};
//! use std::num::NonZeroUsize;
//!
//! let (ours, theirs) = (Signal::new(), Signal::new());
//! let (mut senders, mut receivers) = pipe(NonZeroUsize::MIN, &[ours.clone()], &[theirs.clone()]);
//! let (mut sender, mut receiver) = (senders.remove(0), receivers.remove(0));
//!
//! std::thread::scope(|scope| {
//!     let consumer = scope.spawn(move || {
//!         let mut sum = 0;
//!         loop {
//!             match receiver.try_pop() {
//!                 Popped::Item(n) => sum += n,
//!                 Popped::Empty => drop(theirs.wait_until(None, || receiver.is_ready())),
//!                 Popped::Closed => return sum,
//!             }
//!         }
//!     });
//!     for mut n in 1..=100 {
//!         while let Err(Refused::Full(back)) = sender.try_push(n) {
//!             n = back;
//!             sender.flush();
//!             ours.wait_until(None, || sender.has_room());
//!         }
//!     }
//!     drop(sender);
//!     assert_eq!(consumer.join().unwrap(), 5050);
//! });
//! ```
//!
//! # The rule: flush before you wait
//!
//! A wake-up costs more than a hop, so a push to a nearly empty pipe and a pop from a nearly full one are silent. The
//! thread that made them owes the announcement, and pays it on its own while it keeps going: consumers are woken when
//! the pipe is a quarter full or after a millisecond of pushing, producers when it is down to half. It cannot pay while
//! it sleeps. So *before it waits for anything, a thread flushes every sender and every receiver it owns*. That is
//! cheap when nothing is owed. A thread that waits with a debt can put the whole pipeline to sleep; the model check shows
//! how.
//!
//! What a wait looks at is what it is woken for: [`Receiver::is_ready`] and [`Sender::has_room`] leave a note when they
//! are asked. A closure given to [`Signal::wait_until`] that returns false must therefore have asked everything that
//! could make it true.
//!
//! # Why it does not hang
//!
//! A thread about to sleep raises a flag, fences, and looks once more; a thread that changed something fences and reads
//! the flag. One of the two sees the other. The argument stands in `bell.rs`, who owes whom what in `pipe.rs`, and loom
//! tries every interleaving of the code that ships, with a stand-in for crossbeam's queue that is weaker than the
//! original:
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=/tmp/loom-target cargo test -p sluice-queue --release --test loom
//! ```
//!
//! # Panics
//!
//! Nothing here panics, whatever the order of calls. A `Drop` or [`Recycle`] of yours may; its panic is yours.

#![forbid(unsafe_code)]

mod bell;
mod pipe;
mod pool;
#[cfg(loom)]
mod ring;
mod side;
mod signal;
mod sync;

pub use pipe::{Popped, Receiver, Refused, Sender, pipe};
pub use pool::{Lease, Pool, Recycle};
pub use signal::{Readable, Signal};
