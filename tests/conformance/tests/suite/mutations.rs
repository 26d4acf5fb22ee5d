//! The suite against servers that are wrong on purpose: what proves that a check can fail.
//!
//! Each of them is wrong in one way. The rows that fail are all that may fail.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    time::Duration,
};

use popcell_conformance::{
    Finding, checks, deviations::Deviations, row::Proof, row::Selection, run,
};

use crate::fake::{self, Fake, Fault, Setting};

/// A server that is wrong, the rows that are checked, and those of them that have to fail.
type Case = (Fault, Setting, &'static str, &'static str);

/// Every row but 54, which moves megabytes.
const ALL: &str = "1-53,55-113";

const USUAL: Setting = Setting::USUAL;

/// Where one wrong thing makes everything else go wrong, only its own row is checked.
#[rustfmt::skip] // One case a line.
const LINES_AND_STATES: &[Case] = &[
    (Fault::Mute, USUAL, "1", "1"),
    (Fault::KeywordsInUpperCaseOnly, USUAL, ALL, "2 69 87"),
    (Fault::LfEndsLinesBeforeLoginOnly, USUAL, ALL, "3"),
    (Fault::StatusInLowerCase, USUAL, "4", "4"),
    (Fault::EchoesUnknownCommands, USUAL, ALL, "5"),
    (Fault::ListsWithBareLf, USUAL, ALL, "6"),
    (Fault::FirstDotUnstuffed, USUAL, ALL, "7 25"),
    (Fault::NoStuffing, USUAL, ALL, "7 25 34"),
    (Fault::NonsenseCloses, USUAL, "8", "8"),
    (Fault::NoopBeforeLogin, USUAL, ALL, "9 28"),
    (Fault::GreetingOfTwoLines, USUAL, "13", "13"),
    (Fault::NobodyLogsIn, USUAL, "14", "14"),
    (Fault::NoLock, USUAL, ALL, "15"),
    (Fault::RefusedLoginLocks, USUAL, "16", "16"),
    (Fault::FailedLoginPoisons, USUAL, ALL, "17 39 79"),
    (Fault::QuitBeforeLoginRefused, USUAL, "20", "20"),
    (Fault::UserAfterLogin, USUAL, ALL, "9 39"),
    (Fault::UserReveals, USUAL, ALL, "40 65"),
    (Fault::PassAnyTime, USUAL, ALL, "41"),
    (Fault::PassTrimmed, USUAL, ALL, "41"),
    (Fault::ApopTimestampConstant, Setting::APOP, "42", "42a"),
    (Fault::ApopAnyDigest, Setting::APOP, "42", "42a"),
    (Fault::ApopAndPass, Setting::APOP, "42", "42b"),
    (Fault::TimestampWithoutApop, USUAL, ALL, "42a 42c"),
];

#[rustfmt::skip]
const TIMERS: &[Case] = &[
    (Fault::ShortTimer, Setting::TIMED, "10-12", "10 11"),
    (Fault::TimerNotReset, Setting::TIMED, "11", "11"),
    (Fault::ExpiryTalks, Setting::TIMED, "12", "12"),
    (Fault::ExpiryDeletes, Setting::TIMED, "12", "12"),
];

