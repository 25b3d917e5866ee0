//! What protects the link between two servers: a secret and certificates, right and wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tandem_tests::lab::{self, Host, Load, Make, Mix, Namespace, Pair, Peer, Relationship, until};

const PATIENCE: Duration = Duration::from_secs(40);

/// Whoever signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    Expired,
    AnothersName,
}

impl Authority {
    fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let file = folder.join(format!("{name}.pem"));
        let certificate = params.self_signed(&key).expect("a certificate");
        fs::write(&file, certificate.pem()).expect("it is written");
        Self { issuer: Issuer::new(params, key), file }
    }

    /// The configuration of a server on `host` whose certificate is signed here, and who believes
    /// `trusted`.
    fn tls(&self, host: Host, flaw: Flaw, trusted: &Self) -> String {
        let name = match flaw {
            Flaw::AnothersName => "192.0.2.99".to_owned(),
            Flaw::None | Flaw::Expired => host.failover_address().to_string(),
        };
        let mut params = CertificateParams::new(vec![name]).expect("parameters");
        if flaw == Flaw::Expired {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2002, 1, 1);
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let folder = self.file.with_extension(format!("{host:?}-{flaw:?}"));
        fs::create_dir_all(&folder).expect("a folder");
        let (chain, private) = (folder.join("chain.pem"), folder.join("key.pem"));
        fs::write(&chain, certificate.pem()).expect("it is written");
        fs::write(&private, key.serialize_pem()).expect("it is written");
        fs::set_permissions(&private, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .expect("nobody else reads it");
        let authority = &trusted.file;
        format!(
            "tls = {{ certificate = {chain:?}, key = {private:?}, authority = {authority:?} }}\n"
        )
    }
}

fn relationship() -> Relationship {
    Relationship { lease_s: 60, mclt_s: 8, receive_timer_s: 4, ..Relationship::default() }
}

/// Two servers, each with further configuration of its own.
fn start(pair: &Pair, further: [&str; 2]) -> [Peer; 2] {
    Host::BOTH.map(|host| {
        let further = format!("startup = \"1s\"\nreconnect = \"1s\"\n{}", further[host as usize]);
        let mut peer = Peer::with(pair, host, Make::Tandem, &relationship(), &further);
        peer.start(pair);
        peer
    })
}

/// They become a pair, and what one grants both know.
fn must_be_a_pair(pair: &Pair, further: [&str; 2]) {
    let mut peers = start(pair, further);
    for peer in &mut peers {
        peer.expect_state(&["normal"], PATIENCE);
    }
    let relay: Namespace = pair.site.host("relay", "10.77.0.9");
    let servers = Host::BOTH.map(Host::address);
    let mut load = Load::new(&relay, [10, 77, 0, 9].into(), &servers, 20, lab::seed());
    let end = Instant::now() + PATIENCE;
    let mix = Mix { renewals: 50, releases: 0 };
    let tally = load.run(mix, 4, |tally| tally.acknowledged >= 30 || end < Instant::now());
    assert!(tally.expect("no address twice").acknowledged >= 30);
    until("both know every lease", PATIENCE, || {
        peers.iter().all(|peer| load.ledger.check(SystemTime::now(), &peer.leases()).is_ok())
    });
    assert!(peers.iter().all(|peer| peer.state() == "normal"));
}

/// They do not, and each says why: one of the words in its own log and status.
fn must_not_be(pair: &Pair, what: &str, further: [&str; 2], words: [&str; 2]) {
    let peers = start(pair, further);
    for (peer, words) in peers.iter().zip(words) {
        let end = Instant::now() + PATIENCE;
        loop {
            let status = peer.failover_status().unwrap_or_default();
            let last = status["last-refusal"]["what"].as_str().unwrap_or_default();
            let is_refused = last.contains(words) && peer.output().contains(words);
            // It may be refused while it still listens for the other.
            if is_refused && status["state"] == "recover" {
                assert!(status["connections"]["refused"].as_u64() > Some(0), "{what}: {status}");
                assert_eq!(status["connections"]["links"].as_u64(), Some(0), "{what}: {status}");
                break;
            }
            assert!(
                Instant::now() < end,
                "{what}: {:?} does not say {words:?} in RECOVER: {status}\n{}",
                peer.host,
                peer.output()
            );
        }
    }
}

#[test]
fn a_pair_goes_over_to_tls_and_refuses_who_cannot_show_who_it_is() {
    if !lab::available("certificates") {
        return;
    }
    let pair = Pair::new("tls");
    let ours = Authority::new(pair.site.directory(), "ours");
    let others = Authority::new(pair.site.directory(), "others");
    let sound = Host::BOTH.map(|host| ours.tls(host, Flaw::None, &ours));
    must_be_a_pair(&pair, [&sound[0], &sound[1]]);
    for peer in Host::BOTH {
        let log = pair.directory(&format!("Tandem-{peer:?}"));
        assert!(log.exists());
        fs::remove_dir_all(log).expect("a new server");
    }

    let alien = |host| others.tls(host, Flaw::None, &ours);
    let expired = |host| ours.tls(host, Flaw::Expired, &ours);
    let renamed = |host| ours.tls(host, Flaw::AnothersName, &ours);
    let plain = String::new;
    let (a, b) = (Host::A, Host::B);
    let cases: [(&str, [String; 2], [&str; 2]); 8] = [
        (
            "the secondary's authority",
            [sound[0].clone(), alien(b)],
            ["invalid peer certificate: UnknownIssuer", "received fatal alert"],
        ),
        (
            "the primary's authority",
            [alien(a), sound[1].clone()],
            ["received fatal alert", "invalid peer certificate: UnknownIssuer"],
        ),
        (
            "the secondary's is expired",
            [sound[0].clone(), expired(b)],
            ["certificate expired", "received fatal alert"],
        ),
        (
            "the primary's is expired",
            [expired(a), sound[1].clone()],
            ["received fatal alert", "certificate expired"],
        ),
        (
            "the secondary's name",
            [sound[0].clone(), renamed(b)],
            ["not valid for name", "received fatal alert"],
        ),
        (
            "the primary's name",
            [renamed(a), sound[1].clone()],
            ["received fatal alert", "not valid for name"],
        ),
        (
            "a plain secondary",
            [sound[0].clone(), plain()],
            ["TLS is not configured", "TLS is not configured"],
        ),
        ("a plain primary", [plain(), sound[1].clone()], ["TLS is required", "TLS is required"]),
    ];
    for (what, further, words) in cases {
        // Files are written anew for each: a server has read its own by then.
        must_not_be(&pair, what, further.each_ref().map(String::as_str), words);
    }
}

#[test]
fn a_pair_shares_a_secret_and_refuses_who_does_not_know_it() {
    if !lab::available("secrets") {
        return;
    }
    let pair = Pair::new("secret");
    let [ours, another] =
        ["between the two", "of somebody else"].map(|it| format!("secret = {it:?}\n"));
    let cases = [
        (
            "another secret",
            [ours.as_str(), another.as_str()],
            ["a message-digest that is not right"; 2],
        ),
        (
            "a secondary without",
            [&ours, ""],
            ["a message without message-digest", "no secret is configured"],
        ),
        (
            "a primary without",
            ["", &ours],
            ["no secret is configured", "a message without message-digest"],
        ),
    ];
    for (what, further, words) in cases {
        must_not_be(&pair, what, further, words);
    }
    must_be_a_pair(&pair, [&ours, &ours]);
}
