//! What can be run: a text, or a statement.

use tokio_postgres::Statement;

mod sealed {
    use tokio_postgres::Statement;

    /// A text is prepared each time.
    #[derive(Debug)]
    pub enum Form<'a> {
        Text(&'a str),
        Prepared(&'a Statement),
    }

    pub trait Sealed {
        fn form(&self) -> Form<'_>;
    }
}

pub(crate) use sealed::Form;

/// A statement to run: its text, or a prepared [`Statement`]. As the driver's `ToStatement`, which does not tell others
/// what it has.
pub trait Query: sealed::Sealed + Sync {}

impl Query for str {}
impl Query for String {}
impl Query for Statement {}

impl sealed::Sealed for str {
    fn form(&self) -> Form<'_> {
        Form::Text(self)
    }
}

impl sealed::Sealed for String {
    fn form(&self) -> Form<'_> {
        Form::Text(self)
    }
}

impl sealed::Sealed for Statement {
    fn form(&self) -> Form<'_> {
        Form::Prepared(self)
    }
}
