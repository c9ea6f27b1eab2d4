//! Picture of a channel: both queues, the counters, and the numbers of waiting threads.

use std::fmt::{self, Write as _};

use kit::draw;
use kit::sync::atomic::Ordering;

use crate::channel::{Buffered, Core, Receiver, Rendezvous, Sender, Shared};
use crate::ring_queue::RingQueue;

/// The greatest number of values shown of a queue; the others are counted.
const MOST_VALUES: usize = 24;

impl<T: fmt::Debug> Sender<T> {
    /// Draws the channel as text, for failing tests and for debugging. Never waits: a part that another
    /// thread has locked is shown as `locked`.
    ///
    /// ```text
    /// senders 1, receivers 2
    /// waiting senders 0
    /// head: received 6
    ///   0   1
    /// | 7 | 8 |
    /// tail: sent 9, received seen 4, waiting receivers 0, open
    ///   0
    /// | 9 |
    /// ```
    pub fn dump(&self) -> String {
        shared(&self.shared)
    }
}

impl<T: fmt::Debug> Receiver<T> {
    /// As [`Sender::dump`].
    pub fn dump(&self) -> String {
        shared(&self.shared)
    }
}

fn shared<T: fmt::Debug>(shared: &Shared<T>) -> String {
    let senders = shared.senders.load(Ordering::SeqCst);
    let receivers = shared.receivers.load(Ordering::SeqCst);
    let ends = format!("senders {senders}, receivers {receivers}\n");
    match &shared.core {
        Core::Buffered(core) => ends + &buffered(core),
        Core::Rendezvous(core) => ends + &rendezvous(core),
    }
}

fn buffered<T: fmt::Debug>(core: &Buffered<T>) -> String {
    let mut out = format!("waiting senders {}\n", core.waiting_senders.0.load(Ordering::SeqCst));
    match core.head.0.try_lock() {
        Some(head) => {
            let _ = write!(out, "head: received {}\n{}", head.received, values(&head.queue));
        }
        None => out.push_str("head: locked\n"),
    }
    match core.tail.0.try_lock() {
        Some(tail) => {
            let _ = write!(
                out,
                "tail: sent {}, received seen {}, waiting receivers {}, {}\n{}",
                tail.sent,
                tail.received_seen,
                tail.waiting_receivers,
                if tail.is_closed { "closed" } else { "open" },
                values(&tail.queue)
            );
        }
        None => out.push_str("tail: locked\n"),
    }
    out
}

fn rendezvous<T: fmt::Debug>(core: &Rendezvous<T>) -> String {
    let Some(table) = core.table.try_lock() else {
        return "table: locked\n".to_string();
    };
    let offers: Vec<String> =
        table.offers.iter().map(|offer| format!("{}:{:?}", offer.ticket, offer.value)).collect();
    format!(
        "waiting receivers {}, next ticket {}, {}\noffers\n{}promised\n{}",
        table.waiting_receivers,
        table.next_ticket,
        if table.is_closed { "closed" } else { "open" },
        draw::cells(&offers, &[]),
        values(&table.promised)
    )
}

/// The values of a queue in a row of boxes, the oldest first.
fn values<T: fmt::Debug>(queue: &RingQueue<T>) -> String {
    let shown: Vec<String> = queue.iter().take(MOST_VALUES).map(|value| format!("{value:?}")).collect();
    let mut out = draw::cells(&shown, &[]);
    if queue.len() > MOST_VALUES {
        let _ = writeln!(out, "... and {} values more", queue.len() - MOST_VALUES);
    }
    out
}
