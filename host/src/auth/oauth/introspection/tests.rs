//! What issuers answer, and how often they are asked.

use serde_json::json;
use tokio::time::advance;

use super::*;
use crate::auth::oauth::tests::Answers;

fn options() -> Options {
    Options::new("https://issuer.example/introspect", Authorization::None)
}

fn introspection(options: Options) -> (Introspection, Arc<Answers>) {
    let answers = Arc::new(Answers::default());
    let check = Introspection::new(options, answers.clone()).expect("a random key");
    (check, answers)
}

async fn ask(options: Options, answer: Value) -> Result<String, TokenError> {
    let (check, answers) = introspection(options);
    answers.push(Ok(&answer.to_string()));
    check.check(b"token").await
}

fn alice() -> Value {
    json!({ "active": true, "username": "alice" })
}

fn now() -> u64 {
    since_epoch().as_secs()
}

#[tokio::test]
async fn an_active_token_names_its_user_and_every_member_counts() {
    let with = |member: &str, value: Value| {
        let mut answer = alice();
        answer[member] = value;
        answer
    };
    let invalid = |reason| Err(TokenError::Invalid(reason));
    let user = || Ok("alice".to_owned());
    for (answer, expected) in [
        (alice(), user()),
        (with("exp", json!(now() + 60)), user()),
        (with("exp", json!(now() - 1)), invalid(Reason::Expired)),
        (with("exp", json!("soon")), invalid(Reason::Malformed)),
        (with("exp", json!(-1)), invalid(Reason::Malformed)),
        (with("nbf", json!(now() + 60)), invalid(Reason::NotYet)),
        (with("active", json!(false)), invalid(Reason::NotActive)),
        (with("active", json!("true")), invalid(Reason::NotActive)),
        (json!({ "username": "alice" }), invalid(Reason::NotActive)),
        (with("username", json!("")), invalid(Reason::NoUser)),
        (with("username", json!(1)), invalid(Reason::NoUser)),
    ] {
        let text = answer.to_string();
        assert_eq!(ask(options(), answer).await, expected, "{text}");
    }
}

#[tokio::test]
async fn issuer_and_audience_are_demanded_where_they_are_configured() {
    let options = || Options {
        issuer: Some("https://issuer.example".to_owned()),
        audience: Some("popcell".to_owned()),
        user: "sub".to_owned(),
        ..options()
    };
    let answer = |issuer: &str, audience: Value| json!({ "active": true, "sub": "alice", "iss": issuer, "aud": audience });
    let issuer = "https://issuer.example";
    for (answer, expected) in [
        (answer(issuer, json!("popcell")), Ok("alice".to_owned())),
        (
            answer(issuer, json!(["x", "popcell"])),
            Ok("alice".to_owned()),
        ),
        (
            answer("https://x.example", json!("popcell")),
            Err(TokenError::Invalid(Reason::Issuer)),
        ),
        (
            answer(issuer, json!("x")),
            Err(TokenError::Invalid(Reason::Audience)),
        ),
        (
            answer(issuer, json!(null)),
            Err(TokenError::Invalid(Reason::Audience)),
        ),
        (
            json!({ "active": true, "sub": "alice" }),
            Err(TokenError::Invalid(Reason::Issuer)),
        ),
    ] {
        let text = answer.to_string();
        assert_eq!(ask(options(), answer).await, expected, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_good_answer_is_kept_for_its_time_and_a_bad_one_is_not() {
    let (check, answers) = introspection(options());
    answers.push(Ok(&alice().to_string()));
    for _ in 0..3 {
        assert_eq!(check.check(b"token").await, Ok("alice".to_owned()));
    }
    assert_eq!(answers.asked(), 1);
    assert_eq!(
        answers.forms(),
        ["token=token&token_type_hint=access_token"]
    );
    advance(options().remember).await;
    for asked in 2..=3 {
        answers.push(Ok(r#"{"active":false}"#));
        assert_eq!(
            check.check(b"token").await,
            Err(TokenError::Invalid(Reason::NotActive))
        );
        assert_eq!(answers.asked(), asked);
    }
}

#[tokio::test]
async fn a_kept_answer_does_not_outlive_the_token() {
    let (check, _) = introspection(options());
    let expired = Active {
        user: "alice".to_owned(),
        expires: Some(since_epoch()),
    };
    let tag = check.tagger.tag(&[b"token"]);
    check.with_cache(|cache, now| cache.insert(tag, expired, now));
    assert_eq!(
        check.check(b"token").await,
        Err(TokenError::Invalid(Reason::Expired))
    );
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_nobodys_fault_who_logs_in() {
    for (answer, expected) in [
        (
            Err(FetchError::Unreachable("x".to_owned())),
            TokenError::Temporary,
        ),
        (Err(FetchError::Status(503)), TokenError::Temporary),
        (Err(FetchError::TooLong), TokenError::Temporary),
        (Err(FetchError::Status(401)), TokenError::Permanent),
        (Ok("[]"), TokenError::Temporary),
        (Ok("<html>"), TokenError::Temporary),
    ] {
        let (check, answers) = introspection(options());
        answers.push(answer);
        assert_eq!(check.check(b"token").await, Err(expected));
    }
}

#[test]
fn nothing_secret_is_printed() {
    let options = Options {
        authorization: Authorization::Basic {
            user: "popcell".to_owned(),
            secret: Secret::from(b"hunter2".as_slice()),
        },
        ..options()
    };
    let (check, _) = introspection(options);
    assert!(!format!("{check:?}").contains("hunter2"));
}
