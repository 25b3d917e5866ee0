use std::net::Ipv4Addr;

use super::*;
use crate::failover::skew::Skew;
use crate::failover::{Terms, testing};
use crate::lease::{ClientKey, Layout, NetworkId, Range, ResourceId};
use crate::wire::failover::Message;

const POOL: PoolId = PoolId(ResourceId::of(Ipv4Addr::new(10, 0, 0, 10)));
const NOW: Stamp = Stamp(10_000);

fn ip(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(POOL.0.0 + number)
}

fn table(count: u32, reserved: &[u32]) -> Table {
    let net = Range::ipv4(Ipv4Addr::new(10, 0, 0, 0), Ipv4Addr::new(10, 255, 255, 255));
    let pool = Range::ipv4(ip(0), ip(count - 1));
    let reserved = reserved.iter().map(|number| ip(*number).into()).collect();
    let layout = Layout::new(vec![(net, NetworkId(net.first))], vec![pool], reserved);
    Table::new(layout.with_relationships(vec![(net, 0)]))
}

fn balance(role: Role) -> Balance {
    let base = testing::settings(role);
    let terms = Terms { min_balance: Seconds(60), max_balance: Seconds(3_600), ..base.terms };
    let settings = Settings { terms, pools: vec![POOL], ..base };
    Balance::new(&settings, WriterId(9))
}

