//! Protocols written as a list of methods.

/// Writes a protocol, one enum, and the methods by which clients speak it, one trait that every
/// [`Address`](proscenium_runtime::Address) of the protocol has.
///
/// Each line names a variant and its method. A method with an answer is a call: it returns a
/// [`Call`](proscenium_runtime::Call), to be awaited, with a timeout of 5 s unless it is given another. One without is a cast: it
/// never fails. A call that only has something done answers `()`.
///
/// What it writes is what one would write by hand: the arguments are the fields of the variant, and the
/// [`Reply`](proscenium_runtime::Reply) of a call is the last. Documentation goes to the variant and to the method, other
/// attributes of the enum to the enum. Type parameters may have bounds of one word each, such as `K: Ord + Send + 'static`, of
/// which protocols need the last two.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::{GenServer, protocol};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason};
///
/// protocol! {
///     /// What a counter is asked.
///     #[derive(Debug)]
///     pub enum Count;
///
///     /// A counter, for who counts.
///     pub trait Counting;
///
///     /// Adds `n` to the total.
///     Add = fn add(n: u64);
///
///     /// The total so far.
///     Get = fn get() -> u64;
///
///     /// Begins again, and returns what there was.
///     Reset = fn reset(to: u64) -> u64;
/// }
///
/// struct Counter(u64);
///
/// impl GenServer for Counter {
///     type Args = ();
///     type Message = Count;
///
///     async fn init((): (), _ctx: &mut Context<Count>) -> Result<Self, ExitReason> {
///         Ok(Counter(0))
///     }
///
///     async fn handle(&mut self, message: Count, _ctx: &mut Context<Count>) -> Result<(), ExitReason> {
///         match message {
///             Count::Add(n) => self.0 += n,
///             Count::Get(reply) => reply.send(self.0),
///             Count::Reset(to, reply) => reply.send(std::mem::replace(&mut self.0, to)),
///         }
///         Ok(())
///     }
/// }
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let counter = Counter::start(()).link(&mut ctx).await?;
///     counter.add(2);
///     counter.add(3);
///     assert_eq!(counter.get().await?, 5);
///     assert_eq!(counter.reset(7).without_timeout().await?, 5);
///     assert_eq!(counter.get().await?, 7);
///     Ok::<_, ExitReason>(())
/// })?;
/// # Ok::<(), ExitReason>(())
/// ```
///
/// A line that is none is told by what it says:
///
/// ```compile_fail
/// proscenium_behaviours::protocol! {
///     enum Count;
///     trait Counting;
///     fn add(n: u64);
/// }
/// ```
#[macro_export]
macro_rules! protocol {
    // Without type parameters, and with.
    (
        $(#[$enum_meta:meta])* $enum_vis:vis enum $Enum:ident;
        $(#[$trait_meta:meta])* $trait_vis:vis trait $Trait:ident;
        $($lines:tt)*
    ) => {
        $crate::protocol! { @enum [$(#[$enum_meta])*] [$enum_vis] [$Enum] [] [] $($lines)* }
        $crate::protocol! { @trait [$(#[$trait_meta])*] [$trait_vis] [$Trait] [$Enum] [] [] [] $($lines)* }
    };
    (
        $(#[$enum_meta:meta])* $enum_vis:vis enum $Enum:ident<$($param:ident: $bound:tt $(+ $bounds:tt)*),+ $(,)?>;
        $(#[$trait_meta:meta])* $trait_vis:vis trait $Trait:ident;
        $($lines:tt)*
    ) => {
        $crate::protocol! {
            @enum [$(#[$enum_meta])*] [$enum_vis] [$Enum] [<$($param: $bound $(+ $bounds)*),+>] [] $($lines)*
        }
        $crate::protocol! {
            @trait [$(#[$trait_meta])*] [$trait_vis] [$Trait] [$Enum]
            [<$($param: $bound $(+ $bounds)*),+>] [<$($param),+>] [<$($param),+>] $($lines)*
        }
    };

    // The variants so far, and the lines that are left.
    (@enum [$(#[$meta:meta])*] [$vis:vis] [$Enum:ident] [$($params:tt)*] [$($variants:tt)*]) => {
        $(#[$meta])*
        $vis enum $Enum $($params)* {
            $($variants)*
        }
    };
    (
        @enum $meta:tt $vis:tt $Enum:tt $params:tt [$($variants:tt)*]
        $(#[$attr:meta])* $Variant:ident = fn $method:ident(); $($lines:tt)*
    ) => {
        $crate::protocol! { @enum $meta $vis $Enum $params [$($variants)* $(#[$attr])* $Variant,] $($lines)* }
    };
    (
        @enum $meta:tt $vis:tt $Enum:tt $params:tt [$($variants:tt)*]
        $(#[$attr:meta])* $Variant:ident = fn $method:ident($($arg:ident: $type:ty),* $(,)?) $(-> $answer:ty)?;
        $($lines:tt)*
    ) => {
        $crate::protocol! {
            @enum $meta $vis $Enum $params
            [$($variants)* $(#[$attr])* $Variant($($type,)* $($crate::__private::Reply<$answer>,)?),]
            $($lines)*
        }
    };
    (@enum $meta:tt $vis:tt $Enum:tt $params:tt $variants:tt $($lines:tt)*) => {
        compile_error!(concat!(
            "a line of a protocol reads `Variant = fn method(argument: Type, …);` or, with an answer, ",
            "`Variant = fn method(argument: Type, …) -> Answer;`; this, or what follows it, does not: ",
            stringify!($($lines)*),
        ));
    };

    // The names of the type parameters come twice: once to be written, once to be handed on.
    (
        @trait [$(#[$meta:meta])*] [$vis:vis] [$Trait:ident] [$Enum:ident] [$($params:tt)*] [$($names:tt)*] $names_of:tt
        $($(#[$attr:meta])* $Variant:ident = fn $method:ident($($arg:ident: $type:ty),* $(,)?) $(-> $answer:ty)?;)*
    ) => {
        $(#[$meta])*
        $vis trait $Trait $($params)* {
            $($crate::protocol! {
                @signature [$(#[$attr])*] [$Enum] $names_of $method [$($arg: $type),*] [$($answer)?]
            })*
        }

        impl $($params)* $Trait $($names)* for $crate::__private::Address<$Enum $($names)*> {
            $($crate::protocol! {
                @method [$Enum] $names_of $Variant $method [$($arg: $type),*] [$($answer)?]
            })*
        }
    };
    // The enum has told what is wrong.
    (@trait $($rest:tt)*) => {};

    (@signature [$($attr:tt)*] $Enum:tt $names:tt $method:ident [$($arg:ident: $type:ty),*] []) => {
        $($attr)*
        fn $method(&self $(, $arg: $type)*);
    };
    (
        @signature [$($attr:tt)*] [$Enum:ident] [$($names:tt)*] $method:ident [$($arg:ident: $type:ty),*] [$answer:ty]
    ) => {
        $($attr)*
        fn $method(&self $(, $arg: $type)*) -> $crate::__private::Call<'_, $Enum $($names)*, $answer>;
    };

    (@method [$Enum:ident] $names:tt $Variant:ident $method:ident [] []) => {
        fn $method(&self) {
            self.cast($Enum::$Variant);
        }
    };
    (@method [$Enum:ident] $names:tt $Variant:ident $method:ident [$($arg:ident: $type:ty),*] []) => {
        fn $method(&self $(, $arg: $type)*) {
            self.cast($Enum::$Variant($($arg),*));
        }
    };
    (
        @method [$Enum:ident] [$($names:tt)*] $Variant:ident $method:ident [$($arg:ident: $type:ty),*] [$answer:ty]
    ) => {
        fn $method(&self $(, $arg: $type)*) -> $crate::__private::Call<'_, $Enum $($names)*, $answer> {
            self.call(move |reply| $Enum::$Variant($($arg,)* reply))
        }
    };

    ($($rest:tt)*) => {
        compile_error!(
            "a protocol begins with `enum Name;` and `trait Name;`, each with its visibility; then come lines such as \
             `Get = fn get(key: Key) -> Value;`"
        );
    };
}
