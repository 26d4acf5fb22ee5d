//! The fake server before login: CAPA, USER, PASS, STLS, UTF8, LANG.
//!
//! AUTH and APOP are in `login`.

use super::{
    Fault, PASSWORD, Protection, USER,
    session::{Flow, Session},
};

impl Session<'_> {
    pub(super) fn authorization(&mut self, keyword: &str, argument: Option<&str>) -> Flow {
        let is_kept = self.has(Fault::PassAnyTime) || self.has(Fault::LanguageOfUser);
        if keyword != "PASS" && keyword != "STLS" && !is_kept {
            self.user = None;
        }
        match (keyword, argument) {
            ("CAPA", None) => self.capa(),
            ("QUIT", None) => self.quit_before_login(),
            ("USER", Some(name)) if !name.is_empty() => self.user(name),
            ("PASS", Some(password)) => self.pass(password),
            ("APOP", Some(argument)) => self.apop(argument),
            ("AUTH", Some(argument)) => self.auth(argument),
            ("STLS", None) => self.stls(),
            ("UTF8", None) => self.utf8(),
            ("LANG", argument) => self.lang(argument),
            ("NOOP", None) if self.has(Fault::NoopBeforeLogin) => self.ok(""),
            _ => self.unknown(keyword),
        }
    }

    fn quit_before_login(&mut self) -> Flow {
        if self.has(Fault::QuitBeforeLoginRefused) {
            self.err("log in first");
        } else {
            self.ok("bye");
        }
        Flow::Close
    }

    /// Whether passwords are accepted on this connection.
    pub(super) fn takes_passwords(&self) -> bool {
        self.wire.is_secure() || !self.world.setting.is_clear_barred
    }

    /// Whether nobody logs in on this connection.
    pub(super) fn is_mute(&self) -> bool {
        self.world.setting.is_clear_mute && !self.wire.is_secure()
    }

    /// What SASLprep makes of a name or a password, or at least of its fullwidth characters; none if
    /// it was no UTF-8.
    fn prepared(&self, text: &str) -> Option<String> {
        let is_malformed = text.contains(char::REPLACEMENT_CHARACTER);
        if is_malformed && self.has(Fault::Utf8MalformedNames) {
            return Some(text.replace(char::REPLACEMENT_CHARACTER, ""));
        }
        if !self.is_utf8 || self.has(Fault::Utf8NamesUnprepared) {
            return Some(text.to_owned());
        }
        let narrow = |c: char| match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
            other => other,
        };
        (!is_malformed).then(|| text.chars().map(narrow).collect())
    }

    fn user(&mut self, name: &str) -> Flow {
        let Some(name) = &self.prepared(name) else {
            return self.err("no UTF-8");
        };
        if self.has(Fault::ClearLoginTells) && !self.wire.is_secure() {
            self.user = Some(name.to_owned());
            return self.ok("send PASS");
        }
        if !self.takes_passwords() {
            return self.err("not without TLS");
        }
        if self.has(Fault::UserReveals) && name != USER {
            return self.err("no such user");
        }
        self.user = Some(name.to_owned());
        if self.has(Fault::LongFirstLines) {
            return self.ok(&format!("send PASS {}", "please ".repeat(80)));
        }
        self.ok("send PASS")
    }

    fn pass(&mut self, password: &str) -> Flow {
        let Some(user) = self.user.take() else {
            return self.err("USER first");
        };
        let Some(password) = self.prepared(password) else {
            return self.err("no UTF-8");
        };
        let password = match self.has(Fault::PassTrimmed) {
            true => password.trim(),
            false => &password,
        };
        let may_pass = !self.world.setting.has_apop || self.has(Fault::ApopAndPass);
        let is_right = user == USER && password == PASSWORD && may_pass;
        if self.has(Fault::ClearLoginTells) && !self.wire.is_secure() {
            return self.err(if is_right { "not without TLS" } else { "wrong" });
        }
        self.log_in(is_right)
    }

    fn stls(&mut self) -> Flow {
        let is_offered = match self.wire.is_secure() {
            true => self.has(Fault::StlsUnderTls),
            false => self.world.setting.protection != Protection::Implicit,
        };
        if !is_offered {
            return self.err("there is TLS already");
        }
        self.ok("begin");
        if self.wire.is_secure() {
            Flow::On
        } else {
            Flow::StartTls
        }
    }

    fn utf8(&mut self) -> Flow {
        self.is_utf8 = true;
        self.ok("UTF-8")
    }

    pub(super) fn lang(&mut self, argument: Option<&str>) -> Flow {
        match argument {
            None => {
                self.ok("languages");
                self.line("en English");
                self.line(".")
            }
            Some("*") if self.user.is_some() && self.has(Fault::LanguageOfUser) => {
                self.ok("en English, as you like it")
            }
            Some("en" | "*") => self.ok("en English"),
            Some(tag) if self.has(Fault::AnyLanguage) => self.ok(&format!("{tag} something")),
            Some(_) => self.err("no such language"),
        }
    }

    pub(super) fn capa(&mut self) -> Flow {
        self.ok("capabilities");
        for line in self.capabilities() {
            self.line(&line);
        }
        self.line(".")
    }

    fn capabilities(&self) -> Vec<String> {
        let is_before = self.maildrop.is_none();
        let only_before = |fault| is_before || !self.has(fault);
        let setting = self.world.setting;
        let mut lines = vec!["UIDL", "RESP-CODES", "PIPELINING", "LANG"];
        if !self.has(Fault::TopUnannounced) {
            lines.push("TOP");
        }
        if self.takes_passwords() && !self.has(Fault::UserUnannounced) {
            lines.push("USER");
        }
        if only_before(Fault::AuthRespCodeBeforeLoginOnly) {
            lines.push("AUTH-RESP-CODE");
        }
        if only_before(Fault::Utf8BeforeLoginOnly) {
            lines.push("UTF8 USER");
        }
        if only_before(Fault::SaslBeforeLoginOnly) && !self.is_mute() {
            lines.push(self.mechanisms());
        }
        let is_stls_possible = is_before && setting.protection != Protection::Implicit;
        if is_stls_possible && !self.wire.is_secure() && !self.has(Fault::StlsUnannounced) {
            lines.push("STLS");
        }
        if only_before(Fault::CapaShrinks) {
            lines.push(match self.has(Fault::ImplementationOfNothing) {
                true => "IMPLEMENTATION",
                false => "IMPLEMENTATION Fake",
            });
        }
        lines.push(match (is_before, self.has(Fault::ExpireShrinks)) {
            _ if setting.expires_at_once => "EXPIRE 0",
            (true, _) => "EXPIRE 7 USER",
            (false, true) => "EXPIRE 1",
            (false, false) => "EXPIRE NEVER",
        });
        if setting.has_login_delay {
            let grows = self.has(Fault::LoginDelayGrows) && !is_before;
            lines.push(if grows {
                "LOGIN-DELAY 900"
            } else {
                "LOGIN-DELAY 100"
            });
        }
        if self.has(Fault::MalformedTags) {
            lines.push("TAG.WITH.DOTS");
        }
        if self.has(Fault::PrivateTags) {
            lines.push("XFAKE");
        }
        lines.into_iter().map(str::to_owned).collect()
    }

    fn mechanisms(&self) -> &'static str {
        match self.world.fault {
            Some(Fault::NothingHidesThePassword) => "SASL PLAIN",
            Some(Fault::PlainMissing) if self.wire.is_secure() => "SASL CRAM-MD5",
            Some(Fault::PlainSaidInTheClear) => "SASL PLAIN CRAM-MD5 SCRAM-SHA-256",
            _ if !self.takes_passwords() => "SASL CRAM-MD5 SCRAM-SHA-256",
            _ => "SASL PLAIN CRAM-MD5 SCRAM-SHA-256",
        }
    }
}
