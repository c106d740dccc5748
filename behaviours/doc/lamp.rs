// A state machine for the examples of transitions: its messages say what it does, and it writes down what happens to it.

use proscenium_behaviours::gen_statem::{Entry, Event, Initial, Transition, entered, keep_state, start_in};
pub use proscenium_behaviours::gen_statem::GenStatem;
use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Address, Context, ExitReason, Reply};

#[derive(Debug, PartialEq)]
pub enum Light {
    Off,
    On,
}

pub struct Lamp {
    pub told: Vec<String>,
}

pub enum Tell {
    Go(Box<dyn FnOnce() -> Transition<Lamp> + Send>),
    Told(Reply<Vec<String>>),
}

impl GenStatem for Lamp {
    type Args = ();
    type State = Light;
    type Event = Event<Tell, &'static str, &'static str, &'static str>;

    async fn init(_args: (), _ctx: &mut Context<Tell>) -> Result<Initial<Self>, ExitReason> {
        Ok(start_in(Light::Off, Lamp { told: Vec::new() }))
    }

    async fn enter(&mut self, _old: &Light, state: &Light, _ctx: &mut Context<Tell>) -> Result<Entry<Self>, ExitReason> {
        self.told.push(format!("{state:?}"));
        Ok(entered())
    }

    async fn handle_event(
        &mut self,
        _state: &Light,
        event: Event<Tell, &'static str, &'static str, &'static str>,
        _ctx: &mut Context<Tell>,
    ) -> Result<Transition<Self>, ExitReason> {
        match event {
            Event::Message(Tell::Go(go)) => return Ok(go()),
            Event::Message(Tell::Told(reply)) => return Ok(keep_state().reply(reply, self.told.clone())),
            Event::StateTimeout(text) | Event::EventTimeout(text) | Event::Internal(text) => self.told.push(text.into()),
            Event::NamedTimeout(name, text) => self.told.push(format!("{name}: {text}")),
            Event::Exit(_) | Event::Down(_) => {}
        }
        Ok(keep_state())
    }
}

/// A lamp that is off.
pub fn lamp(test: &TestSystem) -> Address<Tell> {
    test.block_on(Lamp::start(()).spawn(test)).expect("it starts")
}

/// To be told to a lamp: that it makes this transition.
pub fn go(make: impl FnOnce() -> Transition<Lamp> + Send + 'static) -> Tell {
    Tell::Go(Box::new(make))
}

/// What has happened to a lamp: the states that it has entered, and what timeouts and internal events have said.
pub fn told(test: &TestSystem, lamp: &Address<Tell>) -> Vec<String> {
    test.block_on(lamp.call(Tell::Told)).expect("it lives")
}
