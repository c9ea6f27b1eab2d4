//! The queue of one resource: scripts, and random requests whose rules are checked after each.

use locking::LockMode::{self, IS, IX, S, SIX, X};
use locking::{Answer, LockQueue, TxnId};
use testkit::{Rng, check, check_eq, scene, step};

use crate::support::txn;

/// A queue whose steps are in the scene.
#[derive(Default)]
struct Story {
    queue: LockQueue,
}

impl Story {
    fn request(&mut self, number: u64, mode: LockMode) -> Answer {
        step!("queue.request(T{number}, {mode});");
        let answer = self.queue.request(txn(number), mode);
        self.show();
        answer
    }

    fn release(&mut self, number: u64) -> Vec<u64> {
        step!("queue.release(T{number});");
        let granted = self.queue.release(txn(number));
        self.show();
        sorted(granted)
    }

    fn withdraw(&mut self, number: u64) -> Vec<u64> {
        step!("queue.withdraw(T{number});");
        let granted = self.queue.withdraw(txn(number));
        self.show();
        sorted(granted)
    }

    fn weaken(&mut self, number: u64, mode: LockMode) -> Vec<u64> {
        step!("queue.weaken(T{number}, {mode});");
        let granted = self.queue.weaken(txn(number), mode);
        self.show();
        sorted(granted)
    }

    fn show(&self) {
        scene::picture(|| {
            let list = |entries: Vec<(TxnId, LockMode)>| {
                entries.iter().map(|(txn, mode)| format!("{txn} {mode}")).collect::<Vec<_>>().join(", ")
            };
            let waiters = self.queue.waiters().map(|waiter| (waiter.txn, waiter.mode)).collect();
            format!("holders: {}\nwaiters: {}", list(self.queue.holders().to_vec()), list(waiters))
        });
    }
}

fn sorted(granted: Vec<TxnId>) -> Vec<u64> {
    let mut numbers: Vec<u64> = granted.into_iter().map(|txn| txn.0).collect();
    numbers.sort_unstable();
    numbers
}

/// A stream of S requests would keep an X waiting for ever if they were granted past it.
#[testkit::test]
fn a_newcomer_does_not_overtake_a_waiting_x() {
    scene::invariant("Q2", "a newcomer is granted only if it conflicts with no holder and no earlier waiter");
    let mut story = Story::default();
    check_eq!(story.request(1, S), Answer::Granted, "S on a free resource");
    check_eq!(story.request(2, X), Answer::Waits, "X beside an S");
    check_eq!(story.request(3, S), Answer::Waits, "S behind a waiting X");
    check!(!story.queue.can_grant(txn(4), S), "another S would be granted behind a waiting X");
    check_eq!(story.release(1), vec![2], "granted by the release of the only S");
    check_eq!(story.release(2), vec![3], "granted by the release of the X");
}

/// If only the first waiter were granted, the second reader would sleep beside a resource that it may have.
#[testkit::test]
fn a_release_grants_every_waiter_that_it_can() {
    scene::invariant("Q4", "the first waiter conflicts with what another transaction holds");
    let mut story = Story::default();
    story.request(1, X);
    for number in 2..=5 {
        check_eq!(story.request(number, S), Answer::Waits, "S beside an X");
    }
    story.request(6, X);
    story.request(7, S);
    check_eq!(
        story.release(1),
        vec![2, 3, 4, 5],
        "granted by the release of the X: all S in front of the next X"
    );
    for number in 2..=4 {
        check_eq!(story.release(number), Vec::<u64>::new(), "granted while an S is left");
    }
    check_eq!(story.release(5), vec![6], "granted by the release of the last S");
}

