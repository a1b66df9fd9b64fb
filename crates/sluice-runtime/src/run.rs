//! A run from start to end: makes the instances, starts the threads, looks after them, and tells how it went.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{io, thread};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use signal_hook::consts::{SIGINT, SIGTERM};
use sluice_config::Pipeline;
use sluice_core::{Credits, Notice, Pools, Reporter};

use crate::build::{Built, Watch};
use crate::control::{Control, Failure};
use crate::counters::process_cpu;
use crate::latency::peak_memory;
use crate::snapshot::{Measured, Outcome, Snapshot, Summary};
use crate::socket::Socket;
use crate::views::Views;

/// How long threads may take to notice that the run was given up, before it is left to the end of the process.
const GRACE: Duration = Duration::from_secs(2);

/// How to run a pipeline.
pub struct Options {
    /// Where notices go.
    pub reporter: Arc<dyn Reporter>,
    /// Where to listen for questions.
    pub control: Option<PathBuf>,
    /// Whether SIGINT and SIGTERM stop the run; a second one gives it up.
    pub signals: bool,
    /// Whether to measure what the run takes, for comparison: see [`Measured`].
    pub measured: bool,
    /// Called again and again while the run goes on, this far apart.
    pub progress: Option<(Duration, ProgressFn)>,
    /// Called with the views of the stages, this far apart. With it, a pipeline in which no stage has one is refused.
    pub view: Option<(Duration, ViewFn)>,
    /// Called once, when every stage has opened what it opens and before the first thread is started. What it does to the
    /// calling thread holds for all of them. An error ends the run before it began.
    pub opened: Option<OpenedFn>,
}

/// Prepares the process for the run.
pub type OpenedFn = Box<dyn FnOnce() -> io::Result<()>>;

/// Shows how far a run has come.
pub type ProgressFn = Box<dyn FnMut(&Snapshot)>;

/// Shows what the stages of a run show.
pub type ViewFn = Box<dyn FnMut(&Views)>;

impl Options {
    /// Tells this reporter, and nothing else.
    pub fn new(reporter: Arc<dyn Reporter>) -> Self {
        Self {
            reporter,
            control: None,
            signals: false,
            measured: false,
            progress: None,
            view: None,
            opened: None,
        }
    }
}

/// Runs a pipeline to its end on threads of its own and waits for it.
///
/// An error means that it did not start; whatever happened later is in the summary.
pub fn run(pipeline: &Pipeline, mut options: Options) -> Result<Summary, Failure> {
    let began = Instant::now();
    let cpu = process_cpu();
    let socket = match &options.control {
        Some(path) => {
            Some(Socket::bind(path).map_err(Failure::of_run(&format!("listen at `{}`", path.display())))?)
        }
        None => None,
    };
    let built = Built::new(pipeline, &options.reporter, began, options.measured, options.view.is_some())?;
    let Built { threads, control, watch, credits, latency } = built;
    let done =
        eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map(Arc::new).map_err(io::Error::from);
    let done = done.map_err(Failure::of_run("make an eventfd"))?;
    let interrupts = if options.signals {
        Some(Interrupts::new().map_err(Failure::of_run("handle signals"))?)
    } else {
        None
    };
    if let Some(opened) = options.opened.take() {
        opened().map_err(Failure::of_run("prepare the run"))?;
    }

    let left = Arc::new(AtomicUsize::new(threads.len()));
    let mut handles = Vec::new();
    for (name, body) in threads {
        match start(name, body, &control, &credits, &left, &done) {
            Ok(handle) => handles.push(handle),
            Err(error) => {
                // Threads that were not started count as ended, so that the others are waited for.
                left.fetch_sub(1, Ordering::AcqRel);
                control.fail(Failure::of_run("start a thread")(error));
            }
        }
    }

    let mut supervisor = Supervisor {
        pipeline,
        control: &control,
        watch: &watch,
        credits: &credits,
        began,
        options: &mut options,
    };
    supervisor.look_after(&left, &done, socket.as_ref(), interrupts.as_ref());
    if left.load(Ordering::Acquire) == 0 {
        // A panic was caught inside, so there is nothing to learn from joining.
        handles.into_iter().for_each(|handle| drop(handle.join()));
    }
    let was_stopped = control.is_stopping();
    let failures = control.failures();
    let snapshot = watch.snapshot(pipeline, &control, &credits, began.elapsed(), true);
    let outcome = match () {
        () if !failures.is_empty() || control.is_aborted() => Outcome::Failed,
        () if snapshot.stages.iter().any(|stage| stage.lost > 0) => Outcome::Lost,
        () if was_stopped => Outcome::Stopped,
        () => Outcome::Done,
    };
    let measured = latency.map(|latency| Measured {
        latency: latency.read(),
        cpu: (process_cpu() - cpu).as_secs_f64(),
        peak_memory: peak_memory().unwrap_or(0),
    });
    let views = watch.views(pipeline);
    Ok(Summary { outcome, failures, measured, views, snapshot })
}

