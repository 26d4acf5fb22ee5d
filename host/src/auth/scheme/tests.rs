//! Known answers, made with `doveadm pw` of Dovecot 2.3.19, and values that must be refused.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

const SHORT: &str = "tanstaaf";
/// Eight-bit octets, spaces, and what means something in a passwd-file.
const ODD: &str = "p\u{e4}ss \"w\u{f6}rd\" $1$";

fn long() -> String {
    "x".repeat(255)
}

// One vector a line.
#[rustfmt::skip]
#[expect(clippy::too_many_lines, reason = "a table")]
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
        (SHORT.to_owned(), "{MD5-CRYPT}$1$bUroUM9h$IikH7mIH2gGG5aEAgni8G0"),
        (ODD.to_owned(), "{MD5-CRYPT}$1$SVaqASI8$NZBOouobegLI5wHBp4X2g."),
        (long(), "{MD5-CRYPT}$1$CaLKpiSp$pXb2wyoSypfuK3r9FHYmh0"),
        (SHORT.to_owned(), "{DES-CRYPT}xZJxopCgRClL6"),
        (SHORT.to_owned(), "xZJxopCgRClL6"),
        (ODD.to_owned(), "{DES-CRYPT}9uHV8TLJtsn7o"),
        (long(), "{DES-CRYPT}DOb.DPkdIEMaw"),
        (SHORT.to_owned(), "{CRYPT}$y$j9T$F5Jx5fExrKuPp53xLKQ..1$rRF.D9G8EheNrIkcOH0ViLc7/EArSDCi/nFGFUZtoF9"),
        ("p\u{e4}ssword".to_owned(), "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$uDe9DzkRaoLcpK3XsX1COmq9ojeDZPPU7hopiHbrFR8"),
        (SHORT.to_owned(), "{PBKDF2}$1$fNdbQ0TIEz9TdSTe$5000$234a00d1e9792ce831a273c4aea501fec32f3bff"),
        (SHORT.to_owned(), "{PBKDF2}$1$MS049DE0ljFqgO83$12345$62218a0dbec901f695eeee39f19baa43fb81b1ac"),
        (SHORT.to_owned(), "{PBKDF2.B64}JDEkMUpYRVBlR3FoeUxEeGZFNyQ1MDAwJDg0ZDY4NjI3YThiNWI1M2UwMzhiN2Y2N2Q5M2IyZDA3NTAyOTNlN2Y="),
        (ODD.to_owned(), "{PBKDF2}$1$1VBvAjcwWWEigSOg$5000$3645ee197e286941e3dbc2917ccfa0cdb9c54531"),
        (long(), "{PBKDF2}$1$wVBXP66FfWB99Yly$5000$83767b31ff8d245e9be2b068e74391ae81fa7dad"),
        (SHORT.to_owned(), "{SSHA}O49Tc0cBHuq1i1qLNplY2PU2Z0l/c8CK"),
        (SHORT.to_owned(), "{SSHA.HEX}01df72b3362cb634b90ff4a03d3009471db272faeac5716c"),
        (ODD.to_owned(), "{SSHA}hOzFeovbvPjqYPs+wQ0iwg1fhXBF4h9Y"),
        (long(), "{SSHA}yBfMB7xewX52iPjdeEMtFCUOkujLRQzg"),
        (SHORT.to_owned(), "{SSHA256}7mi+IcQBaodAGA6669L0gfD214z3h04MfajyCY1VFaTWQHW1"),
        (SHORT.to_owned(), "{SSHA256.HEX}80b44c9168acfd0c88984823f4d78ae2b45ef2ca41da69841733a83c3c5b79b18441037a"),
        (ODD.to_owned(), "{SSHA256}NGzAxwf3NsF6UJGhaCUzkYNDygsGhXTXi/PX40ZK44vIdg8+"),
        (long(), "{SSHA256}c9Wp52AhBDVWo4STS3d3pm6fGP4Q2B+SS4/kBGdfLljC6s1S"),
        (SHORT.to_owned(), "{SSHA512}D7aa+fFlCKRxx/OXA/mQiCudF6kwbMKX1WLxWolRMqql7CUe6UYEGmQgDe63teMzJwjKRv85zd7qj9/vTBotdxcUgEs="),
        (ODD.to_owned(), "{SSHA512}kfKL6keNLE1IUjMAy2eIgPq9WzKXbvnfaDIXt8SNQO0eW8ihMWvbG8OpynCxsqri+kESPAxiqzRLbl0zZguMxb42dWY="),
        (long(), "{SSHA512}H7glzD2lfnMH//NBQnyoiVvIukkh3I5OR4YoCSnaeH/cverUCF5H0atHBWN9DWZbu+Wzl2o8yMdl4SLS5NQKZYHUyQM="),
        (SHORT.to_owned(), "{SMD5}QLRFzt8xlmxOXq+3A8Y3J0QZorA="),
        (SHORT.to_owned(), "{SMD5.HEX}cd8f37a896c27b81d7c05a64c311bdc8100b57d9"),
        (ODD.to_owned(), "{SMD5}HQAfznloTaNpnVDE+VX6IP/l7aU="),
        (long(), "{SMD5}Qx94CpBPNAk/kgJdLZidAhlWaPc="),
        (SHORT.to_owned(), "{SHA}60cXn4M+9rlkPiIl1CM8mjjFKYE="),
        (SHORT.to_owned(), "{SHA1}60cXn4M+9rlkPiIl1CM8mjjFKYE="),
        (SHORT.to_owned(), "{SHA}eb47179f833ef6b9643e2225d4233c9a38c52981"),
        (SHORT.to_owned(), "{SHA.HEX}eb47179f833ef6b9643e2225d4233c9a38c52981"),
        (ODD.to_owned(), "{SHA}PXgrJ9nHvghtB5D8SRYcdXeXmII="),
        (long(), "{SHA}Y6oauq27VpjyUnxc/M577PBGX5c="),
        (SHORT.to_owned(), "{SHA256}2OZJiX4f3IEocTIetqYiu1a2GovhuIBYRxZR+uXBLKo="),
        (SHORT.to_owned(), "{SHA256.B64}2OZJiX4f3IEocTIetqYiu1a2GovhuIBYRxZR+uXBLKo="),
        (ODD.to_owned(), "{SHA256}lE43a6WlaQuwbpRHToWr6yfQaHfcjJs9p3FbniHvvkU="),
        (long(), "{SHA256}0iYJ2jrjlWykh3BWqOWA7tdEpvfXz6WxndiNUvzA1DU="),
        (SHORT.to_owned(), "{SHA512}7k4B2Jp+VfRq9eIRUB9fGp9ZeNyZPWiiDRYSh7oJALW7dmzxjah/z/nf+cj/MOzDknLTjla4zoq4EfWvmjU7oA=="),
        (ODD.to_owned(), "{SHA512}KmE7I/KlwRdrrUTDUXJ5v5zPQMHvK5tU3zfUTV016bQVlWonMNWFUqLp6p7nlMt48vJ5sigAFqvFeb7HqECLpQ=="),
        (long(), "{SHA512}IP7KORwoX3HIxRuL2atnNF/i++rNO9P2bsq5cA3vzROoBQEQb+erzggLbySM17opTj8o3rhJAFkBMw8HIWHW2w=="),
        (SHORT.to_owned(), "{LDAP-MD5}s6oLpOH5V+Xz7zVs/BRwCA=="),
        (ODD.to_owned(), "{LDAP-MD5}inUPZvxSUdKMlZWWuwwDRA=="),
        (SHORT.to_owned(), "{PLAIN-MD5}b3aa0ba4e1f957e5f3ef356cfc147008"),
        (long(), "{PLAIN-MD5}cb3ead3ffb3d928128c57a88ddc023c9"),
        (SHORT.to_owned(), "{SCRAM-SHA-1}4096,y3xP5GnWWLmBbRy9vyibyg==,ZeeBUkc8a8FunAQ6cvI1LAZ/9vU=,1yLKqWIlvK8OQnN47IC10y5pDMw="),
        (ODD.to_owned(), "{SCRAM-SHA-1}4096,eygjE5RQual4zNlsxcHWxQ==,d0FLl/ZCfecmU9XRGSprw5iM2f4=,bFwGu+9D2u3voB6Vo7nQS+hyTC8="),
        (long(), "{SCRAM-SHA-1}4096,vALhSh64odaMwx8i9dv/sQ==,Ne4k9UY+NGitn0ZCgMmKJw+UvgQ=,0Joadl6kZKs5RtO4pRfGXQ9V38g="),
        (SHORT.to_owned(), "{SCRAM-SHA-256}4096,IyHjG8uLcn3LDP2+Ko8GVg==,a2LnEJ1v/3SrMyK00eRZ1vnLiv//S20jokRXj8weDj8=,d8DUTS5akmh30lsIVzai2uftPDE/lRpxZ4GQTHwfSB0="),
        (ODD.to_owned(), "{SCRAM-SHA-256}4096,lg3Ae5/g3q3WaZm/P1Eouw==,M4C54HVoJsTXbUL4IcCFm/RMckst6TQGWM/Yo2jUmv8=,mxovcpQREyG/r+lfy9VB5d807Q7mgy9Om82WoxZpqbE="),
        (long(), "{SCRAM-SHA-256}4096,K4oH6c3q0fvXMKjaiUqwBw==,AqPCTXr6OKdmihyjtgOHnX3+4/0cwcVBL4GBUQaAFHU=,lDucHvaVLAdyMTqK4Jbj+F67AczICjAHU5a2HdkdjZg="),
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
        ("{my secret}", "unknown crypt format"),
        ("$7$salt$hash", "unknown crypt format $7$"),
        ("$1$salt$hash", "{MD5-CRYPT} password is not of the form $1$salt$hash"),
        ("$1$toolongasalt$IikH7mIH2gGG5aEAgni8G0", "{MD5-CRYPT} password is not of the form $1$salt$hash"),
        ("$y$j9T$F5Jx5fExrKuPp53xLKQ..1$rRF.", "{YESCRYPT} password is cut off or too long"),
        ("$y$j9T$F5Jx5fExrKuPp53xLKQ..1", "{YESCRYPT} password is not of the form $y$params$salt$hash"),
        ("$y$jNT$F5Jx5fExrKuPp53xLKQ..1$rRF.D9G8EheNrIkcOH0ViLc7/EArSDCi/nFGFUZtoF9", "{YESCRYPT} password is more expensive than this server allows"),
        ("$y$j9T/.$F5Jx5fExrKuPp53xLKQ..1$rRF.D9G8EheNrIkcOH0ViLc7/EArSDCi/nFGFUZtoF9", "{YESCRYPT} password is of parameters that this server does not read"),
        ("{PBKDF2}$1$salt$5000", "{PBKDF2} password is not of the form $1$salt$rounds$hash"),
        ("{PBKDF2}$1$salt$5000$00", "{PBKDF2} password is not of the form $1$salt$rounds$hash"),
        ("{PBKDF2}$1$salt$0$234a00d1e9792ce831a273c4aea501fec32f3bff", "{PBKDF2} password is of impossible rounds"),
        ("{PBKDF2}$1$salt$4000000000$234a00d1e9792ce831a273c4aea501fec32f3bff", "{PBKDF2} password is more expensive than this server allows"),
        ("{SSHA}60cXn4M+9rlkPiIl1CM8mjjFKYE=", "{SSHA} password is cut off or too long"),
        ("{SHA256}60cXn4M+9rlkPiIl1CM8mjjFKYE=", "{SHA256} password is cut off or too long"),
        ("{SHA}not base64", "{SHA} password is not base64"),
        ("{PLAIN-MD5}b3aa0ba4e1f957e5f3ef356cfc14700x", "{PLAIN-MD5} password is not hexadecimal"),
        ("{SCRAM-SHA-1}4096,AA==,AA==", "{SCRAM-SHA-1} password is not of the form iterations,salt,key,key"),
        ("{SCRAM-SHA-1}4096,AA==,AA==,AA==", "{SCRAM-SHA-1} password is cut off or too long"),
        ("{SCRAM-SHA-1}4095,AA==,AA==,AA==", "{SCRAM-SHA-1} password is of fewer than 4096 iterations"),
        ("{SCRAM-SHA-1}4000000000,AA==,AA==,AA==", "{SCRAM-SHA-1} password is more expensive than this server allows"),
        ("{SCRAM-SHA-1}4096,,AA==,AA==", "{SCRAM-SHA-1} password is without a salt of 1 to 64 octets"),
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
    let mac = cram
        .credential(Need::HmacMd5)
        .and_then(|known| known.hmac_md5());
    assert!(
        mac.expect("states")
            .matches(&secret.hmac_md5().expect("a secret"))
    );
    let hashed = parse("$5$v/0s1XIxO3jdhG69$0h5xmdMuCYTP48O4R1WV.HtO2Oj9OMKWB6UUHPAIHI.");
    assert!(hashed.credential(Need::HmacMd5).is_none());
}