#[rustfmt::skip]
const MAIL: &[Case] = &[
    (Fault::MarksSurvive, USUAL, ALL, "18 19 32"),
    (Fault::NumbersMove, USUAL, ALL, "19 21 38"),
    (Fault::StatCountsMarked, USUAL, ALL, "21"),
    (Fault::TextBehindSizes, USUAL, ALL, "22"),
    (Fault::ListShowsMarked, USUAL, ALL, "19 23"),
    (Fault::ListOfMarked, USUAL, ALL, "24"),
    (Fault::SizesWithoutFinalLineEnd, USUAL, ALL, "25"),
    (Fault::TruncatesMessages, USUAL, ALL, "7 25 26 35"),
    (Fault::DeleTwice, USUAL, ALL, "27"),
    (Fault::RsetDoesNothing, USUAL, ALL, "29"),
    (Fault::QuitKeeps, USUAL, ALL, "30"),
    (Fault::QuitRemovesAll, USUAL, "31", "31"),
    (Fault::EndRemoves, USUAL, ALL, "18 32"),
    (Fault::PartialQuitRemoves, USUAL, ALL, "32"),
    (Fault::QuitStaysOpen, USUAL, "33", "33"),
    (Fault::QuitStaysLocked, USUAL, "33", "33"),
    (Fault::TopIgnoresCount, USUAL, ALL, "34"),
    (Fault::TopOverflows, USUAL, ALL, "35"),
    (Fault::LongUniqueIds, USUAL, ALL, "36"),
    (Fault::UniqueIdsOfTheSession, USUAL, "37", "37"),
    (Fault::UidlShowsMarked, USUAL, ALL, "38"),
];

#[rustfmt::skip]
const CAPABILITIES_AND_CODES: &[Case] = &[
    (Fault::CommandsOf200, USUAL, ALL, "43 75"),
    (Fault::LongFirstLines, USUAL, ALL, "5 44"),
    (Fault::MalformedTags, USUAL, ALL, "45 62"),
    (Fault::MalformedCodes, USUAL, ALL, "45 50 63"),
    (Fault::CapaBeforeLoginOnly, USUAL, ALL, "46"),
    (Fault::CapaShrinks, USUAL, ALL, "47"),
    (Fault::TopUnannounced, USUAL, ALL, "48"),
    (Fault::UserUnannounced, USUAL, ALL, "49"),
    (Fault::TextInBrackets, USUAL, ALL, "50"),
    (Fault::LoginDelayNotEnforced, Setting::DELAYED, "51", "51"),
    (Fault::LoginDelayGrows, Setting::DELAYED, "52", "52"),
    (Fault::LoginDiscardsPipeline, USUAL, ALL, "53"),
    (Fault::PipelineOf1000, USUAL, "54", "54"),
    (Fault::ExpireShrinks, USUAL, ALL, "56"),
    (Fault::ExpireBeforeQuit, Setting::EXPIRING, "57", "57"),
    (Fault::ImplementationOfNothing, USUAL, ALL, "58"),
    (Fault::LoginDelayCodeOnList, USUAL, ALL, "60"),
    (Fault::InUseBeforePassword, USUAL, ALL, "61"),
    (Fault::PrivateTags, USUAL, ALL, "62"),
    (Fault::SysForCredentials, USUAL, ALL, "63 65"),
    (Fault::AuthCodeOnCommands, USUAL, ALL, "64"),
    (Fault::DeniedWithoutCode, USUAL, ALL, "65"),
    (Fault::AuthRespCodeBeforeLoginOnly, USUAL, ALL, "47 66"),
];

#[rustfmt::skip]
const SASL: &[Case] = &[
    (Fault::SaslBeforeLoginOnly, USUAL, ALL, "47 67"),
    (Fault::EmptyInitialAsNone, USUAL, ALL, "69"),
    (Fault::AuthAfterLogin, USUAL, ALL, "70"),
    (Fault::UnknownMechanismChallenged, USUAL, ALL, "71"),
    (Fault::ChallengeWithoutSpace, USUAL, ALL, "72 73 80 86"),
    (Fault::InitialResponseNeeded, USUAL, ALL, "72 73"),
    (Fault::CancellationIgnored, USUAL, ALL, "74"),
    (Fault::ResponsesOf500, USUAL, ALL, "76"),
    (Fault::InitialResponseToCramMd5, USUAL, ALL, "77"),
    (Fault::LaxBase64, USUAL, ALL, "78"),
    (Fault::FailedAuthCloses, USUAL, ALL, "75 76 79"),
    (Fault::DataWithSuccess, USUAL, ALL, "80"),
    (Fault::AuthorizationIgnored, USUAL, ALL, "81"),
    (Fault::PlainMissing, USUAL, ALL, "84"),
    (Fault::PlainSaidInTheClear, Setting::BARRED, ALL, "85"),
    (Fault::PlainTakenInTheClear, Setting::BARRED, ALL, "85 88 89"),
    (Fault::NothingHidesThePassword, USUAL, ALL, "86"),
    (Fault::Base64IgnoresCase, USUAL, ALL, "87"),
];

