//! Known answers, made with `doveadm pw` of Dovecot 2.3.19, and values that must be refused.

use std::collections::HashSet;

use super::*;

const SHORT: &str = "tanstaaf";
/// Eight-bit octets, spaces, and what means something in a passwd-file.
const ODD: &str = "p\u{e4}ss \"w\u{f6}rd\" $1$";

fn long() -> String {
    "x".repeat(255)
}

// One vector a line.
#[rustfmt::skip]
fn vectors() -> Vec<(String, &'static str)> {
    [
        (SHORT.to_owned(), "{PLAIN}tanstaaf"),
        (SHORT.to_owned(), "{CLEARTEXT}tanstaaf"),
        (SHORT.to_owned(), "{plain}tanstaaf"),
        ("a:b".to_owned(), "{PLAIN.B64}YTpi"),
        ("tanstaaftanstaaf".to_owned(), "{PLAIN.HEX}74616e737461616674616e7374616166"),
        ("tanstaaftanstaaf".to_owned(), "{PLAIN.BASE64}dGFuc3RhYWZ0YW5zdGFhZg=="),
        (SHORT.to_owned(), "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$7FG8CkNJsWG8Td9O1z2zPg$j8gjFpx17Y6WYGj69Cbry+vFpmh7qikD31q7iqJyro0"),
        (ODD.to_owned(), "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$ThrbUiDjJ+D3MJcwM1zbhA$MttX4LBrZmgES3i9j1IMCl+/r/ojzA4tA3ydiFlhKVI"),
        (long(), "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$Ury+H8e5djvglRv4ZQgyHw$/T05sL19aZJq+DjdySJIoUQe5W9YBdgGUU3s5aaumaY"),
        (SHORT.to_owned(), "{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$8q8rPmq74u8AedBUa/NpiA$Uo2ZWLV1g3UgJcWLAvII8Ya+DJYyXG+0758+vavIGP4"),
        (SHORT.to_owned(), "{SHA512-CRYPT}$6$TFPEYjfkgtO7uMKD$vsdlA155oDcQJO15ChsKVbQWJQuXGrRyPvL/sEnon0G7JjffnZuhnI4dPHah4fuyx8lu4Sj3chP3zhCFGp1BJ1"),
        (ODD.to_owned(), "{SHA512-CRYPT}$6$I6c9BIeMk0ai16da$35E9PDayFDD6YH.uu9D9/9tICmxMhJ89Sa/oSn4adEoKJ.h52c6sKy.jdEoTVOtABhFPb6hJ/gzhjbJL0JE/i1"),
        (long(), "{SHA512-CRYPT}$6$5qF3nOw3o6WM1FsP$L4ygET3lc2Cg309VUewlYcbo/Xzxpxa6gqW63O7QZvF/pw1wvX7abCQi8OtU6XZ0bSvJd4IraS4kLhnM1DPAP."),
        (SHORT.to_owned(), "{SHA512-CRYPT.HEX}243624726f756e64733d31303030246f54375659733734546f44325254565724377a4278463577593455776b654259785877667078496357553755446d4c3170575355714e7770765248476737616c45534753587152414c334834684477417a356877524a574b7a644b544f3454317061414b73682e"),
        (SHORT.to_owned(), "{SHA256-CRYPT}$5$v/0s1XIxO3jdhG69$0h5xmdMuCYTP48O4R1WV.HtO2Oj9OMKWB6UUHPAIHI."),
        (SHORT.to_owned(), "{SHA256-CRYPT}$5$rounds=12345$LGP0ZDPagx9g4wRm$Y/FKxNu4IgMqWyL0gQ4QBWE08GtWfrUBiIpktrAyq30"),
        (ODD.to_owned(), "{SHA256-CRYPT}$5$Adf/kc/V7Zn5lsz3$eJRwGTGNOc3Ouw/dg0X04iSHwd73E.ek9uWXQmk1vND"),
        (long(), "{SHA256-CRYPT}$5$SL/Pdy3bh89ogpP0$otd/RDxe4DJb/QQcVn.XKcFeZS9b.0NtuweJ.1ycOI/"),
        (SHORT.to_owned(), "{BLF-CRYPT}$2y$05$yxz6s0xzHyEUEe54hGU/quT73QHBf2bVf3Lyu6x5e9cSGA7OFzzbK"),
        (ODD.to_owned(), "{BLF-CRYPT}$2y$05$0dtU1w06jo5vIZVvwItoLOZ6qWooMPye05r2.XBd3Rpss1cIYgRRi"),
        (long(), "{BLF-CRYPT}$2y$05$qSdUncGQHKtIo56TiS4WtOZe5toBrN26NnQHHLBOZ1z4ioIW/apOO"),
        (SHORT.to_owned(), "{CRYPT}$2y$05$qtZBLfxcHYHwQriGy4TKyu95axApu4RZzAk2qHlVzqgxsh9M7tsMO"),
        (SHORT.to_owned(), "$5$v/0s1XIxO3jdhG69$0h5xmdMuCYTP48O4R1WV.HtO2Oj9OMKWB6UUHPAIHI."),
        (SHORT.to_owned(), "{CRAM-MD5}bc85c9a3cb6b88ebf5a19a22a3604ef939585872c1ade1a2bf44087948a852f4"),
        (SHORT.to_owned(), "{CRAM-MD5.b64}vIXJo8triOv1oZoio2BO+TlYWHLBreGiv0QIeUioUvQ="),
        (ODD.to_owned(), "{CRAM-MD5}a70bb3e4029dd2404231312264f1479bbac8d1726b4fc20d7cbd6644f0557d12"),
        (long(), "{CRAM-MD5}6e1031fef22084ef47de014e53ab470f4627898dca32894c4c9ac6b00811284b"),
    ]
    .into()
}

