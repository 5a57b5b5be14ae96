use super::{Shown, pool};

pub(super) async fn play(url: &str) -> Shown {
    let pool = pool(url)?;
    let client = pool.get_async().await?;
    // Prepared once for each connection, and kept with it.
    let statement = client.prepare_cached("SELECT upper($1), $2::int4 + 1").await?;
    let row = client.query_one(&statement, &[&"ada", &41]).await?;
    let (name, number): (String, i32) = (row.get(0), row.get(1));
    super::demand((name.as_str(), number) == ("ADA", 42), "the server counts otherwise")?;
    Ok(vec![format!("{name} {number}")])
}
