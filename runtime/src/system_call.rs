//! Requests to whatever loop runs a process.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use crate::call::{Limit, Wait};
use crate::current;
use crate::pid::Recipient;
use crate::reply::{CallError, Reply};
use crate::system::SystemHandle;
use crate::system_message::{NotTaken, SystemMessage};

impl SystemHandle {
    /// Sends the loop that runs a process what `request` makes of a [`Reply`], and waits for the answer, for as long as it
    /// takes if there is no `timeout`. For behaviours; programs use what those make of it.
    ///
    /// # Errors
    /// See [`CallError`]; [`CallError::NotABehaviour`] if no such loop runs there.
    ///
    /// # Cancel safety
    /// Nothing is sent before the first poll. Dropping the future later leaves the request with the process; a late answer
    /// reaches nobody.
    ///
    /// # Examples
    ///
    /// Whoever is asked need not know the type of the others' messages:
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{CallError, Context, Incoming, Pid, Reply, SpawnOptions, SystemMessage};
    ///
    /// struct Version(Reply<u32>);
    ///
    /// async fn server(mut ctx: Context<String>) {
    ///     loop {
    ///         if let Incoming::System(request) = ctx.receive_incoming().await {
    ///             request.downcast::<Version>().expect("nobody asks anything else").0.send(7);
    ///         }
    ///     }
    /// }
    ///
    /// let test = TestSystem::new(1);
    /// let server = test.spawn_with(SpawnOptions::new().behaviour(), server).unwrap();
    /// let ask = |to: Pid| test.system_call(to, None, |reply| SystemMessage::new(Version(reply)));
    /// assert_eq!(test.block_on(ask(server.pid().unwrap())), Ok(7));
    /// let plain = test.spawn(|_ctx: Context<()>| pending::<()>());
    /// let answer = test.block_on(ask(plain.pid().unwrap()));
    /// assert!(matches!(answer, Err(CallError::NotABehaviour { .. })));
    /// ```
    pub async fn system_call<T: Send + 'static>(
        &self,
        to: impl Into<Recipient>,
        timeout: Option<Duration>,
        request: impl FnOnce(Reply<T>) -> SystemMessage + Send,
    ) -> Result<T, CallError> {
        let target = to.into();
        let Some(process) = self.shared.table.get(self.shared.pid_of(&target)) else {
            return Err(CallError::NoProcess { target });
        };
        if Arc::as_ptr(&process).addr() == current::address() {
            return Err(CallError::CallingSelf { target });
        }
        current::consume_budget().await;
        let (reply, answer) = Reply::channel();
        process.push_system(request(reply)).map_err(|not_taken| match not_taken {
            NotTaken::Gone => CallError::NoProcess { target: target.clone() },
            NotTaken::NotABehaviour => CallError::NotABehaviour { target: target.clone() },
        })?;
        let mut wait = Wait::new(answer, timeout.map_or(Limit::Never, Limit::After));
        poll_fn(|cx| wait.poll(&*process, &|| target.clone(), cx)).await
    }
}
