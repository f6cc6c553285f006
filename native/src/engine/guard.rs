//! A fault of ours must cost one datagram, never the node: panics are caught, and told.
//!
//! What was being changed may be left half changed, as after an exception in the reference
//! plane; it is memory safe all the same, and the next datagram meets a plane that runs.
//! The place of the panic goes into the message, not to standard error: whoever can provoke
//! one could fill the log.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::thread;

/// Threads whose panics are caught here have names that begin so.
pub const THREAD_NAME: &str = "meshnode-plane";

thread_local! {
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Run `step`; what it panicked with, and where, if it did.
pub fn guarded<R>(step: impl FnOnce() -> R) -> Result<R, String> {
    let outcome = panic::catch_unwind(AssertUnwindSafe(step));
    outcome.map_err(|payload| {
        let place = PLACE.with_borrow_mut(std::mem::take);
        format!("{} at {place}", said(&*payload))
    })
}

fn said(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&str>() {
        return text;
    }
    let text = payload.downcast_ref::<String>();
    text.map_or("a panic", String::as_str)
}

/// Let panics of our threads be quiet; everybody else's are reported as before.
pub fn quieten() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let ours = thread::current()
                .name()
                .is_some_and(|name| name.starts_with(THREAD_NAME));
            if !ours {
                return before(info);
            }
            let place = info.location().map(ToString::to_string);
            PLACE.set(place.unwrap_or_default());
        }));
    });
}
