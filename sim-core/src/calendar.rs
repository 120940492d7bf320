//! What is due later: days of equal length in a ring, each an unsorted list; today's events in a heap; what lies beyond
//! the ring in another. Setting an event costs a shift and a link, whatever is pending.
//!
//! How long a day is, and how many there are, follows the load: a few events a day, and a ring that reaches about as
//! far as events are set ahead. It never shows in the order, which is that of the keys.

use crate::{
    pending::{BATCH, Entry},
    time::Time,
};
use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.word() == other.word()
    }
}
impl<E> Eq for Entry<E> {}
impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
    // What a heap of the reversed asks: one comparison of 128 bits.
    #[inline]
    fn lt(&self, other: &Self) -> bool {
        self.word() < other.word()
    }
    #[inline]
    fn le(&self, other: &Self) -> bool {
        self.word() <= other.word()
    }
    #[inline]
    fn gt(&self, other: &Self) -> bool {
        self.word() > other.word()
    }
    #[inline]
    fn ge(&self, other: &Self) -> bool {
        self.word() >= other.word()
    }
}
impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.word().cmp(&other.word())
    }
}

/// An event of a later day, and the next of its day.
struct Node<E> {
    entry: Entry<E>,
    next: u32,
}

/// End of a list.
const NIL: u32 = u32::MAX;
/// Days at least, and at most.
const FEWEST: usize = 256;
const MOST: usize = 1 << 22;
/// A day is a microsecond at first.
const FIRST_SHIFT: u32 = 20;
/// Events that pass before the length of a day is looked at again; more where more are pending.
const LOOK: u64 = 4_096;

/// See the module.
pub(crate) struct Calendar<E> {
    /// Today is `cur`: the day number of a time is the time shifted by `shift`.
    cur: u64,
    shift: u32,
    len: usize,
    /// In the ring.
    linked: usize,
    /// Due today, or before.
    today: BinaryHeap<Reverse<Entry<E>>>,
    /// First node of each day; a bit for each day that has one; a bit for each word of those that is not 0.
    days: Vec<u32>,
    bits: Vec<u64>,
    words: Vec<u64>,
    nodes: Vec<Node<E>>,
    free: u32,
    /// Due after the last day of the ring.
    late: BinaryHeap<Reverse<Entry<E>>>,
    /// Since the length of a day was looked at: events that came out, days that began, and how often what was in front
    /// grew too long. When to look again.
    passed: u64,
    turns: u64,
    spills: u64,
    look: u64,
    /// Grows where days are made longer and shorter by turns: the load comes in waves.
    patience: u64,
    longer: bool,
}

impl<E> Default for Calendar<E> {
    fn default() -> Self {
        Calendar {
            cur: 0,
            shift: FIRST_SHIFT,
            len: 0,
            linked: 0,
            today: BinaryHeap::new(),
            days: Vec::new(),
            bits: Vec::new(),
            words: Vec::new(),
            nodes: Vec::new(),
            free: NIL,
            late: BinaryHeap::new(),
            passed: 0,
            turns: 0,
            spills: 0,
            look: LOOK,
            patience: 1,
            longer: false,
        }
    }
}

impl<E: Copy> Calendar<E> {
    pub fn len(&self) -> usize {
        self.len
    }

    /// Nothing is in it, and what will be lies at `at` or later.
    pub fn begin_at(&mut self, at: Time) {
        if self.days.is_empty() {
            self.make(FEWEST);
        }
        self.cur = at.ps() >> self.shift;
    }

    /// What lay in front became too much: some of it comes here.
    pub fn spilled(&mut self) {
        self.spills += 1;
    }

    fn make(&mut self, days: usize) {
        self.days = vec![NIL; days];
        self.bits = vec![0; days / 64];
        self.words = vec![0; days.div_ceil(64 * 64)];
    }

    #[inline]
    pub fn push(&mut self, e: Entry<E>) {
        self.len += 1;
        let day = e.0.at.ps() >> self.shift;
        if day <= self.cur {
            self.today.push(Reverse(e));
        } else if day - self.cur < self.days.len() as u64 {
            self.link(day, e);
        } else {
            self.late.push(Reverse(e));
        }
    }

    #[inline]
    fn link(&mut self, day: u64, entry: Entry<E>) {
        let i = day as usize & (self.days.len() - 1);
        let node = Node { entry, next: self.days[i] };
        let n = self.free;
        if let Some(place) = self.nodes.get_mut(n as usize) {
            self.free = std::mem::replace(place, node).next;
            self.days[i] = n;
        } else {
            self.days[i] = self.nodes.len() as u32;
            self.nodes.push(node);
        }
        self.bits[i / 64] |= 1 << (i % 64);
        self.words[i / 4096] |= 1 << (i / 64 % 64);
        self.linked += 1;
    }

    /// `near` is empty: the next few events, latest first. Gives back what all others don't come before; `u128::MAX` if
    /// there are none.
    pub fn refill(&mut self, near: &mut Vec<Entry<E>>) -> u128 {
        if self.today.is_empty() {
            if self.len == 0 {
                return u128::MAX;
            }
            self.turn(near);
        }
        if !self.today.is_empty() {
            // A day with many: half of what fits, so that what is set meanwhile does, too.
            while near.len() < BATCH
                && let Some(Reverse(e)) = self.today.pop()
            {
                near.push(e);
            }
            near.reverse();
        }
        self.len -= near.len();
        self.passed += near.len() as u64;
        if self.passed >= self.look {
            self.adapt();
        }
        match self.today.peek() {
            Some(Reverse(e)) => e.word(),
            None if self.len == 0 => u128::MAX,
            None => u128::from(self.cur + 1) << self.shift << 64,
        }
    }