#[test]
fn scram_can_be_done_with_its_own_keys_or_with_the_secret() {
    let parse = |stored: &str| StoredPassword::parse(stored.as_bytes()).expect(stored);
    let keys = generate("SCRAM-SHA-256", b"tanstaaf").expect("keys");
    for (stored, sha1, sha256) in [
        ("{PLAIN}tanstaaf", true, true),
        (keys.as_str(), false, true),
        ("{SHA}60cXn4M+9rlkPiIl1CM8mjjFKYE=", false, false),
    ] {
        let stored = parse(stored);
        assert_eq!(stored.keeps(Need::Scram(Hash::Sha1)), sha1);
        assert_eq!(stored.keeps(Need::Scram(Hash::Sha256)), sha256);
        assert!(!stored.keeps(Need::Token));
        assert!(stored.credential(Need::Scram(Hash::Sha256)).is_none());
    }
}

#[test]
fn values_of_any_octets_are_read_without_a_panic() {
    let schemes = SCHEMES.iter().flat_map(|row| row.names);
    for scheme in schemes.chain(&["", "CRYPT"]) {
        for value in [
            "$",
            "$$",
            "$$$$",
            "$1$",
            "$1$$",
            "$5$$",
            "$6$rounds=$$",
            "$y$$$",
            "$y$....$$",
            "$argon2id$$$$$",
            "$2y$05$",
            ",,,",
            "0,,,",
            "-1,A,B,C",
            "=",
            "====",
            "\u{e4}",
            "\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}x",
            "{}",
            "{SHA}",
            "$1$$1$$1$$1$",
        ] {
            let stored = format!("{{{scheme}}}{value}");
            if let Ok(stored) = StoredPassword::parse(stored.as_bytes()) {
                stored.verify(b"password").expect("enough memory");
            }
        }
    }
}