/// The newcomer waits for the holder. If the holder's conversion waited behind it, both would wait for ever.
#[testkit::test]
fn a_conversion_waits_in_front_of_newcomers() {
    scene::invariant("Q3", "a conversion waits before all newcomers, and for holders alone");
    let mut story = Story::default();
    story.request(1, S);
    story.request(2, S);
    check_eq!(story.request(3, X), Answer::Waits, "X beside two S");
    check_eq!(story.request(1, X), Answer::Waits, "S to X beside another S");
    check_eq!(story.queue.held(txn(1)), Some(S), "what is held while a conversion waits");
    check_eq!(story.release(2), vec![1], "granted by the release of the other S");
    check_eq!(story.queue.held(txn(1)), Some(X), "what the conversion gave");
    check_eq!(story.release(1), vec![3], "granted by the release of the X");

    let mut story = Story::default();
    story.request(1, S);
    story.request(2, S);
    story.request(3, X);
    story.request(4, S);
    story.request(1, X);
    let granted = story.withdraw(3);
    check_eq!(granted, Vec::<u64>::new(), "granted past a conversion to X when the X in front is withdrawn");
    check_eq!(story.release(2), vec![1], "granted by the release of the other S");
    check_eq!(story.release(1), vec![4], "granted by the release of the X");
}

/// The only holder need not wait behind transactions that wait for it.
#[testkit::test]
fn the_only_holder_converts_at_once() {
    let mut story = Story::default();
    story.request(1, S);
    story.request(2, X);
    check_eq!(story.request(1, X), Answer::Granted, "S to X of the only holder, with an X waiting");
    check_eq!(story.queue.held(txn(1)), Some(X), "what it holds");
    check_eq!(story.release(1), vec![2], "granted by the release");
}

/// What is held already is not lost and not asked for again.
#[testkit::test]
fn a_conversion_asks_for_the_join() {
    let mut story = Story::default();
    story.request(1, IX);
    check_eq!(story.request(1, S), Answer::Granted, "S of a transaction that holds IX alone");
    check_eq!(story.queue.held(txn(1)), Some(SIX), "what it holds with IX and S");
    check_eq!(story.request(2, IS), Answer::Granted, "IS beside SIX");
    check_eq!(story.request(3, IX), Answer::Waits, "IX beside SIX");
    check_eq!(story.request(1, IS), Answer::Granted, "IS of a transaction that holds SIX");
    check_eq!(story.queue.held(txn(1)), Some(SIX), "what it holds after it asked for less");
    check_eq!(story.request(2, IX), Answer::Waits, "IS to IX beside SIX");
    check_eq!(story.release(1), vec![2, 3], "granted by the release of SIX");

    let mut story = Story::default();
    story.request(1, IX);
    story.request(2, IX);
    check_eq!(story.request(1, S), Answer::Waits, "S of a transaction that holds IX beside another IX");
    check_eq!(story.release(2), vec![1], "granted by the release of the other IX");
    check_eq!(story.queue.held(txn(1)), Some(SIX), "what a conversion from IX to S gave after its wait");
}

/// A request that is withdrawn may have been the only reason why others waited.
#[testkit::test]
fn a_withdrawn_request_holds_up_nobody() {
    let mut story = Story::default();
    story.request(1, S);
    story.request(2, X);
    story.request(3, S);
    story.request(4, S);
    check_eq!(story.withdraw(2), vec![3, 4], "granted when the X in front is withdrawn");
    check_eq!(
        story.withdraw(9),
        Vec::<u64>::new(),
        "granted by a withdrawal of a transaction that does not wait"
    );
    story.request(1, X);
    check_eq!(story.withdraw(1), Vec::<u64>::new(), "granted when a conversion is withdrawn");
    check_eq!(story.queue.held(txn(1)), Some(S), "what is left of a withdrawn conversion");
}

/// A lock that is weakened lets in whoever is compatible with the rest.
#[testkit::test]
fn a_weakened_lock_grants_waiters() {
    let mut story = Story::default();
    story.request(1, X);
    story.request(2, S);
    story.request(3, IX);
    check_eq!(story.weaken(1, S), vec![2], "granted when X becomes S");
    check_eq!(story.release(2), Vec::<u64>::new(), "granted while an S is left");
    check_eq!(story.weaken(1, IS), vec![3], "granted when S becomes IS");
}

