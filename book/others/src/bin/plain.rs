use tokio::sync::{mpsc, oneshot};

enum Count {
    Add(u64),
    Get(oneshot::Sender<u64>),
}

async fn counter(mut messages: mpsc::Receiver<Count>) {
    let mut total: u64 = 0;
    while let Some(message) = messages.recv().await {
        match message {
            Count::Add(n) => total = total.checked_add(n).expect("too much"),
            Count::Get(reply) => drop(reply.send(total)),
        }
    }
}

async fn get(counter: &mpsc::Sender<Count>) -> Option<u64> {
    let (reply, answer) = oneshot::channel();
    counter.send(Count::Get(reply)).await.ok()?;
    answer.await.ok()
}

#[tokio::main]
async fn main() {
    let (sender, receiver) = mpsc::channel(100);
    let task = tokio::spawn(counter(receiver));
    sender.send(Count::Add(2)).await.unwrap();
    println!("{:?}", get(&sender).await);
    sender.send(Count::Add(u64::MAX)).await.unwrap();
    println!("{:?}", get(&sender).await);
    println!("panicked: {}", task.await.unwrap_err().is_panic());
    println!("{:?}", get(&sender).await); // And so for ever.
}