/// Starts one thread; a panic inside fails the run.
fn start(
    name: String,
    mut body: crate::build::Body,
    control: &Arc<Control>,
    credits: &Credits,
    left: &Arc<AtomicUsize>,
    done: &Arc<OwnedFd>,
) -> io::Result<JoinHandle<()>> {
    let (control, credits) = (Arc::clone(control), credits.clone());
    let (left, done) = (Arc::clone(left), Arc::clone(done));
    thread::Builder::new().name(name.clone()).spawn(move || {
        let ran = catch_unwind(AssertUnwindSafe(|| body.run(&credits)));
        if let Err(panic) = ran {
            let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
            let message = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            control.fail(Failure { stage: body.stage(), message, panicked: true });
        }
        // Stages are dropped on their own thread, even where dropping them panics.
        drop(catch_unwind(AssertUnwindSafe(|| drop(body))));
        left.fetch_sub(1, Ordering::AcqRel);
        // It can fail only when the counter is full, and then the supervisor is awake anyway.
        let _ = rustix::io::write(&*done, &1u64.to_ne_bytes());
    })
}

struct Supervisor<'a> {
    pipeline: &'a Pipeline,
    control: &'a Control,
    watch: &'a Watch,
    credits: &'a Credits,
    began: Instant,
    options: &'a mut Options,
}

impl Supervisor<'_> {
    /// Waits for the threads; meanwhile answers the socket, obeys signals and shows progress.
    fn look_after(
        &mut self,
        left: &AtomicUsize,
        done: &OwnedFd,
        socket: Option<&Socket>,
        signals: Option<&Interrupts>,
    ) {
        let mut give_up: Option<Instant> = None;
        let mut next_progress = Instant::now();
        let mut next_view =
            Instant::now() + self.options.view.as_ref().map_or(Duration::ZERO, |(every, _)| *every);
        while left.load(Ordering::Acquire) > 0 {
            let now = Instant::now();
            if self.control.is_aborted() && give_up.is_none_or(|at| at > now + GRACE) {
                give_up = Some(now + GRACE);
            }
            if give_up.is_some_and(|at| at <= now) {
                if self.control.is_aborted() {
                    return self.tell("some stages did not stop in time and were left behind");
                }
                self.tell("what was in flight could not be finished in time");
                self.control.abort();
                continue;
            }
            if let Some((every, show)) = &mut self.options.progress
                && next_progress <= now
            {
                next_progress = now + *every;
                show(&self.watch.snapshot(
                    self.pipeline,
                    self.control,
                    self.credits,
                    self.began.elapsed(),
                    false,
                ));
            }
            if let Some((every, show)) = &mut self.options.view
                && next_view <= now
            {
                next_view = now + *every;
                show(&self.watch.ask(self.pipeline, self.control, || self.began.elapsed()));
            }
            let shows = [
                self.options.progress.is_some().then_some(next_progress),
                self.options.view.is_some().then_some(next_view),
            ];
            let wake = give_up.into_iter().chain(shows.into_iter().flatten()).min();
            let (asked, interrupted) =
                wait(done, socket, signals, wake.map(|at| at.saturating_duration_since(now)));
            if asked && let Some(socket) = socket {
                let elapsed = || self.began.elapsed();
                socket.serve(
                    || self.watch.snapshot(self.pipeline, self.control, self.credits, elapsed(), false),
                    || self.watch.ask(self.pipeline, self.control, elapsed),
                );
            }
            for _ in 0..interrupted {
                if self.control.is_stopping() {
                    self.tell("stopping at once; what was in flight is not finished");
                    self.control.abort();
                } else {
                    self.tell("stopping; once more to stop at once");
                    self.control.stop();
                    give_up = Some(Instant::now() + Duration::from_nanos(self.pipeline.execution.drain.0));
                }
            }
        }
    }

    fn tell(&self, message: &str) {
        self.options.reporter.notice(Notice { stage: String::new(), message: message.to_owned() });
    }
}

/// Sleeps until something happens: whether somebody asks, and how many signals came.
fn wait(
    done: &OwnedFd,
    socket: Option<&Socket>,
    signals: Option<&Interrupts>,
    timeout: Option<Duration>,
) -> (bool, usize) {
    let mut fds = vec![PollFd::new(done, PollFlags::IN)];
    fds.extend(socket.map(|s| PollFd::from_borrowed_fd(s.as_fd(), PollFlags::IN)));
    fds.extend(signals.map(|s| PollFd::from_borrowed_fd(s.read.as_fd(), PollFlags::IN)));
    let timeout = timeout.and_then(|t| Timespec::try_from(t).ok());
    // An interrupted or failed poll is a wake-up without a reason: the loop looks at everything again.
    let _ = poll(&mut fds, timeout.as_ref());
    let came = |at: usize| fds.get(at).is_some_and(|fd| !fd.revents().is_empty());
    let asked = socket.is_some() && came(1);
    let _ = rustix::io::read(done, &mut [0; 8]);
    (asked, signals.map_or(0, Interrupts::take))
}

/// SIGINT and SIGTERM as bytes in a socket pair.
struct Interrupts {
    read: UnixStream,
    ids: Vec<signal_hook::SigId>,
}

impl Interrupts {
    fn new() -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        read.set_nonblocking(true)?;
        let mut this = Self { read, ids: Vec::new() };
        for signal in [SIGINT, SIGTERM] {
            this.ids.push(signal_hook::low_level::pipe::register(signal, write.try_clone()?)?);
        }
        Ok(this)
    }

    /// How many signals came since the last time.
    fn take(&self) -> usize {
        let mut bytes = [0; 16];
        rustix::io::read(&self.read, &mut bytes).unwrap_or(0)
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        for id in self.ids.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}

/// Pools for a pipeline: as many slabs are kept as may be in flight.
pub(crate) fn pools(pipeline: &Pipeline) -> Pools {
    Pools::new(pipeline.execution.batch.0 as usize, pipeline.execution.memory.0 as usize)
}