    /// The next day with something: its few events go to `near`, many to `today`.
    fn turn(&mut self, near: &mut Vec<Entry<E>>) {
        self.turns += 1;
        self.cur = match (self.linked, self.late.peek()) {
            (0, Some(Reverse(e))) => e.0.at.ps() >> self.shift,
            _ => self.next_day(),
        };
        // The ring's end has moved on.
        while let Some(Reverse(e)) = self.late.peek() {
            let day = e.0.at.ps() >> self.shift;
            if day - self.cur >= self.days.len() as u64 {
                break;
            }
            if let Some(Reverse(e)) = self.late.pop() {
                self.link(day, e);
            }
        }
        let i = self.cur as usize & (self.days.len() - 1);
        let mut n = std::mem::replace(&mut self.days[i], NIL);
        self.bits[i / 64] &= !(1 << (i % 64));
        if self.bits[i / 64] == 0 {
            self.words[i / 4096] &= !(1 << (i / 64 % 64));
        }
        let mut many = false;
        while n != NIL {
            let node = &mut self.nodes[n as usize];
            let e = node.entry;
            let next = std::mem::replace(&mut node.next, self.free);
            self.free = n;
            n = next;
            self.linked -= 1;
            if many {
                self.today.push(Reverse(e));
            } else if near.len() < BATCH {
                insert(near, e);
            } else {
                many = true;
                self.today.extend(near.drain(..).map(Reverse));
                self.today.push(Reverse(e));
            }
        }
    }

    /// The next day of the ring that has a bit; there is one.
    #[inline]
    fn next_day(&self) -> u64 {
        let from = (self.cur as usize + 1) & (self.days.len() - 1);
        let ahead = |i: usize| self.cur + 1 + (i.wrapping_sub(from) & (self.days.len() - 1)) as u64;
        let rest = self.bits[from / 64] & (!0 << (from % 64));
        if rest != 0 {
            return ahead(from / 64 * 64 + rest.trailing_zeros() as usize);
        }
        // By words, from the next one on, round to the one that it began in.
        let all = self.words.len();
        let first = (from / 64 + 1) % self.bits.len();
        let mut w = first / 64;
        let mut word = self.words[w] & (!0 << (first % 64));
        for _ in 0..=all {
            if word != 0 {
                let b = w * 64 + word.trailing_zeros() as usize;
                return ahead(b * 64 + self.bits[b].trailing_zeros() as usize);
            }
            w = (w + 1) % all;
            word = self.words[w];
        }
        unreachable!("something is linked")
    }

    /// Looks whether days are of a good length. On a short one every event is linked, found and sorted in; on a long one
    /// too many lie in front. Where only a few events are pending days grow until all lie in front.
    #[cold]
    fn adapt(&mut self) {
        let each = self.passed / self.turns.max(1);
        let shift = match each {
            // No more days are to be had: longer ones, if that helps.
            _ if self.days.len() == MOST && self.late.len() > self.len / 4 && each < 64 => self.shift + 1,
            _ if self.spills > self.turns / 2 => self.shift.saturating_sub(1),
            0..4 => self.shift + if each < 2 { 2 } else { 1 },
            4..=16 => self.shift,
            _ => self.shift.saturating_sub((each / 8).ilog2()),
        };
        let shift = shift.min(50);
        // A ring of more days where much lies beyond it.
        let many = if self.late.len() > self.len / 4 { self.len * 4 } else { self.len / 2 };
        let days = many.next_power_of_two().clamp(FEWEST, MOST);
        let fits = days <= self.days.len() * 2 && days * 16 >= self.days.len();
        if shift != self.shift {
            let longer = shift > self.shift;
            self.patience = if longer == self.longer { 1 } else { (self.patience * 2).min(64) };
            self.longer = longer;
        }
        (self.passed, self.turns, self.spills) = (0, 0, 0);
        self.look = LOOK.max(self.len as u64) * self.patience;
        if !fits || shift != self.shift {
            // The last instant of today: what was handed out comes before its end, what is still here may not come sooner.
            let now = (self.cur << self.shift) | ((1 << self.shift) - 1);
            self.rebuild(if fits { self.days.len() } else { days }, shift, now);
        }
    }

    #[cold]
    fn rebuild(&mut self, days: usize, shift: u32, now: u64) {
        let mut all = Vec::with_capacity(self.len);
        self.drain(|e| all.push(e));
        self.shift = shift;
        self.cur = now >> shift;
        if days != self.days.len() {
            self.make(days);
        }
        all.into_iter().for_each(|e| self.push(e));
    }

    /// Hands everything out, in no order.
    pub fn drain(&mut self, mut give: impl FnMut(Entry<E>)) {
        self.today.drain().for_each(|Reverse(e)| give(e));
        self.late.drain().for_each(|Reverse(e)| give(e));
        for i in 0..self.days.len() {
            let mut n = std::mem::replace(&mut self.days[i], NIL);
            while n != NIL {
                let node = &self.nodes[n as usize];
                give(node.entry);
                n = node.next;
            }
        }
        self.bits.fill(0);
        self.words.fill(0);
        self.nodes.clear();
        self.free = NIL;
        self.linked = 0;
        self.len = 0;
    }
}

/// Into its place in a short list, latest first.
#[inline]
fn insert<E: Copy>(list: &mut Vec<Entry<E>>, e: Entry<E>) {
    let word = e.word();
    let mut place = list.len();
    list.push(e);
    while place > 0 && list[place - 1].word() < word {
        list[place] = list[place - 1];
        place -= 1;
    }
    list[place] = e;
}
