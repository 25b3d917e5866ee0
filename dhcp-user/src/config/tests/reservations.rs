//! Reservation files: their rows, and a million of them.

use std::fmt::Write;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use super::{parse, parse_with_rows, told};
use crate::config::Config;

const NAMING: &str = "reservation-file = \"hosts.csv\"\n[[subnet4]]\nsubnet = \"10.0.0.0/8\"\n";

#[test]
fn wrong_rows_are_told_with_their_line() {
    for (rows, expected) in [
        ("", "hosts.csv: the reservation file is empty"),
        ("hw-adress,address\n", "1:1 unknown column `hw-adress`: did you mean `hw-address`?"),
        ("hw-address, colour\n", "1:13 unknown column `colour`: the columns are: hw-address,"),
        ("hw-address,hw-address\n", "1:12 column `hw-address` twice"),
        ("address,host-name\n", "1:1 no column says whom the reservations are for: give one of"),
        (
            "hw-address,address\n00:00:5e:00:53,10.0.0.1\n",
            "2:1 `hw-address` cannot be `00:00:5e:00:53`",
        ),
        (
            "hw-address,address\n\n#\n00:00:5e:00:53:01,10.0.0\n",
            "4:19 `address` cannot be `10.0.0`",
        ),
        (
            "client-id,host-name\nab,no name\n",
            "2:4 `host-name` cannot be `no name`: a host name has",
        ),
        ("client-id,address\n,10.0.0.1\n", "2:1 a reservation without a client: give one of"),
        ("client-id,remote-id\na,b\n", "2:3 a reservation with two clients: give one of"),
        ("client-id\na,b\n", "2:3 `b` is one field too many: there are 1 columns"),
        ("client-id\n\"a\"\n", "2:1 `client-id` cannot be `\"a\"`"),
        ("client-id\n0xabc\n", "2:1 `client-id` cannot be `0xabc`: write text, hex octets"),
        ("client-id,address\na,11.0.0.1\n", "2:1 reserved address 11.0.0.1 is in no subnet"),
        (
            "client-id,address\na,10.255.255.255\n",
            "2:1 reserved address 10.255.255.255 is the broadcast",
        ),
        (
            "client-id,address\na,10.0.0.1\nb,10.0.0.1\n",
            "3:1 10.0.0.1 is reserved twice: it is also reserved at /etc/tandem/hosts.csv:2:1",
        ),
        (
            "client-id,address\na,10.0.0.1\na,10.0.0.2\n",
            "3:1 two reservations for one client on one network: the other is at /etc/tandem/hosts.csv:2:1",
        ),
    ] {
        let told = told(parse_with_rows(NAMING, rows));
        assert_eq!(told.len(), 1, "{rows:?}: {told:#?}");
        let told = told[0].trim_start_matches("/etc/tandem/");
        assert!(told.starts_with(expected), "{rows:?}:\n{told}\n{expected}");
    }
}

/// DHCPv6: other columns, and lists in them.
#[test]
fn wrong_rows_of_dhcpv6_are_told_with_their_line() {
    const NAMING: &str =
        "reservation-file6 = \"hosts.csv\"\n[[subnet6]]\nsubnet = \"2001:db8::/64\"\n";
    for (rows, expected) in [
        ("duid,address\n", "1:6 unknown column `address`: did you mean `addresses`?"),
        ("addresses\n", "1:1 no column says whom the reservations are for: give one of duid,"),
        ("duid\n0x0003\n", "2:1 `duid` cannot be `0x0003`"),
        ("duid,remote-id\n0x000300,a\n", "2:10 a reservation with two clients: give one of duid,"),
        (
            "remote-id,addresses\na,2001:db8::1  10.0.0.1\n",
            "2:16 `addresses` cannot be `10.0.0.1`: write an IPv6 address",
        ),
        ("remote-id,prefixes\na, 2001:db8::1/64\n", "2:4 `prefixes` cannot be `2001:db8::1/64`"),
        (
            "remote-id,addresses\na,2001:db8::1 2001:db8:0:1::1\n",
            "2:15 reserved address 2001:db8:0:1::1 is in no subnet",
        ),
        (
            "remote-id,addresses\na,2001:db8::1\nb,2001:db8::1\n",
            "3:3 2001:db8::1/128 is reserved twice: it is also reserved at /etc/tandem/hosts.csv:2:3",
        ),
    ] {
        let told = told(parse_with_rows(NAMING, rows));
        assert_eq!(told.len(), 1, "{rows:?}: {told:#?}");
        let told = told[0].trim_start_matches("/etc/tandem/");
        assert!(told.starts_with(expected), "{rows:?}:\n{told}\n{expected}");
    }
}

#[test]
fn a_missing_file_is_told_where_it_is_named() {
    let told = told(parse(NAMING));
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with(
            "1:20 `reservation-file` cannot be `\"hosts.csv\"`: hosts.csv cannot be read"
        ),
        "{told:?}"
    );
}

#[test]
fn names_of_files_are_relative_to_the_configuration() {
    let read = |path: &Path| {
        assert_eq!(path, Path::new("/etc/tandem/hosts.csv"));
        io::Result::Ok("client-id\na\n".to_owned())
    };
    Config::parse(NAMING, Path::new("/etc/tandem/tandem.toml"), &read).unwrap();
}

#[test]
fn one_client_may_have_addresses_on_several_networks() {
    let text = format!("{NAMING}[[subnet4]]\nsubnet = \"172.16.0.0/12\"\n");
    let rows = "client-id,address\na,10.0.0.1\na,172.16.0.1\na,\n";
    assert_eq!(parse_with_rows(&text, rows).unwrap().reservations.len(), 3);
}

/// `count` rows; the addresses begin at 10.0.0.1.
fn many(count: u32) -> String {
    let mut rows = String::from("hw-address,address,host-name\n");
    for number in 0..count {
        let [a, b, c, d] = number.to_be_bytes();
        let address = Ipv4Addr::from(0x0a00_0001 + number);
        writeln!(rows, "02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x},{address},h{number}").unwrap();
    }
    rows
}

#[test]
fn a_million_rows_are_read_and_the_one_duplicate_found() {
    const COUNT: u32 = 1_000_000;
    let mut rows = many(COUNT);
    assert_eq!(parse_with_rows(NAMING, &rows).unwrap().reservations.len(), COUNT as usize);
    rows.push_str("02:00:00:00:00:00,10.200.0.1,again\n");
    let told = told(parse_with_rows(NAMING, &rows));
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].starts_with("1000002:1 two reservations for one client"), "{told:?}");
}

#[test]
fn a_million_wrong_rows_are_counted() {
    let rows = many(1_000_000).replace(",10.", ",11.");
    let mistakes = parse_with_rows(NAMING, &rows).unwrap_err();
    assert_eq!(mistakes.len(), 1_000_000);
    assert!(mistakes.to_string().ends_with("1000000 mistakes in the configuration"));
}
