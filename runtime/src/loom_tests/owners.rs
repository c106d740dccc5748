//! What owns a place, and is left behind the place's lock.

use std::sync::Arc;

use super::{at_once, exit_reason, in_every_order};
use crate::context::Context;
use crate::exit::ExitReason;
use crate::sync::{OwnedGuard, SpinLock};

type Share = Arc<SpinLock<Room>>;

struct Room {
    left: Option<Share>,
    witness: Arc<()>,
}

fn take(room: &Share) -> Option<Share> {
    room.lock().left.take()
}

#[test]
fn an_owner_that_stays_behind_its_lock_is_found_by_one_of_all_who_look_and_the_place_is_freed() {
    loom::model(|| {
        let witness = Arc::new(());
        let room = Arc::new(SpinLock::new(Room { left: None, witness: witness.clone() }));
        let others = [room.clone(), room.clone()].map(|room| loom::thread::spawn(move || take(&room).is_some()));
        OwnedGuard::lock(room.clone()).leave_in(|room| &mut room.left);
        let found = others.map(|other| other.join().expect("it does not panic"));
        let found_late = take(&room).is_some();
        assert_eq!(found.into_iter().chain([found_late]).filter(|found| *found).count(), 1);
        assert_eq!(Arc::strong_count(&room.lock().witness), 2);
        drop(room);
        assert_eq!(Arc::strong_count(&witness), 1);
    });
}

#[test]
fn a_process_may_be_woken_and_end_elsewhere_while_it_still_lies_down_here() {
    in_every_order(|test| {
        let witness = Arc::new(());
        let seen = witness.clone();
        let process = test.spawn(|mut ctx: Context<()>| async move {
            ctx.receive_message().await;
            drop(seen);
        });
        let (sender, elsewhere) = (process.clone(), test.clone());
        let wake = move || {
            sender.cast(());
            elsewhere.run_until_idle();
        };
        at_once(&test, wake, || test.run_until_idle());
        assert_eq!(exit_reason(&process), Some(ExitReason::Normal));
        assert_eq!(Arc::strong_count(&witness), 1);
    });
}
