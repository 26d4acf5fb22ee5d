//! Which component, and whose: the keys of `[component]` and of `[trust]`.
//!
//! Opens no file: what is in it is for `popcell check` and for the start of the server to find out.

use std::path::Path;

use super::{document::Section, rule};
use crate::component::{Options, Trust};

/// Whose components are taken (`[trust]`).
pub(super) fn trust(mut section: Section<'_>) -> Trust {
    let keys = section.list("keys", &rule::key()).unwrap_or_default();
    let require_signed = section.get("require_signed", rule::boolean());
    let require_signed = require_signed.unwrap_or_default();
    if require_signed && keys.is_empty() {
        let message = format!(
            "{} needs {}: without them nothing is signed",
            section.named("require_signed"),
            section.named("keys")
        );
        section.fault(Some("require_signed"), message);
    }
    section.finish();
    Trust {
        keys,
        require_signed,
    }
}

/// The keys that name a component, or `None` if the section names none. They may stand among
/// others: the section is finished by whoever asks for those.
pub(super) fn read(section: &mut Section<'_>, base: &Path, trust: &Trust) -> Option<Options> {
    let file = section.get("file", rule::path(base));
    let sha256 = section.get("sha256", rule::text("64 hex digits", rule::is_sha256));
    let signature = section.get("signature", rule::path(base));
    let wasi = section.get("wasi", rule::boolean()).unwrap_or_default();
    let rehearse = section.get("rehearse", rule::boolean());
    if signature.is_some() && trust.keys.is_empty() {
        let key = section.named("signature");
        let message = format!("{key} needs keys that could have made it: see [trust]");
        section.fault(Some("signature"), message);
    }
    let asked = [
        ("sha256", sha256.is_some()),
        ("signature", signature.is_some()),
        ("wasi", wasi),
        ("rehearse", rehearse == Some(false)),
    ];
    if file.is_none()
        && let Some((key, _)) = asked.iter().find(|(_, is_asked)| *is_asked)
    {
        let message = format!("{} needs \"file\": it is about one", section.named(key));
        section.fault(Some(key), message);
    }
    file.map(|file| Options {
        file,
        sha256,
        signature,
        wasi,
        rehearse: rehearse.unwrap_or(true),
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::{
        component::Key,
        config::{Config, Problems, Sandbox},
        sandbox::Engine,
    };

    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    /// Seven lines, and what is appended.
    fn parse(appended: &str) -> Result<Config, Problems> {
        let least = "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n[users]\n\
                     passwd_file = \"users\"\n[mailbox]\nmaildir = \"/%u\"\n";
        Config::parse(&format!("{least}{appended}\n"), Path::new("/etc/p.toml"))
    }

    #[test]
    fn a_component_is_named_with_all_that_has_to_be_true_of_it() {
        let digest = "0123456789abcdefABCDEF".repeat(3)[..64].to_owned();
        let config = parse(&format!(
            "[sandbox]\nengine = \"pulley\"\n[trust]\nkeys = [\"{KEY}\"]\nrequire_signed = true\n\
             [component]\nfile = \"a.wasm\"\nsha256 = \"{digest}\"\nsignature = \"/a.sig\"\n\
             wasi = true\nrehearse = false"
        ));
        let config = config.expect("right");
        let engine = Engine::Pulley;
        let sandbox = Sandbox::default();
        assert_eq!(config.sandbox, Sandbox { engine, ..sandbox });
        let keys = vec![Key::from_base64(KEY).expect("a key")];
        let require_signed = true;
        assert_eq!(
            config.trust,
            Trust {
                keys,
                require_signed
            }
        );
        let expected = Options {
            file: PathBuf::from("/etc/a.wasm"),
            sha256: Some(digest),
            signature: Some(PathBuf::from("/a.sig")),
            wasi: true,
            rehearse: false,
        };
        assert_eq!(config.component, Some(expected));
    }

    #[test]
    fn every_mistake_has_its_place_and_says_what_is_right() {
        for (appended, problem) in [
            (
                "[sandbox]\nengine = \"v8\"",
                "9:10: \"engine\" in [sandbox] cannot be \"v8\"; expected \"cranelift\" or \
                 \"pulley\"",
            ),
            (
                "[trust]\nkeys = [\"RWQ\"]",
                "9:9: \"keys\" in [trust] cannot be \"RWQ\"; expected a public key as minisign -G \
                 prints it, such as \"RWQ...\"",
            ),
            (
                "[trust]\nrequire_signed = true",
                "9:18: \"require_signed\" in [trust] needs \"keys\" in [trust]: without them \
                 nothing is signed",
            ),
            (
                "[component]\nfile = \"a\"\nsha256 = \"abc\"",
                "10:10: \"sha256\" in [component] cannot be \"abc\"; expected 64 hex digits",
            ),
            (
                "[component]\nfile = \"a\"\nsignature = \"b\"",
                "10:13: \"signature\" in [component] needs keys that could have made it: see \
                 [trust]",
            ),
            (
                "[component]\nwasi = true",
                "9:8: \"wasi\" in [component] needs \"file\": it is about one",
            ),
        ] {
            let found = parse(appended).expect_err(appended).to_string();
            assert_eq!(found, format!("/etc/p.toml:{problem}"), "{appended}");
        }
    }
}
