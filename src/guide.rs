//! The guide: how to use the pools, and how they work.
//!
//! The pages are those of the folder `docs/` of the repository.
//!
//! | page | answers |
//! |---|---|
//! | [servers] | What do I hold in a server: ten lines, the limits, and what to do about the rest? |
//! | [databases] | How do I get to PostgreSQL, or keep the manager that I have for another pool? |
//! | [migrating] | How do I come from r2d2, deadpool, bb8 or sqlx? |
//! | [managed pools](managed) | What do I write for my driver? Who connects, and who keeps connections in order? |
//! | [errors] | What does this error mean, and what do I do about it? |
//! | [misuse] | What happens if I leak a guard, drop a future, panic, resize, close …? |
//! | [fairness] | Who gets a connection that comes free? |
//! | [scaling] | What does it cost with many threads, and which `N` do I choose? |
//! | [firmware](embedded) | How do I use it without `std`, in an interrupt handler, on a Cortex-M0? |
//! | [C](c) | How do C programs use it? |
//! | [other pools](peers) | How does it compare, and what are the words of r2d2, deadpool and bb8 here? |
//! | [benchmarks] | How fast is it, and how was that measured? |
//! | [architecture] | How does it work? |
//! | [verification] | How is it tested, and what is not checked? |
//! | [decisions] | Why is it like that? |

/// A module for each page. The targets of the links come first. Each page also defines its labels at its end, for
/// readers of the repository; rustdoc takes the first definition of a label.
macro_rules! pages {
    ($($(#[$meta:meta])? $page:ident: $file:literal;)*) => {$(
        $(#[$meta])?
        #[doc = concat!(
            "[architecture]: crate::guide::architecture\n",
            "[benchmarks]: crate::guide::benchmarks\n",
            "[c]: crate::guide::c\n",
            "[databases]: crate::guide::databases\n",
            "[decisions]: crate::guide::decisions\n",
            "[embedded]: crate::guide::embedded\n",
            "[fairness]: crate::guide::fairness\n",
            "[managed]: crate::guide::managed\n",
            "[migrating]: crate::guide::migrating\n",
            "[misuse]: crate::guide::misuse\n",
            "[peers]: crate::guide::peers\n",
            "[scaling]: crate::guide::scaling\n",
            "[servers]: crate::guide::servers\n",
            "[verification]: crate::guide::verification\n",
            "[`AsyncManager`]: crate::managed::AsyncManager\n",
            "[`Clock`]: crate::managed::Clock\n",
            "[`Fairness`]: crate::Fairness\n",
            "[`Lifecycle`]: crate::managed::Lifecycle\n",
            "[`Manager`]: crate::managed::Manager\n",
            "[`PoolError`]: crate::PoolError\n",
            "[`SharedPool`]: crate::managed::SharedPool\n",
            "[`managed::Pool`]: crate::managed::Pool\n\n",
        )]
        #[doc = include_str!($file)]
        pub mod $page {}
    )*};
}

pages! {
    // Its examples need a runtime: they are tests of examples/servers.
    #[cfg(not(doctest))]
    servers: "../docs/servers.md";
    // Its examples are tests of examples/postgres.
    #[cfg(not(doctest))]
    databases: "../docs/databases.md";
    #[cfg(not(doctest))]
    migrating: "../docs/migrating.md";
    managed: "../docs/managed.md";
    errors: "../docs/errors.md";
    misuse: "../docs/misuse.md";
    fairness: "../docs/fairness.md";
    scaling: "../docs/scaling.md";
    embedded: "../docs/embedded.md";
    c: "../docs/c.md";
    peers: "../docs/peers.md";
    benchmarks: "../docs/benchmarks.md";
    architecture: "../docs/architecture.md";
    verification: "../docs/verification.md";
    decisions: "../docs/decisions.md";
}
