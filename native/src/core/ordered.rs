//! A map that remembers the order in which its keys came.
//!
//! What leaves first was asked for first: the reference walks its tables in order of
//! arrival, and the order of sending is tested.  Members leave from anywhere, hundreds at
//! once when a path is full, so a leaver only marks its place and the places are closed up
//! when half of them are empty.

use std::hash::Hash;

use rustc_hash::FxHashMap;

/// Empty places that are tolerated whatever the number of members.
const SLACK: usize = 8;

#[derive(Clone, Debug)]
pub struct Ordered<K, V> {
    places: Vec<Option<(K, V)>>,
    index: FxHashMap<K, usize>,
}

impl<K, V> Default for Ordered<K, V> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            index: FxHashMap::default(),
        }
    }
}

impl<K: Copy + Eq + Hash, V> Ordered<K, V> {
    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    pub fn contains(&self, key: K) -> bool {
        self.index.contains_key(&key)
    }

    pub fn get(&self, key: K) -> Option<&V> {
        let place = *self.index.get(&key)?;
        self.places[place].as_ref().map(|member| &member.1)
    }

    pub fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let place = *self.index.get(&key)?;
        self.places[place].as_mut().map(|member| &mut member.1)
    }

    /// Put a member last; one that is there keeps its place.
    pub fn insert(&mut self, key: K, value: V) {
        if let Some(known) = self.get_mut(key) {
            *known = value;
            return;
        }
        self.index.insert(key, self.places.len());
        self.places.push(Some((key, value)));
    }

    pub fn remove(&mut self, key: K) -> Option<V> {
        let place = self.index.remove(&key)?;
        let found = self.places[place].take();
        if self.places.len() > 2 * self.index.len() + SLACK {
            self.close_up();
        }
        found.map(|member| member.1)
    }

    fn close_up(&mut self) {
        self.places.retain(Option::is_some);
        for (place, member) in self.places.iter().flatten().enumerate() {
            self.index.insert(member.0, place);
        }
    }

    pub fn clear(&mut self) {
        self.places.clear();
        self.index.clear();
    }

    pub fn iter(&self) -> impl Iterator<Item = (K, &V)> + '_ {
        self.places
            .iter()
            .flatten()
            .map(|(key, value)| (*key, value))
    }

    pub fn keys(&self) -> impl Iterator<Item = K> + '_ {
        self.places.iter().flatten().map(|member| member.0)
    }

    pub fn values(&self) -> impl Iterator<Item = &V> + '_ {
        self.places.iter().flatten().map(|member| &member.1)
    }
}

#[cfg(test)]
mod tests {
    use super::Ordered;

    #[test]
    fn keeps_the_order_over_removals() {
        let mut map = Ordered::default();
        for key in 0..100 {
            map.insert(key, key * 2);
        }
        for key in (0..100).filter(|key| key % 3 != 0) {
            assert_eq!(map.remove(key), Some(key * 2));
        }
        map.insert(1, 5);
        map.insert(3, 7);
        let expected: Vec<i32> = (0..100).step_by(3).chain([1]).collect();
        assert_eq!(map.keys().collect::<Vec<_>>(), expected);
        assert_eq!((map.get(3), map.get(2), map.len()), (Some(&7), None, 35));
    }
}
