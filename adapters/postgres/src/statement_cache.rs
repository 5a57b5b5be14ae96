//! Prepared statements that stay with their connection.

use std::collections::HashMap;

use tokio_postgres::Statement;
use tokio_postgres::types::Type;

/// Statements by their text and the types of their parameters; of those beyond the limit the least recently used ones
/// go.
pub(crate) struct StatementCache<S = Statement> {
    limit: usize,
    length: usize,
    /// Counts uses, and so tells the earlier of two.
    clock: u64,
    entries: HashMap<Box<str>, Vec<Entry<S>>>,
}

struct Entry<S> {
    types: Box<[Type]>,
    statement: S,
    used: u64,
}

impl<S: Clone> StatementCache<S> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, length: 0, clock: 0, entries: HashMap::new() }
    }

    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn get(&mut self, sql: &str, types: &[Type]) -> Option<S> {
        self.clock += 1;
        let entry = self.entries.get_mut(sql)?.iter_mut().find(|entry| *entry.types == *types)?;
        entry.used = self.clock;
        Some(entry.statement.clone())
    }

    /// Keeps a statement, and answers what has to go for it: ending a statement talks to the server, which is not for
    /// the holder of a lock.
    pub(crate) fn insert(&mut self, sql: &str, types: &[Type], statement: S) -> Vec<S> {
        if self.limit == 0 {
            return Vec::new();
        }
        let mut gone = Vec::from_iter(self.remove(sql, types));
        while self.length >= self.limit {
            gone.extend(self.remove_oldest());
        }
        self.clock += 1;
        self.length += 1;
        let entry = Entry { types: types.into(), statement, used: self.clock };
        self.entries.entry(sql.into()).or_default().push(entry);
        gone
    }

    pub(crate) fn clear(&mut self) -> Vec<S> {
        self.length = 0;
        self.entries.drain().flat_map(|(_, entries)| entries).map(|entry| entry.statement).collect()
    }

    fn remove(&mut self, sql: &str, types: &[Type]) -> Option<S> {
        let entries = self.entries.get_mut(sql)?;
        let entry = entries.swap_remove(entries.iter().position(|entry| *entry.types == *types)?);
        if entries.is_empty() {
            self.entries.remove(sql);
        }
        self.length -= 1;
        Some(entry.statement)
    }

    /// Looks at all of them, which costs less than preparing the one that comes.
    fn remove_oldest(&mut self) -> Option<S> {
        let all = self.entries.iter().flat_map(|(sql, entries)| entries.iter().map(move |entry| (sql, entry)));
        let (sql, oldest) = all.min_by_key(|(_, entry)| entry.used)?;
        let (sql, types) = (sql.clone(), oldest.types.clone());
        self.remove(&sql, &types)
    }
}

#[cfg(test)]
mod tests {
    use super::StatementCache;
    use tokio_postgres::types::Type;

    #[test]
    fn the_least_recently_used_statement_goes_first() {
        let mut cache = StatementCache::new(2);
        assert!(cache.insert("a", &[], 1).is_empty());
        assert!(cache.insert("b", &[], 2).is_empty());
        assert_eq!(cache.get("a", &[]), Some(1));
        assert_eq!(cache.insert("c", &[], 3), [2]);
        assert_eq!((cache.get("a", &[]), cache.get("b", &[]), cache.get("c", &[])), (Some(1), None, Some(3)));
        assert_eq!(cache.len(), 2);
    }

    #[test]
    fn types_tell_statements_apart() {
        let mut cache = StatementCache::new(2);
        cache.insert("a", &[Type::INT4], 1);
        cache.insert("a", &[Type::INT8], 2);
        assert_eq!(cache.get("a", &[Type::INT4]), Some(1));
        assert_eq!(cache.get("a", &[]), None);
        assert_eq!(cache.insert("b", &[], 3), [2]);
        assert_eq!(cache.get("a", &[Type::INT4]), Some(1));
    }

    #[test]
    fn a_statement_that_is_kept_twice_is_kept_once() {
        let mut cache = StatementCache::new(2);
        cache.insert("a", &[], 1);
        assert_eq!(cache.insert("a", &[], 2), [1]);
        assert_eq!((cache.len(), cache.get("a", &[])), (1, Some(2)));
    }

    #[test]
    fn a_limit_of_zero_keeps_nothing() {
        let mut cache = StatementCache::new(0);
        assert!(cache.insert("a", &[], 1).is_empty());
        assert_eq!((cache.len(), cache.get("a", &[])), (0, None));
    }

    #[test]
    fn what_is_cleared_is_handed_out() {
        let mut cache = StatementCache::new(2);
        cache.insert("a", &[], 1);
        assert_eq!(cache.clear(), [1]);
        assert_eq!((cache.len(), cache.get("a", &[])), (0, None));
    }
}