fn run<T>(
    now: Stamp,
    table: &Table,
    act: impl FnOnce(&Moment<'_>, &mut Vec<Action>) -> T,
) -> (T, Vec<Action>) {
    let skew = Skew::default();
    let at = Moment {
        now,
        state: State::Normal,
        is_heard: true,
        tells: true,
        is_followed: true,
        skew: &skew,
        table,
    };
    let mut actions = Vec::new();
    (act(&at, &mut actions), actions)
}

fn set(table: &Table, address: Ipv4Addr, new: Binding) {
    let guard = table.pin();
    let seen = table.seen(address, &guard).unwrap();
    table.replace(address, seen, new, &guard).unwrap();
}

fn work(balance: &mut Balance, table: &Table, room: usize) -> (bool, Vec<Action>) {
    let mut xids = Xids::after(0, Protocol::Dhcpv4);
    run(NOW, table, |at, actions| balance.work(at, room, &mut xids, actions))
}

fn moved(actions: &[Action]) -> Vec<Ipv4Addr> {
    let moved = actions.iter().filter_map(|action| match action {
        Action::Changed { resource, .. } => resource.ipv4(),
        _ => None,
    });
    moved.collect()
}

/// Free since `starts`, last had by a client whose bucket is known from spec §8.1.
fn history(octets: &[u8], starts: u32) -> Binding {
    let key = ClientKey { kind: ItemKind::Identifier, octets };
    let client = Some(Client::builder(key).build());
    Binding { client, ..Binding::new(BindingStatus::Free, Stamp(starts)) }
}

/// Bucket 20, the primary's; and 200, the secondary's.
const PRIMARYS: &[u8] = b"\x01\x02\x00\x00\x00\x01\x04";
const SECONDARYS: &[u8] = b"\x01\x02\x00\x00\x00\x01\x01";

/// Captured: the primary of two empty dhcpds gives 10 of 20.
#[test]
fn on_entering_normal_the_primary_gives_half_of_what_was_never_used() {
    let table = table(20, &[]);
    let mut balance = balance(Role::Primary);
    balance.begin(NOW);
    let (more, actions) = work(&mut balance, &table, 100);
    assert!(!more);
    assert_eq!(moved(&actions).len(), 10);
    let counts = table.counts(POOL);
    assert_eq!((counts.free, counts.backup), (10, 10));
    assert_eq!(table.count_untold(Range::ipv4(ip(0), ip(19))), 10);
    balance.begin(NOW);
    assert!(moved(&work(&mut balance, &table, 100).1).is_empty());
}

#[test]
fn a_secondary_with_too_many_gives_some_back() {
    let table = table(20, &[]);
    (0..16).for_each(|n| set(&table, ip(n), Binding::new(BindingStatus::Backup, Stamp(n))));
    let mut balance = balance(Role::Secondary);
    balance.begin(NOW);
    assert_eq!(moved(&work(&mut balance, &table, 100).1).len(), 6);
    let counts = table.counts(POOL);
    assert_eq!((counts.free, counts.backup), (10, 10));
}

#[test]
fn addresses_of_the_partners_clients_go_first_and_beyond_the_even_split() {
    let table = table(20, &[]);
    for number in 0..20 {
        let whose = if number < 13 { SECONDARYS } else { PRIMARYS };
        set(&table, ip(number), history(whose, number));
    }
    let mut balance = balance(Role::Primary);
    balance.begin(NOW);
    let moved = moved(&work(&mut balance, &table, 100).1);
    // Ten, and the two that may be held.
    assert_eq!(moved, (0..12).map(ip).collect::<Vec<_>>());
}

/// A look at one pool is cut off after some thousand addresses.
#[test]
fn addresses_of_the_partners_clients_go_first_however_many_were_never_used() {
    let table = table(40_000, &[]);
    for number in 30_000..30_020 {
        let whose = if number % 2 == 0 { SECONDARYS } else { PRIMARYS };
        set(&table, ip(number), history(whose, number));
    }
    let mut balance = balance(Role::Primary);
    balance.begin(NOW);
    let moved = moved(&work(&mut balance, &table, 20).1);
    assert_eq!(moved[..10], std::array::from_fn::<_, 10, _>(|n| ip(30_000 + 2 * n as u32)));
}

#[test]
fn a_starved_primary_asks_when_the_clock_says_so_and_is_given_half() {
    let table = table(20, &[]);
    (0..20).for_each(|n| set(&table, ip(n), Binding::new(BindingStatus::Backup, Stamp(n))));
    let mut primary = balance(Role::Primary);
    primary.begin(NOW);
    assert!(work(&mut primary, &table, 100).1.is_empty());
    primary.on_tick(NOW.after(Seconds(60)), &table);
    assert_eq!(work(&mut primary, &table, 100).1, [Action::Send(1, Message::PoolRequest)]);
    let mut secondary = balance(Role::Secondary);
    run(NOW, &table, |at, actions| secondary.on_request(at, 1, actions));
    let (_, actions) = work(&mut secondary, &table, 100);
    assert_eq!(actions.last(), Some(&Action::Send(1, Message::PoolResponse { transferred: 10 })));
    assert_eq!(table.counts(POOL).free, 10);
}

#[test]
fn requests_that_come_in_heaps_are_all_answered_and_hold_up_nothing() {
    let table = table(20, &[]);
    let mut balance = balance(Role::Primary);
    let ((), actions) = run(NOW, &table, |at, actions| {
        (1..=1_000).for_each(|xid| balance.on_request(at, xid, actions));
    });
    let at_once = actions.len();
    let (more, actions) = work(&mut balance, &table, 30);
    assert!(!more);
    let answers = actions.iter().filter(|action| matches!(action, Action::Send(..)));
    assert_eq!(at_once + answers.count(), 1_000);
}

#[test]
fn of_used_addresses_as_many_are_kept_as_may_be_held() {
    let table = table(20, &[]);
    (0..20).for_each(|number| set(&table, ip(number), history(PRIMARYS, number)));
    let mut balance = balance(Role::Primary);
    balance.begin(NOW);
    assert_eq!(moved(&work(&mut balance, &table, 100).1).len(), 8, "a surplus of 2 stays");
}

#[test]
fn what_is_offered_or_reserved_stays() {
    let table = table(20, &[0, 1]);
    for number in 2..16 {
        let offered = Binding { offered_until: NOW.after(Seconds(9)), ..history(SECONDARYS, 1) };
        set(&table, ip(number), offered);
    }
    let mut balance = balance(Role::Primary);
    balance.begin(NOW);
    let mut moved = moved(&work(&mut balance, &table, 100).1);
    moved.sort();
    assert_eq!(moved, [16, 17, 18, 19].map(ip));
}

#[test]
fn a_large_pool_is_shared_in_pieces_and_the_answer_comes_at_the_end() {
    let table = table(40_000, &[]);
    let mut balance = balance(Role::Primary);
    let ((), actions) = run(NOW, &table, |at, actions| balance.on_request(at, 7, actions));
    assert!(actions.is_empty());
    let mut count = 0;
    for _ in 0..1_000 {
        let (more, actions) = work(&mut balance, &table, 100);
        assert!(actions.len() <= 100);
        count += moved(&actions).len();
        if !more {
            let answer = Message::PoolResponse { transferred: 20_000 };
            assert_eq!(actions.last(), Some(&Action::Send(7, answer)));
            assert_eq!(count, 20_000);
            return;
        }
    }
    panic!("never done: {count}");
}

#[test]
fn a_request_is_answered_with_nothing_outside_of_normal() {
    let table = table(20, &[]);
    let mut balance = balance(Role::Primary);
    let ((), actions) = run(NOW, &table, |at, actions| {
        let at = Moment { state: State::CommunicationsInterrupted, ..*at };
        balance.on_request(&at, 7, actions);
    });
    assert_eq!(actions, [Action::Send(7, Message::PoolResponse { transferred: 0 })]);
}

#[test]
fn an_address_that_its_client_left_goes_to_its_clients_server_at_once() {
    let table = table(20, &[]);
    let mut balance = balance(Role::Primary);
    balance.begin(NOW);
    work(&mut balance, &table, 100);
    let free: Vec<_> = (0..20)
        .map(ip)
        .filter(|address| {
            let guard = table.pin();
            table.seen(*address, &guard).unwrap().binding().is_none()
        })
        .collect();
    for (address, whose) in free.iter().zip([SECONDARYS, PRIMARYS]) {
        let now = history(whose, 9);
        set(&table, *address, now.clone());
        let before = Binding { status: BindingStatus::Expired, ..now.clone() };
        balance.on_change((*address).into(), &before, &now);
    }
    assert_eq!(moved(&work(&mut balance, &table, 100).1), [free[0]]);
}

#[test]
fn a_starved_secondary_asks_when_the_clock_says_so() {
    let table = table(20, &[]);
    let mut balance = balance(Role::Secondary);
    balance.begin(NOW);
    assert!(work(&mut balance, &table, 100).1.is_empty(), "not of its own accord");
    assert_eq!(balance.next_timeout(), Some(NOW.after(Seconds(60))));
    balance.on_tick(NOW.after(Seconds(59)), &table);
    assert!(work(&mut balance, &table, 100).1.is_empty());
    balance.on_tick(NOW.after(Seconds(60)), &table);
    assert_eq!(work(&mut balance, &table, 100).1, [Action::Send(1, Message::PoolRequest)]);
}

#[test]
fn the_pools_are_looked_at_when_a_count_has_changed_much_and_after_long() {
    let table = table(20, &[]);
    let mut balance = balance(Role::Primary);
    balance.begin(NOW);
    work(&mut balance, &table, 100);
    let later = |seconds| NOW.after(Seconds(seconds));
    balance.on_tick(later(60), &table);
    assert!(balance.look.is_none());
    let given: Vec<_> = (0..20)
        .map(ip)
        .filter(|address| {
            let guard = table.pin();
            table.seen(*address, &guard).unwrap().binding().is_some()
        })
        .collect();
    given[..8].iter().for_each(|address| {
        set(&table, *address, Binding::new(BindingStatus::Active, NOW));
    });
    balance.on_tick(later(120), &table);
    assert_eq!(moved(&work(&mut balance, &table, 100).1).len(), 4);
    balance.on_tick(later(180), &table);
    assert!(balance.look.is_none());
    balance.on_tick(later(4_000), &table);
    assert!(balance.look.is_some());
    balance.stop();
    assert_eq!(balance.next_timeout(), None);
}
