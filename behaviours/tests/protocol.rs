//! Protocols written as a list of methods.

use std::collections::BTreeMap;

use proscenium_behaviours::{GenServer, protocol};
use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Address, CallError, Context, ExitReason, Reply};

protocol! {
    /// What a shelf is asked.
    #[derive(Debug)]
    enum Ask<K: Ord + Send + 'static, V: Clone + Send + 'static>;

    /// A shelf.
    trait Shelving;

    /// Puts `value` under `key`, and returns what was there.
    Put = fn put(key: K, value: V) -> Option<V>;

    /// Drops what is under `key`.
    Drop = fn drop_under(key: K);

    /// The value under `key`.
    Get = fn get(key: K,) -> Option<V>;

    /// Drops all.
    Clear = fn clear();

    /// How much there is.
    Len = fn len() -> usize;

    /// Returns when all that was sent before is done.
    Sync = fn sync() -> ();
}

struct Shelf<K, V>(BTreeMap<K, V>);

impl<K: Ord + Send + 'static, V: Clone + Send + 'static> GenServer for Shelf<K, V> {
    type Args = ();
    type Message = Ask<K, V>;

    async fn init((): (), _ctx: &mut Context<Ask<K, V>>) -> Result<Self, ExitReason> {
        Ok(Shelf(BTreeMap::new()))
    }

    async fn handle(&mut self, ask: Ask<K, V>, _ctx: &mut Context<Ask<K, V>>) -> Result<(), ExitReason> {
        match ask {
            Ask::Put(key, value, reply) => reply.send(self.0.insert(key, value)),
            Ask::Drop(key) => drop(self.0.remove(&key)),
            Ask::Get(key, reply) => reply.send(self.0.get(&key).cloned()),
            Ask::Clear => self.0.clear(),
            Ask::Len(reply) => reply.send(self.0.len()),
            Ask::Sync(reply) => reply.send(()),
        }
        Ok(())
    }
}

#[test]
fn methods_of_an_address_cast_and_call_in_order() {
    TestSystem::new(1).run(|mut ctx: Context<()>| async move {
        let shelf: Address<Ask<char, u32>> = Shelf::start(()).link(&mut ctx).await.unwrap();
        assert_eq!(shelf.put('a', 1).await, Ok(None));
        assert_eq!(shelf.put('a', 2).await, Ok(Some(1)));
        assert_eq!(shelf.put('b', 3).await, Ok(None));
        shelf.drop_under('a');
        assert_eq!((shelf.get('a').await, shelf.get('b').await, shelf.len().await), (Ok(None), Ok(Some(3)), Ok(1)));
        shelf.clear();
        assert_eq!((shelf.len().await, shelf.sync().await), (Ok(0), Ok(())));
    });
}

#[test]
fn a_method_that_calls_takes_the_options_of_a_call_and_follows_names() {
    TestSystem::new(1).run(|mut ctx: Context<()>| async move {
        let nobody: Address<Ask<u8, u8>> = ctx.system().named("shelf");
        nobody.clear();
        assert_eq!(ctx.system().dead_letter_count(), 1);
        let error = nobody.len().without_timeout().await.unwrap_err();
        assert!(matches!(error, CallError::NoProcess { .. }), "{error}");
        Shelf::<u8, u8>::start(()).name("shelf").link(&mut ctx).await.unwrap();
        assert_eq!(nobody.len().await, Ok(0));
    });
}

#[test]
fn the_enum_is_what_one_would_write_by_hand() {
    let by_hand = |ask: Ask<u8, u8>| match ask {
        Ask::Put(_key, _value, _reply) => "put",
        Ask::Drop(_) | Ask::Clear => "drop",
        Ask::Get(_, _) => "get",
        Ask::Len(reply) => std::any::type_name_of_val::<Reply<usize>>(&reply),
        Ask::Sync(_) => "sync",
    };
    assert_eq!((by_hand(Ask::Clear), by_hand(Ask::Drop(1))), ("drop", "drop"));
    assert_eq!(format!("{:?}", Ask::<u8, u8>::Drop(3)), "Drop(3)");
}

mod elsewhere {
    proscenium_behaviours::protocol! {
        pub(super) enum Seen;
        pub(super) trait Seeing;
        One = fn one(n: u8) -> u8;
    }
}

#[test]
fn enum_and_trait_are_as_visible_as_they_are_said_to_be() {
    use elsewhere::{Seeing, Seen};

    let test = TestSystem::new(1);
    let seen = test.spawn(|mut ctx: Context<Seen>| async move {
        let Seen::One(n, reply) = ctx.receive_message().await;
        reply.send(n + 1);
    });
    assert_eq!(test.block_on(seen.one(1)), Ok(2));
}
