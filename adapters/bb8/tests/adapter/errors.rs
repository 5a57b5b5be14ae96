//! Errors that have no more than a `Debug`.

use conn_pool::SharedPool;
use conn_pool::managed::{Config, ErrorsAsText};
use conn_pool_bb8::FromBb8;

struct Away;

#[derive(Debug)]
struct Fault {
    code: u32,
}

impl bb8::ManageConnection for Away {
    type Connection = ();
    type Error = Fault;

    async fn connect(&self) -> Result<(), Fault> {
        Err(Fault { code: 7 })
    }

    async fn is_valid(&self, (): &mut ()) -> Result<(), Fault> {
        Ok(())
    }

    fn has_broken(&self, (): &mut ()) -> bool {
        false
    }
}

async fn what_a_caller_is_told(manager: FromBb8<Away>) -> String {
    let pool = SharedPool::new(ErrorsAsText(manager), Config::new().fail_fast(true)).unwrap();
    pool.get_async().await.unwrap_err().to_string()
}

#[tokio::test]
async fn they_reach_the_callers_of_a_shared_pool_as_a_text() {
    let text = what_a_caller_is_told(FromBb8::new(Away)).await;
    assert!(text.starts_with("cannot connect: Fault { code: 7 }"), "{text}");
}

#[tokio::test]
async fn they_are_described_as_the_user_says() {
    let text = what_a_caller_is_told(FromBb8::new(Away).describing(|fault, f| write!(f, "code {}", fault.code))).await;
    assert!(text.starts_with("cannot connect: code 7"), "{text}");
}
