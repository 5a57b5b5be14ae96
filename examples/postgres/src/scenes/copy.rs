use std::pin::pin;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};

use super::{Shown, demand, pool};

pub(super) async fn play(url: &str) -> Shown {
    let pool = pool(url)?;
    let client = pool.get_async().await?;
    client.batch_execute("CREATE TEMPORARY TABLE measures (sensor int, value int)").await?;

    let mut sink = pin!(client.copy_in::<Bytes>("COPY measures FROM STDIN").await?);
    for sensor in 0..1000 {
        sink.send(Bytes::from(format!("{sensor}\t{}\n", sensor * 2))).await?;
    }
    let copied = sink.finish().await?;
    demand(copied == 1000, "not all rows were copied")?;

    let mut rows = pin!(client.copy_out("COPY measures TO STDOUT").await?);
    let mut lines = 0;
    while let Some(chunk) = rows.next().await {
        // A row of text is a chunk of its own.
        lines += String::from_utf8(chunk?.to_vec())?.lines().count();
    }
    demand(lines == 1000, "not all rows came back")?;

    // Dropped before it was finished: the server is told, and keeps nothing of it.
    {
        let mut sink = Box::pin(client.copy_in::<Bytes>("COPY measures FROM STDIN").await?);
        sink.send(Bytes::from_static(b"1\t1\n")).await?;
    }
    let count: i64 = client.query_one("SELECT count(*) FROM measures", &[]).await?.get(0);
    demand(count == 1000, "a row of the dropped COPY is there")?;
    Ok(vec![format!("{copied} rows in, {lines} out, and none of the one that was dropped")])
}