#[rustfmt::skip]
const TLS: &[Case] = &[
    (Fault::CramMd5TakenInTheClear, Setting::ENCRYPTED, ALL, "88"),
    (Fault::ClearAfterFailedHandshake, USUAL, ALL, "90"),
    (Fault::StlsUnannounced, USUAL, ALL, "91"),
    (Fault::StlsAfterLogin, USUAL, ALL, "92"),
    (Fault::StlsGreetsAgain, USUAL, "92", "92"),
    (Fault::StlsKeepsLines, USUAL, ALL, "93"),
    (Fault::StlsKeepsUser, USUAL, ALL, "93"),
    (Fault::StlsUnderTls, USUAL, ALL, "94"),
    (Fault::GreetsBeforeHandshake, Setting::IMPLICIT, "96", "96"),
    (Fault::NoCloseNotify, USUAL, ALL, "97"),
    (Fault::HandshakeFails, USUAL, ALL, "98 103"),
    (Fault::OldTls, USUAL, ALL, "99"),
    (Fault::ClearLoginTells, Setting::BARRED, "101", "101"),
    (Fault::AsksForCertificate, USUAL, ALL, "102"),
    (Fault::CertificateOfAnotherName, USUAL, ALL, "103"),
    (Fault::NoAlpn, USUAL, ALL, "104"),
];

#[rustfmt::skip]
const LANGUAGES: &[Case] = &[
    (Fault::Utf8BeforeLoginOnly, USUAL, ALL, "47 105"),
    (Fault::Utf8HeadersAlways, USUAL, ALL, "106"),
    (Fault::Utf8HeadersNever, USUAL, ALL, "107"),
    (Fault::SizesOfUtf8Always, USUAL, ALL, "25 108"),
    (Fault::Utf8BreaksStls, USUAL, ALL, "109"),
    (Fault::Utf8NamesUnprepared, USUAL, ALL, "110"),
    (Fault::Utf8MalformedNames, USUAL, ALL, "110"),
    (Fault::AnyLanguage, USUAL, ALL, "111"),
    (Fault::Utf8CodeOnUidl, USUAL, ALL, "112"),
    (Fault::LanguageOfUser, USUAL, "113", "113"),
];

const TABLES: [&[Case]; 7] = [
    LINES_AND_STATES,
    TIMERS,
    MAIL,
    CAPABILITIES_AND_CODES,
    SASL,
    TLS,
    LANGUAGES,
];

#[test]
fn a_right_server_fails_no_row_in_the_clear() {
    assert_right(Setting::USUAL, "");
}

#[test]
fn a_right_server_fails_no_row_over_stls() {
    assert_right(Setting::BARRED, "");
    assert_right(Setting::ENCRYPTED, "");
}

#[test]
fn a_right_server_fails_no_row_over_implicit_tls() {
    assert_right(Setting::IMPLICIT, "");
}

#[test]
fn a_right_server_fails_no_row_that_needs_a_setting_of_its_own() {
    assert_right(Setting::APOP, "42");
    assert_right(Setting::DELAYED, "51");
    assert_right(Setting::DELAYED, "52");
    assert_right(Setting::EXPIRING, "57");
    assert_right(Setting::TIMED, "10-12");
}

#[test]
fn wrong_lines_and_states_are_found() {
    assert_wrong(LINES_AND_STATES);
}

#[test]
fn wrong_timers_are_found() {
    assert_wrong(TIMERS);
}

#[test]
fn wrong_answers_about_mail_are_found() {
    assert_wrong(MAIL);
}

