use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent, call};

enum Count {
    Add(u64),
    Get(RpcReplyPort<u64>),
}

struct Counter;

impl Actor for Counter {
    type Msg = Count;
    type State = u64;
    type Arguments = u64;

    async fn pre_start(&self, _myself: ActorRef<Count>, start: u64) -> Result<u64, ActorProcessingErr> {
        Ok(start)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Count>,
        message: Count,
        total: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Count::Add(n) => *total = total.checked_add(n).expect("too much"),
            Count::Get(reply) => reply.send(*total)?,
        }
        Ok(())
    }
}

struct Parent;

impl Actor for Parent {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<()>, _args: ()) -> Result<(), ActorProcessingErr> {
        Actor::spawn_linked(Some("counter".into()), Counter, 0, myself.get_cell()).await?;
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<()>,
        event: SupervisionEvent,
        _state: &mut (),
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(_who, _error) = event {
            Actor::spawn_linked(Some("counter".into()), Counter, 0, myself.get_cell()).await?;
        }
        Ok(())
    }
}

// On one thread the counter fails of the message only once the call is on its way.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (parent, handle) = Actor::spawn(None, Parent, ()).await?;
    let counter: ActorRef<Count> = ractor::registry::where_is("counter").expect("it runs").into();
    counter.cast(Count::Add(2))?;
    println!("{}", call!(counter, Count::Get)?);
    counter.cast(Count::Add(u64::MAX))?;
    println!("{:?}", call!(counter, Count::Get));
    let total = loop {
        tokio::task::yield_now().await;
        let Some(cell) = ractor::registry::where_is("counter") else { continue };
        let counter: ActorRef<Count> = cell.into();
        if let Ok(total) = call!(counter, Count::Get) {
            break total;
        }
    };
    println!("{total}");
    parent.stop(None);
    handle.await?;
    Ok(())
}
