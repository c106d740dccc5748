//! What happens beside the end of a process, or of its system.

use std::sync::{Arc, OnceLock};

use futures_lite::future;

use super::{at_once, exit_reason, in_every_order, pid};
use crate::any_process::AnyProcess;
use crate::context::Context;
use crate::exit::ExitReason;
use crate::pid::GroupName;
use crate::signal::Event;

#[test]
fn a_process_that_is_killed_as_it_falls_asleep_ends() {
    in_every_order(|test| {
        let process = test.spawn(|_ctx: Context<()>| future::pending::<()>());
        let (other, target) = (test.clone(), pid(&process));
        at_once(&test, move || other.exit(target, ExitReason::Kill), || test.run_until_idle());
        assert_eq!(exit_reason(&process), Some(ExitReason::Killed));
    });
}

#[test]
fn a_process_that_is_killed_as_it_ends_tells_everyone_the_same_reason() {
    in_every_order(|test| {
        let target = test.spawn(|mut ctx: Context<()>| async move { ctx.receive_message().await });
        let (told, monitored) = (Arc::new(OnceLock::new()), pid(&target));
        let tell = told.clone();
        test.spawn(move |mut ctx: Context<()>| async move {
            ctx.monitor(monitored);
            let Event::Down(down) = ctx.receive().await else { unreachable!("nobody sends it anything") };
            tell.set(down.reason).expect("it is told once");
        });
        test.run_until_idle();
        target.cast(());
        let other = test.clone();
        at_once(&test, move || other.exit(monitored, ExitReason::Kill), || test.run_until_idle());
        assert_eq!(told.get(), exit_reason(&target).as_ref());
    });
}

#[test]
fn a_name_given_beside_the_end_is_free_after_it() {
    in_every_order(|test| {
        let process = test.spawn(|_ctx: Context<()>| async {});
        let (other, target) = (test.clone(), pid(&process));
        at_once(&test, move || drop(other.register("ann", target)), || test.run_until_idle());
        assert_eq!(test.whereis("ann"), None);
    });
}

#[test]
fn a_group_joined_beside_the_end_is_left_after_it() {
    in_every_order(|test| {
        let process = test.spawn(|_ctx: Context<()>| async {}).resolve().expect("it is of a process");
        let other = test.clone();
        let name = GroupName { scope: "".into(), name: "all".into() };
        let member: Arc<dyn AnyProcess> = process;
        let join = move || drop(other.shared.groups.join(&name, &member));
        at_once(&test, join, || test.run_until_idle());
        assert_eq!(test.groups().which_groups(), []);
    });
}

#[test]
fn a_process_spawned_beside_the_end_of_its_system_ends_with_it() {
    in_every_order(|test| {
        let handle = (**test).clone();
        let spawner = handle.clone();
        let spawned = Arc::new(OnceLock::new());
        let made = spawned.clone();
        let spawn = move || {
            made.set(spawner.spawn(|_ctx: Context<()>| future::pending::<()>())).expect("there is one");
        };
        let thread = loom::thread::spawn(spawn);
        drop(test);
        thread.join().expect("it does not panic");
        assert_eq!(exit_reason(spawned.get().expect("it was spawned")), Some(ExitReason::Killed));
        assert_eq!(handle.process_count(), 0);
    });
}