#[test]
fn wrong_capabilities_and_codes_are_found() {
    assert_wrong(CAPABILITIES_AND_CODES);
}

#[test]
fn wrong_sasl_is_found() {
    assert_wrong(SASL);
}

#[test]
fn wrong_tls_is_found() {
    assert_wrong(TLS);
}

#[test]
fn wrong_languages_are_found() {
    assert_wrong(LANGUAGES);
}

#[test]
fn every_row_that_the_wire_shows_fails_on_some_server() {
    let failing = TABLES
        .into_iter()
        .flatten()
        .flat_map(|case| case.3.split(' '));
    let failing: BTreeSet<&str> = failing.collect();
    let on_the_wire = checks::rows().filter(|row| matches!(row.proof, Proof::Wire(_)));
    let never: Vec<_> = on_the_wire
        .filter(|row| !failing.contains(row.number))
        .collect();
    assert!(never.is_empty(), "{never:#?}");
}

#[test]
fn secrets_are_in_no_dialogue() {
    let fake = Fake::start(Setting::USUAL, None);
    let findings = findings(&fake, "14,41,53,67-87", false);
    assert!(findings.iter().any(|finding| !finding.dialogue.is_empty()));
    for finding in findings {
        let text = finding.dialogue.join("\n");
        assert!(
            !text.contains(fake::PASSWORD),
            "row {}:\n{text}",
            finding.row.number
        );
    }
}

#[test]
fn without_leave_to_delete_the_mailbox_stays_as_it_is() {
    let fake = Fake::start(Setting::USUAL, Some(Fault::EndRemoves));
    let mut target = fake.target();
    target.is_disposable = false;
    let before = fake.messages();
    let found: Result<_, Infallible> = run(
        &target,
        &ALL.parse().unwrap(),
        &Deviations::default(),
        |_| Ok(()),
    );
    assert!(!found.unwrap().is_empty());
    assert_eq!(fake.messages(), before);
}

#[test]
fn a_declared_deviation_is_no_failure() {
    let fake = Fake::start(Setting::USUAL, Some(Fault::NoLock));
    let mut deviations = Deviations::default();
    deviations
        .declare("15", "sessions share the maildrop")
        .unwrap();
    let found: Result<_, Infallible> =
        run(&fake.target(), &"15".parse().unwrap(), &deviations, |_| {
            Ok(())
        });
    let found = found.unwrap();
    assert_eq!(found.len(), 1);
    assert!(!found[0].is_failure());
    assert_eq!(
        found[0].verdict.reason(),
        Some("sessions share the maildrop")
    );
}

fn assert_right(setting: Setting, only: &str) {
    let fake = Fake::start(setting, None);
    let findings = findings(&fake, only, setting.idle.is_some());
    let failures: Vec<_> = findings
        .iter()
        .filter(|finding| finding.is_failure())
        .collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

fn assert_wrong(cases: &[Case]) {
    let mut found = BTreeMap::new();
    let mut expected = BTreeMap::new();
    for &(fault, setting, only, failing) in cases {
        let fake = Fake::start(setting, Some(fault));
        let findings = findings(&fake, only, setting.idle.is_some());
        let failures = findings.iter().filter(|finding| finding.is_failure());
        let rows: Vec<_> = failures.map(|finding| finding.row.number).collect();
        found.insert(fault, rows.join(" "));
        expected.insert(fault, failing.to_owned());
    }
    assert_eq!(found, expected);
}

fn findings(fake: &Fake, only: &str, is_slow: bool) -> Vec<Finding> {
    let mut target = fake.target();
    target.is_slow = is_slow;
    // Only servers that are mute on purpose let these pass.
    target.patience.answer = Duration::from_secs(2);
    target.patience.login = Duration::from_secs(2);
    target.patience.idle = Duration::from_secs(1);
    let selection: Selection = only.parse().expect("a choice of rows");
    let found: Result<_, Infallible> = run(&target, &selection, &Deviations::default(), |_| Ok(()));
    found.unwrap()
}
