use std::time::Duration;

use tokio::time::timeout;

use super::{Shown, demand, pool};

pub(super) async fn play(url: &str) -> Shown {
    let pool = pool(url)?;
    let listener = pool.get_async().await?;
    let mut notifications = listener.notifications();
    listener.execute("LISTEN orders", &[]).await?;

    let other = pool.get_async().await?;
    other.execute("SELECT pg_notify('orders', $1)", &[&"paper"]).await?;
    let heard = timeout(Duration::from_secs(30), notifications.recv()).await?;
    let heard = heard.ok_or("the connection has ended")?;
    demand((heard.channel(), heard.payload()) == ("orders", "paper"), "something else was heard")?;

    // What is released listens no more.
    drop((listener, notifications));
    let channels = "SELECT count(*) FROM pg_listening_channels()";
    let next = pool.get_async().await?;
    let count: i64 = next.query_one(channels, &[]).await?.get(0);
    demand(count == 0, "the next caller listens, too")?;
    Ok(vec![format!("{}: {}", heard.channel(), heard.payload())])
}
