//! A manager whose error stays on its thread.

use std::fmt;
use std::rc::Rc;

use conn_pool::SharedPool;
use conn_pool::managed::{Config, ErrorsAsText};
use conn_pool_r2d2::FromR2d2;

struct Away;

#[derive(Debug)]
struct Unsendable(Rc<str>);

impl fmt::Display for Unsendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer from {}", self.0)
    }
}

impl std::error::Error for Unsendable {}

impl r2d2::ManageConnection for Away {
    type Connection = ();
    type Error = Unsendable;

    fn connect(&self) -> Result<(), Unsendable> {
        Err(Unsendable("db.example".into()))
    }

    fn is_valid(&self, (): &mut ()) -> Result<(), Unsendable> {
        Ok(())
    }

    fn has_broken(&self, (): &mut ()) -> bool {
        false
    }
}

#[test]
fn its_error_reaches_the_callers_of_a_shared_pool_as_a_text() {
    let config = Config::new().fail_fast(true);
    let pool = SharedPool::blocking(ErrorsAsText(FromR2d2::new(Away)), config).unwrap();
    let error = pool.get().unwrap_err();
    assert!(error.to_string().starts_with("cannot connect: no answer from db.example"), "{error}");
}
