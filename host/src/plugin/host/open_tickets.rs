//! Tickets by their numbers.

use std::collections::HashMap;

use super::ticket::Ticket;

/// Beyond so many, tickets are found by a hash.
const FEW: usize = 32;

/// Open tickets: mostly few, which need no hash.
pub(super) enum OpenTickets {
    /// In the order asked, so that numbers ascend. Nearly every question of a call is taken before the next.
    Few(Vec<(u64, Ticket)>),
    Many(HashMap<u64, Ticket>),
}

impl Default for OpenTickets {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl OpenTickets {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few(few) => few.len(),
            Self::Many(many) => many.len(),
        }
    }

    pub(super) fn insert(&mut self, ticket: u64, open: Ticket) {
        match self {
            Self::Few(few) if few.len() < FEW => few.push((ticket, open)),
            Self::Few(few) => {
                let all = std::mem::take(few).into_iter().chain([(ticket, open)]);
                *self = Self::Many(all.collect());
            }
            Self::Many(many) => drop(many.insert(ticket, open)),
        }
    }

    pub(super) fn get(&self, ticket: u64) -> Option<&Ticket> {
        match self {
            Self::Few(few) => few.get(index(few, ticket)?).map(|(_, open)| open),
            Self::Many(many) => many.get(&ticket),
        }
    }

    pub(super) fn get_mut(&mut self, ticket: u64) -> Option<&mut Ticket> {
        match self {
            Self::Few(few) => index(few, ticket).and_then(|index| few.get_mut(index)).map(|(_, open)| open),
            Self::Many(many) => many.get_mut(&ticket),
        }
    }

    pub(super) fn remove(&mut self, ticket: u64) -> Option<Ticket> {
        match self {
            Self::Few(few) => index(few, ticket).map(|index| few.remove(index).1),
            Self::Many(many) => {
                let removed = many.remove(&ticket);
                if many.is_empty() {
                    *self = Self::default();
                }
                removed
            }
        }
    }
}

fn index(few: &[(u64, Ticket)], ticket: u64) -> Option<usize> {
    few.binary_search_by_key(&ticket, |(id, _)| *id).ok()
}
