//! One thing after another, in the room of the larger: an async block would keep what it was given for the first all its life.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

/// Waits for `first`, then for what `next` makes of its value. If `first` fails, that is all.
pub(crate) fn then<A, B, T, U, E>(first: A, next: impl FnOnce(T) -> B) -> impl Future<Output = Result<U, E>>
where
    A: Future<Output = Result<T, E>>,
    B: Future<Output = Result<U, E>>,
{
    Then::First { first, next: Some(next) }
}

pin_project! {
    #[project = ThenProjection]
    enum Then<A, N, B> {
        First { #[pin] first: A, next: Option<N> },
        Second { #[pin] second: B },
    }
}

impl<A, B, T, U, E, N> Future for Then<A, N, B>
where
    A: Future<Output = Result<T, E>>,
    B: Future<Output = Result<U, E>>,
    N: FnOnce(T) -> B,
{
    type Output = Result<U, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let ThenProjection::First { first, next } = self.as_mut().project() {
            let value = ready!(first.poll(cx))?;
            let next = next.take().expect("it is polled no more once it is ready");
            self.set(Then::Second { second: next(value) });
        }
        match self.project() {
            ThenProjection::Second { second } => second.poll(cx),
            ThenProjection::First { .. } => unreachable!("the first is over"),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future;

    use super::*;

    #[test]
    fn the_second_comes_after_the_first_unless_that_fails() {
        let outcome = |first: Result<u32, &'static str>| {
            let first = async move {
                future::yield_now().await;
                first
            };
            future::block_on(then(first, |n| async move {
                future::yield_now().await;
                Ok(n + 1)
            }))
        };
        assert_eq!((outcome(Ok(1)), outcome(Err("no"))), (Ok(2), Err("no")));
    }

    #[test]
    fn it_has_room_for_one_of_them() {
        async fn large() -> Result<[u8; 1000], ()> {
            let kept = [1; 1000];
            future::yield_now().await;
            Ok(kept)
        }
        let both = then(large(), |_| large());
        assert!(size_of_val(&both) < 2 * size_of_val(&large()));
    }
}