/// Two transactions that want to convert S to X wait for each other: both stay in the queue, and the first to
/// let go lets the other one in.
#[testkit::test]
fn two_conversions_wait_for_each_other() {
    let mut story = Story::default();
    story.request(1, S);
    story.request(2, S);
    check_eq!((story.request(1, X), story.request(2, X)), (Answer::Waits, Answer::Waits), "two conversions");
    check_eq!(story.withdraw(1), Vec::<u64>::new(), "granted when one conversion is withdrawn");
    check_eq!(story.release(1), vec![2], "granted when that transaction releases its S");
}

/// After any requests and releases the rules hold: what is held is compatible, nothing waits without a
/// reason, and no newcomer was granted past a conflicting waiter.
#[testkit::test]
fn the_rules_hold_after_every_step() {
    let mut rng = testkit::rng();
    for _ in 0..120 {
        scene::clear();
        let mut story = Story::default();
        for _ in 0..60 {
            random_step(&mut story, &mut rng);
            check_rules(&story.queue);
        }
    }
}

fn random_step(story: &mut Story, rng: &mut Rng) {
    let number = rng.u64(1..8);
    let mode = LockMode::ALL[rng.usize(..5)];
    let before: Vec<_> = story.queue.waiters().collect();
    let is_waiting = before.iter().any(|waiter| waiter.txn == txn(number));
    let held = story.queue.held(txn(number));
    let granted = match rng.u32(..10) {
        0..6 if !is_waiting => {
            let can_grant = story.queue.can_grant(txn(number), mode);
            let answer = story.request(number, mode);
            check_eq!(answer == Answer::Granted, can_grant, "request as can_grant said");
            if held.is_none() && answer == Answer::Granted {
                let passed = before.iter().find(|waiter| !waiter.mode.is_compatible(mode));
                check!(passed.is_none(), "T{number} {mode} was granted past {passed:?}");
            }
            if held.is_some_and(|held| held.covers(mode)) {
                check_eq!(answer, Answer::Granted, "a request for what is held already");
            }
            return;
        }
        0..8 if is_waiting => story.withdraw(number),
        8 if held.is_some() && !is_waiting => {
            let held = held.expect("just looked at");
            let weaker: Vec<_> = LockMode::ALL.into_iter().filter(|mode| held.covers(*mode)).collect();
            story.weaken(number, weaker[rng.usize(..weaker.len())])
        }
        _ if is_waiting => story.withdraw(number),
        _ => story.release(number),
    };
    let after: Vec<_> = story.queue.waiters().map(|waiter| waiter.txn).collect();
    let gone = before.iter().map(|waiter| waiter.txn).filter(|txn| !after.contains(txn));
    let mut gone: Vec<u64> = gone.map(|txn| txn.0).filter(|gone| *gone != number).collect();
    gone.sort_unstable();
    check_eq!(granted, gone, "the transactions that were named as granted are those that left the queue");
    for granted in granted {
        let wanted = before.iter().find(|waiter| waiter.txn == txn(granted)).map(|waiter| waiter.mode);
        check_eq!(story.queue.held(txn(granted)), wanted, "what T{granted} holds after its wait");
    }
}

fn check_rules(queue: &LockQueue) {
    for (at, (one, mode)) in queue.holders().iter().enumerate() {
        for (other, other_mode) in &queue.holders()[at + 1..] {
            check!(one != other, "{one} is in the list of holders twice");
            check!(mode.is_compatible(*other_mode), "Q1: {one} holds {mode} and {other} holds {other_mode}");
        }
    }
    let waiters: Vec<_> = queue.waiters().collect();
    if let Some(first) = waiters.first() {
        check!(
            !queue.is_free_for(first.txn, first.mode),
            "Q4: {} waits for {} without a reason",
            first.txn,
            first.mode
        );
    }
    let newcomer = waiters.iter().position(|waiter| !waiter.is_conversion).unwrap_or(waiters.len());
    check!(
        waiters[newcomer..].iter().all(|waiter| !waiter.is_conversion),
        "Q3: a conversion behind a newcomer"
    );
    for waiter in &waiters {
        check_eq!(waiter.is_conversion, queue.held(waiter.txn).is_some(), "is_conversion of {}", waiter.txn);
    }
}