#[test]
#[ignore = "needs doveadm, of Dovecot; .ci/run runs it"]
fn dovecot_and_this_server_accept_what_the_other_makes() {
    let doveadm = |arguments: &[&str]| {
        let output = std::process::Command::new("doveadm")
            .arg("pw")
            .args(arguments)
            .output();
        let output = output.expect("doveadm starts");
        let text = String::from_utf8(output.stdout).expect("text");
        (output.status.success(), text.trim_end().to_owned())
    };
    let list = doveadm(&["-l"]).1;
    let known: Vec<_> = list
        .split_whitespace()
        .filter(|name| table::find(name).is_some())
        .collect();
    assert!(known.len() >= 25, "{list}");
    for scheme in known {
        for password in [SHORT, ODD] {
            let (_, stored) = doveadm(&["-s", scheme, "-p", password]);
            let check = StoredPassword::parse(stored.as_bytes()).expect(&stored);
            assert_eq!(check.verify(password.as_bytes()), Ok(true), "{stored}");
            assert_eq!(check.verify(b"wrong"), Ok(false), "{stored}");
        }
    }
    for scheme in generators() {
        for password in [SHORT, ODD] {
            let stored = generate(scheme, password.as_bytes()).expect(scheme);
            assert!(doveadm(&["-t", &stored, "-p", password]).0, "{stored}");
            assert!(!doveadm(&["-t", &stored, "-p", "wrong"]).0, "{stored}");
        }
    }
}

#[test]
fn nothing_secret_is_printed() {
    let plain = StoredPassword::parse(b"{PLAIN}tanstaaf").expect("a password");
    let printed = format!("{plain:?} {:?}", plain.credential(Need::Secret));
    assert!(!printed.contains("tanstaaf"), "{printed}");
}

proptest! {
    #[test]
    fn a_value_of_any_octets_is_read_or_refused(
        index in 0..SCHEMES.len(),
        value: Vec<u8>,
        text in "[$,./A-Za-z0-9=+]{0,40}",
    ) {
        for value in [value.as_slice(), text.as_bytes()] {
            let scheme = SCHEMES[index].names[0];
            let stored = [format!("{{{scheme}}}").as_bytes(), value].concat();
            drop(StoredPassword::parse(&stored));
            drop(StoredPassword::parse(value));
        }
    }
}
