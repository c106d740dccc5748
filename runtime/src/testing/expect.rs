//! What a test expects of a system as a whole, and what a failed expectation says.

use std::any::type_name;
use std::sync::Arc;
use std::time::Duration;

use super::TestSystem;
use crate::dead_letters::{DeadLetter, DeadReason};
use crate::observer::Moment;
use crate::report::{CrashReport, Report};

/// How much virtual time may pass until what is expected happens, unless told otherwise: as long as a call waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

impl TestSystem {
    /// Waits until a process has crashed as `matching` says, for up to 5 s of virtual time, and returns the report. Each
    /// crash meets one expectation; those from before this call count.
    ///
    /// # Panics
    /// If there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// let test = TestSystem::new(1);
    /// let clerk = test.spawn(|_ctx: Context<()>| async { Err(ExitReason::error("no till")) });
    /// let crash = test.expect_crash(|crash| Some(crash.pid) == clerk.pid());
    /// assert_eq!(crash.reason, ExitReason::error("no till"));
    /// test.expect_no_crash();
    /// ```
    #[track_caller]
    pub fn expect_crash(&self, mut matching: impl FnMut(&CrashReport) -> bool) -> Arc<CrashReport> {
        let found = self.find_report(|report| match report {
            Report::Crash(crash) => matching(crash).then(|| crash.clone()),
            _ => None,
        });
        match found {
            Some(crash) => crash,
            None => self.fail("a crash that matches", self.crashes()),
        }
    }

    /// Runs processes until none can run; time stands still. By then no process has crashed but those that were expected.
    ///
    /// # Panics
    /// If one has.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::panic::{AssertUnwindSafe, catch_unwind};
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// let test = TestSystem::new(1);
    /// test.spawn(|_ctx: Context<()>| async { Err(ExitReason::shutdown_with("closing time")) });
    /// test.expect_no_crash(); // That was on purpose.
    /// test.spawn(|_ctx: Context<()>| async { Err(ExitReason::error("no tea")) });
    /// assert!(catch_unwind(AssertUnwindSafe(|| test.expect_no_crash())).is_err());
    /// ```
    #[track_caller]
    pub fn expect_no_crash(&self) {
        self.run_until_idle();
        let crashes = self.crashes();
        if !crashes.is_empty() {
            self.fail("no crash", crashes);
        }
    }

    /// Waits for a report that matches, of any kind, for up to 5 s of virtual time. Each report meets one expectation; those
    /// from before this call count.
    ///
    /// # Panics
    /// If there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, Report};
    ///
    /// let test = TestSystem::new(1);
    /// test.spawn(|_ctx: Context<()>| async { Err(ExitReason::error("no tea")) });
    /// let report = test.expect_report(|report| matches!(report, Report::Crash(_)));
    /// assert!(matches!(report, Report::Crash(crash) if crash.reason == ExitReason::error("no tea")));
    /// ```
    #[track_caller]
    pub fn expect_report(&self, mut matching: impl FnMut(&Report) -> bool) -> Report {
        match self.find_report(|report| matching(report).then(|| report.clone())) {
            Some(report) => report,
            None => {
                let reports = self.witness.reports.lock().clone();
                let reports = reports.iter().map(|report| Moment::Report(report).to_string());
                self.fail("a report that matches", reports.collect())
            }
        }
    }

    /// Waits until a message of type `M` has become a dead letter for that reason, for up to 5 s of virtual time. Each dead
    /// letter meets one expectation; those from before this call count.
    ///
    /// # Panics
    /// If there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, DeadReason};
    ///
    /// let test = TestSystem::new(1);
    /// let clerk = test.spawn(|_ctx: Context<u32>| async {});
    /// clerk.cast(1);
    /// let letter = test.expect_dead_letter::<u32>(DeadReason::DroppedAtExit);
    /// assert_eq!(letter.target, clerk.recipient());
    /// test.expect_no_dead_letters();
    /// ```
    #[track_caller]
    pub fn expect_dead_letter<M>(&self, reason: DeadReason) -> DeadLetter {
        let message_type = type_name::<M>();
        let found = self.run_until(self.now() + PATIENCE, || {
            let mut letters = self.witness.dead_letters.lock();
            let is_it = |letter: &DeadLetter| letter.reason == reason && letter.message_type == message_type;
            let index = letters.iter().position(is_it)?;
            Some(letters.remove(index))
        });
        match found {
            Some(letter) => letter,
            None => self.fail(&format!("a dead letter, {message_type}: {reason}"), self.letters()),
        }
    }

    /// Runs processes until none can run; time stands still. By then every message was received, but those whose dead
    /// letters were expected.
    ///
    /// # Panics
    /// If one was not.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::panic::{AssertUnwindSafe, catch_unwind};
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let clerk = test.spawn(|mut ctx: Context<&str>| async move { drop(ctx.receive_message().await) });
    /// clerk.cast("hello");
    /// test.expect_no_dead_letters();
    /// clerk.cast("goodbye");
    /// assert!(catch_unwind(AssertUnwindSafe(|| test.expect_no_dead_letters())).is_err());
    /// ```
    #[track_caller]
    pub fn expect_no_dead_letters(&self) {
        self.run_until_idle();
        let letters = self.letters();
        if !letters.is_empty() {
            self.fail("no dead letter", letters);
        }
    }

    /// The first report of which `pick` makes something is taken.
    fn find_report<T>(&self, mut pick: impl FnMut(&Report) -> Option<T>) -> Option<T> {
        let mut seen = 0;
        self.run_until(self.now() + PATIENCE, || {
            // What picks is user code: not under the lock.
            let new = self.witness.reports.lock()[seen..].to_vec();
            for report in new {
                if let Some(found) = pick(&report) {
                    self.witness.reports.lock().remove(seen);
                    return Some(found);
                }
                seen += 1;
            }
            None
        })
    }

    fn crashes(&self) -> Vec<String> {
        let reports = self.witness.reports.lock().clone();
        let crashes = reports.iter().filter(|report| matches!(report, Report::Crash(_)));
        crashes.map(|report| Moment::Report(report).to_string()).collect()
    }

    fn letters(&self) -> Vec<String> {
        let letters = self.witness.dead_letters.lock().clone();
        letters.iter().map(|letter| Moment::DeadLetter(letter).to_string()).collect()
    }

    /// Fails in the caller's line.
    #[track_caller]
    pub(super) fn fail(&self, expected: &str, found: Vec<String>) -> ! {
        self.fail_with(expected, &list(&found), &[])
    }

    /// Fails in the caller's line, and tells what is there besides.
    #[track_caller]
    pub(super) fn fail_with(&self, expected: &str, found: &str, waiting: &[String]) -> ! {
        let at = self.elapsed();
        let waiting = match waiting {
            [] => String::new(),
            waiting => format!("\n waiting: {}", list(waiting)),
        };
        panic!("expected: {expected}\n     got: {found}{waiting}\n      at: {at:?} (seed {})", self.seed)
    }
}

fn list(found: &[String]) -> String {
    if found.is_empty() { "nothing".to_owned() } else { found.join("; ") }
}
