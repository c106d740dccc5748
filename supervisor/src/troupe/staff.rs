//! Which workers come and go, and when a troupe looks after its jobs; pure.

use std::time::{Duration, Instant};

use super::core::{Action, Alarm, Core, Phase, Place};
use super::crew::WorkerId;
use super::error::JobFault;
use super::queue::JobId;
use super::settings::TroupeSettings;

/// The pause after the first setback; after each further one it is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// So many setbacks in a row are borne.
const MOST_SETBACKS: u32 = 10;

impl Core {
    /// What follows from any change.
    pub(super) fn settle(&mut self, now: Instant) {
        let bound = self.settings.queue.map_or(usize::MAX, usize::from);
        while self.waiting + self.line.promised() < bound
            && let Some(turn) = self.line.promise()
        {
            self.actions.push_back(Action::Room(turn));
        }
        self.hire(now);
    }

    pub(super) fn disband_line(&mut self) {
        let turns = self.line.disband();
        self.actions.extend(turns.into_iter().map(Action::Room));
    }

    /// As many as the fewest need be, and as wait, but no more than may be.
    pub(super) fn hire(&mut self, now: Instant) {
        if self.phase == Phase::Closed || self.hire_after.is_some_and(|at| at > now) {
            return;
        }
        let TroupeSettings { min_workers, max_workers, concurrency, .. } = self.settings;
        let have = self.crew.staying() + self.hiring;
        let for_jobs = self.waiting.div_ceil(concurrency.get()).saturating_sub(self.hiring);
        let more = min_workers.saturating_sub(have).max(for_jobs.min(max_workers.saturating_sub(have)));
        self.hiring += more;
        self.actions.extend((0..more).map(|_| Action::Hire));
    }

    pub(super) fn dismiss(&mut self, worker: WorkerId) {
        self.crew.leave(worker);
        self.actions.push_back(Action::Dismiss(worker));
    }

    pub(super) fn count_setback(&mut self, now: Instant) {
        self.setbacks += 1;
        if self.setbacks > MOST_SETBACKS {
            self.setbacks = 0;
            self.actions.push_back(Action::GiveUp);
        }
        let pause = FIRST_PAUSE * 2_u32.pow(self.setbacks.saturating_sub(1).min(10));
        self.hire_after = now.checked_add(pause.min(LONGEST_PAUSE));
        self.want(self.hire_after);
    }

    pub(super) fn ring(&mut self, id: JobId, alarm: Alarm, now: Instant) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let after = job.deadline.unwrap_or(now).saturating_duration_since(job.sent);
        match (alarm, job.place) {
            (Alarm::Deadline, Place::Begun(_)) => {
                job.is_told = true;
                self.counts.expired += 1;
                self.actions.push_back(Action::Tell(id, JobFault::Expired(after)));
            }
            (Alarm::Deadline, place) => {
                self.end(id, Err(JobFault::Expired(after)));
                if let Place::Given(worker) = place {
                    self.feed(worker, now);
                }
            }
            (Alarm::Limit, Place::Begun(worker)) => {
                job.has_overrun = true;
                self.crew.leave(worker);
                self.actions.push_back(Action::Kill(worker));
            }
            (Alarm::Limit, _) => {}
        }
    }

    pub(super) fn set_alarm(&mut self, at: Instant, id: JobId, alarm: Alarm) {
        self.alarms.insert((at, id, alarm));
        self.want(Some(at));
    }

    pub(super) fn want(&mut self, at: Option<Instant>) {
        self.wanted = [self.wanted, at].into_iter().flatten().min();
    }

    /// Wants all that is to come.
    pub(super) fn want_all(&mut self) {
        self.want(self.alarms.first().map(|(at, ..)| *at));
        self.want(self.hire_after);
        if self.crew.staying() > self.settings.min_workers {
            let idlest = self.crew.idlest();
            self.want(idlest.and_then(|(since, _)| since.checked_add(self.settings.idle_time)));
        }
    }
}