#[test]
fn passwords_that_dovecot_stored_are_accepted_and_others_are_not() {
    for (password, stored) in vectors() {
        let check = StoredPassword::parse(stored.as_bytes()).expect(stored);
        assert_eq!(check.verify(password.as_bytes()), Ok(true), "{stored}");
        let mut wrong = password.into_bytes();
        wrong[0] ^= 1;
        assert_eq!(check.verify(&wrong), Ok(false), "{stored}");
        assert_eq!(check.verify(b""), Ok(false), "{stored}");
    }
}

#[test]
fn what_is_generated_is_accepted_again_and_differs_each_time() {
    for scheme in generators() {
        for password in [SHORT, ODD, "a:b", "line\nbreak"] {
            let stored = generate(scheme, password.as_bytes()).expect(scheme);
            assert!(
                !stored[scheme.len() + 2..].contains([':', '\n']),
                "{scheme}"
            );
            let check = StoredPassword::parse(stored.as_bytes()).expect(scheme);
            assert_eq!(check.verify(password.as_bytes()), Ok(true), "{scheme}");
            if check.is_slow() {
                assert_ne!(generate(scheme, password.as_bytes()).expect(scheme), stored);
            }
        }
    }
}

#[test]
fn the_default_is_the_first_that_can_be_generated() {
    assert_eq!(generators().next(), Some(DEFAULT));
    assert_eq!(
        generators().collect::<HashSet<_>>().len(),
        generators().count()
    );
    assert!(
        generate("argon2id", b"x").is_ok_and(|stored| stored.starts_with("{ARGON2ID}$argon2id$"))
    );
}

#[test]
fn what_cannot_be_generated_says_why() {
    assert_eq!(
        generate("ROT13", b"x"),
        Err(GenerateError::UnknownScheme("ROT13".to_owned()))
    );
    assert_eq!(
        generate("CRYPT", b"x"),
        Err(GenerateError::UnknownScheme("CRYPT".to_owned()))
    );
    assert_eq!(generate(DEFAULT, b""), Err(GenerateError::Empty));
    let too_long = GenerateError::TooLong {
        scheme: "BLF-CRYPT",
        limit: 71,
    };
    assert_eq!(generate("BLF-CRYPT", &[b'x'; 72]), Err(too_long));
    assert!(generate("BLF-CRYPT", &[b'x'; 71]).is_ok());
}

