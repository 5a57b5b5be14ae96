// knows: nothing · must not know: managers
//! The functions of a manager that an adapter leaves to the one inside it.

/// Writes the named functions of `Lifecycle`: each calls that of the manager in the named field.
macro_rules! forward {
    ($inside:tt:) => {};
    ($inside:tt: is_closed $($rest:ident)*) => {
        fn is_closed(&self, connection: &mut Self::Connection) -> bool {
            self.$inside.is_closed(connection)
        }
        forward! { $inside: $($rest)* }
    };
    ($inside:tt: has_broken $($rest:ident)*) => {
        fn has_broken(&self, connection: &mut Self::Connection) -> bool {
            self.$inside.has_broken(connection)
        }
        forward! { $inside: $($rest)* }
    };
    ($inside:tt: reset $($rest:ident)*) => {
        fn reset(&self, connection: &mut Self::Connection) -> Result<(), Self::Error> {
            self.$inside.reset(connection)
        }
        forward! { $inside: $($rest)* }
    };
    ($inside:tt: reset_blocks $($rest:ident)*) => {
        fn reset_blocks(&self, connection: &mut Self::Connection) -> bool {
            self.$inside.reset_blocks(connection)
        }
        forward! { $inside: $($rest)* }
    };
    ($inside:tt: needs_check $($rest:ident)*) => {
        fn needs_check(&self, connection: &mut Self::Connection) -> bool {
            self.$inside.needs_check(connection)
        }
        forward! { $inside: $($rest)* }
    };
    ($inside:tt: on_check $($rest:ident)*) => {
        fn on_check(&self, connection: &mut Self::Connection, why: CheckReason) {
            self.$inside.on_check(connection, why);
        }
        forward! { $inside: $($rest)* }
    };
    ($inside:tt: on_discard $($rest:ident)*) => {
        fn on_discard(&self, connection: Self::Connection, reason: DiscardReason) {
            self.$inside.on_discard(connection, reason);
        }
        forward! { $inside: $($rest)* }
    };
    ($inside:tt: is_permanent $($rest:ident)*) => {
        fn is_permanent(&self, error: &Self::Error) -> bool {
            self.$inside.is_permanent(error)
        }
        forward! { $inside: $($rest)* }
    };
    ($inside:tt: describe $($rest:ident)*) => {
        fn describe(&self, error: &Self::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.$inside.describe(error, f)
        }
        forward! { $inside: $($rest)* }
    };
    ($inside:tt: on_event $($rest:ident)*) => {
        fn on_event(&self, event: &Event<'_, Self::Error>) {
            self.$inside.on_event(event);
        }
        forward! { $inside: $($rest)* }
    };
}

pub(super) use forward;
