//! One thread that owns a machine; everybody else hands it closures.
//!
//! Control calls are rare and packets are not, so the machine is not locked: a command
//! waits in a bounded channel, the bell wakes the worker, and who asked waits for the
//! answer.  Commands run between two turns, in the order in which they were given.

use std::io;
use std::sync::mpsc::{sync_channel, Receiver, SyncSender, TryRecvError};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::guard::{guarded, quieten, THREAD_NAME};
use super::socket_poll::{wait, Bell, Watch};

/// Commands that may wait; who gives one more waits himself.
const COMMANDS_MAX: usize = 1024;
/// How long a worker rests after a turn that failed as a whole: it must not spin.
const REST: Duration = Duration::from_millis(50);

/// What a worker runs.
pub trait Machine: Send + 'static {
    /// Add what to wait for; the seconds until something is due (None: nothing is).
    fn watch(&mut self, watches: &mut Vec<Watch>) -> Option<f64>;

    /// Do everything that came or is due; `watches` are those that `watch` added.
    fn turn(&mut self, watches: &[Watch]);

    /// Something of ours panicked: `what` was going on, `why` is the message.
    fn failed(&mut self, what: &'static str, why: String);
}

type Command<M> = Box<dyn FnOnce(&mut M) + Send>;

/// The command panicked; the machine runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// A running machine.  `stop` gives it back.
#[derive(Debug)]
pub struct Worker<M> {
    commands: SyncSender<Command<M>>,
    bell: Arc<Bell>,
    thread: JoinHandle<M>,
}

impl<M: Machine> Worker<M> {
    /// Let `machine` run in a thread of its own.
    pub fn start(machine: M) -> io::Result<Self> {
        quieten();
        let (commands, waiting) = sync_channel(COMMANDS_MAX);
        let bell = Arc::new(Bell::new()?);
        let heard = Arc::clone(&bell);
        let thread = thread::Builder::new()
            .name(THREAD_NAME.to_owned())
            .spawn(move || run(machine, &waiting, &heard))?;
        Ok(Self {
            commands,
            bell,
            thread,
        })
    }

    /// Let the machine do something, and wait for the outcome.
    pub fn call<R: Send + 'static>(
        &self,
        order: impl FnOnce(&mut M) -> R + Send + 'static,
    ) -> Result<R, Failed> {
        let (answer, answered) = sync_channel(1);
        self.give(Box::new(move |machine| {
            // who asked is waiting, and there is room for one answer
            let _ = answer.send(order(machine));
        }));
        answered.recv().map_err(|_| Failed)
    }

    /// Let the machine do something, soon.
    pub fn post(&self, order: impl FnOnce(&mut M) + Send + 'static) {
        self.give(Box::new(order));
    }

    fn give(&self, command: Command<M>) {
        // the thread holds the other end until `stop`, which takes `self`
        let _ = self.commands.send(command);
        self.bell.ring();
    }

    /// End the thread after what it was told; the machine.  None: it is lost.
    pub fn stop(self) -> Option<M> {
        drop(self.commands);
        self.bell.ring();
        self.thread.join().ok()
    }
}

/// Even what is done about a fault may be one: the thread goes on.
fn failed<M: Machine>(machine: &mut M, what: &'static str, why: String) {
    let _ = guarded(|| machine.failed(what, why));
}

fn run<M: Machine>(mut machine: M, commands: &Receiver<Command<M>>, bell: &Bell) -> M {
    let mut watches = Vec::new();
    loop {
        let turned = guarded(|| {
            watches.clear();
            watches.push(Watch::new(bell.raw(), false));
            let timeout_s = machine.watch(&mut watches);
            // an interrupted or refused wait is a turn for nothing
            let _ = wait(&mut watches, timeout_s);
        });
        bell.hush();
        loop {
            match commands.try_recv() {
                Ok(command) => {
                    if let Err(why) = guarded(|| command(&mut machine)) {
                        failed(&mut machine, "a command", why);
                    }
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return machine,
            }
        }
        let turned = turned.and_then(|()| guarded(|| machine.turn(&watches[1..])));
        if let Err(why) = turned {
            failed(&mut machine, "a turn", why);
            thread::sleep(REST);
        }
    }
}