// One value a line.
#[rustfmt::skip]
#[test]
fn values_that_cannot_be_used_are_refused_and_not_shown() {
    for (stored, message) in [
        ("", "no password"),
        ("{PLAIN}", "no password"),
        ("{ROT13}grafgnns", "unknown password scheme {ROT13}"),
        ("{PLAIN.rot13}x", "unknown password encoding {PLAIN.rot13}"),
        ("{PLAIN.b64}a!", "{PLAIN} password is not base64"),
        ("{CRAM-MD5}00", "{CRAM-MD5} password is not 64 hexadecimal digits"),
        ("hunter2", "unknown crypt format"),
        ("ab1QaPqcVzSxg", "unknown crypt format"),
        ("{my secret}", "unknown crypt format"),
        ("$1$salt$hash", "unknown crypt format $1$"),
        ("$my pass$word", "unknown crypt format"),
        ("{SHA512-CRYPT}$6$salt$short", "{SHA512-CRYPT} password is cut off or too long"),
        ("$6$rounds=10$salt$x", "{SHA512-CRYPT} password is of impossible rounds"),
        ("$6$rounds=99999999$salt$x", "{SHA512-CRYPT} password is more expensive than this server allows"),
        ("$2y$31$yxz6s0xzHyEUEe54hGU/quT73QHBf2bVf3Lyu6x5e9cSGA7OFzzbK", "{BLF-CRYPT} password is more expensive than this server allows"),
        ("$2y$03$yxz6s0xzHyEUEe54hGU/quT73QHBf2bVf3Lyu6x5e9cSGA7OFzzbK", "{BLF-CRYPT} password is of impossible cost"),
        ("$2y$05$yxz6", "{BLF-CRYPT} password is not 60 characters of the form $2y$05$"),
        ("$argon2id$v=19$m=65536,t=3,p=1$7FG8CkNJsWG8Td9O1z2zPg", "{ARGON2ID} password is cut off"),
        ("$argon2id$v=19$m=4294967295,t=3,p=1$7FG8CkNJsWG8Td9O1z2zPg$j8gjFpx17Y6WYGj69Cbry+vFpmh7qikD31q7iqJyro0", "{ARGON2ID} password is more expensive than this server allows"),
        ("$argon2id$v=19$m=65536,t=4294967295,p=1$7FG8CkNJsWG8Td9O1z2zPg$j8gjFpx17Y6WYGj69Cbry+vFpmh7qikD31q7iqJyro0", "{ARGON2ID} password is more expensive than this server allows"),
    ] {
        let error = StoredPassword::parse(stored.as_bytes()).expect_err(stored);
        assert_eq!(error.to_string(), message, "{stored}");
    }
}

#[test]
fn only_what_keeps_the_secret_gives_it_away() {
    let parse = |stored: &str| StoredPassword::parse(stored.as_bytes()).expect(stored);
    let plain = parse("{PLAIN}tanstaaf");
    let secret = plain.credential(Need::Secret).expect("a secret");
    assert_eq!(
        secret.secret().map(|secret| secret.expose()),
        Some(b"tanstaaf".as_slice())
    );
    let cram = parse("{CRAM-MD5}bc85c9a3cb6b88ebf5a19a22a3604ef939585872c1ade1a2bf44087948a852f4");
    assert!(cram.credential(Need::Secret).is_none());
    let mac = cram.credential(Need::HmacMd5).expect("states").hmac_md5();
    assert!(mac.matches(&secret.hmac_md5()));
    let hashed = parse("$5$v/0s1XIxO3jdhG69$0h5xmdMuCYTP48O4R1WV.HtO2Oj9OMKWB6UUHPAIHI.");
    assert!(hashed.credential(Need::HmacMd5).is_none());
}

#[test]
fn nothing_secret_is_printed() {
    let plain = StoredPassword::parse(b"{PLAIN}tanstaaf").expect("a password");
    let printed = format!("{plain:?} {:?}", plain.credential(Need::Secret));
    assert!(!printed.contains("tanstaaf"), "{printed}");
}
