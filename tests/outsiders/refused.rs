//! What no format writes, by name.

use super::patches::{document, patch, target};
use super::payloads::{is_writable, payloads};
use denywatch::diagnosis::TargetKind;
use denywatch::render::{self, Format, PatchContext, RenderError};

#[test]
fn there_are_enough_payloads() {
    let all = payloads();
    assert!(all.len() >= 300, "{}", all.len());
    assert!(all.iter().filter(|text| is_writable(text)).count() >= 300);
}

#[test]
fn what_cannot_be_written_is_refused_by_name() {
    for text in payloads() {
        for format in Format::ALL {
            let patch = patch(target(TargetKind::RolePolicy, None, "app"), document(&text));
            let got = render::patch(&patch, &PatchContext::default(), format);
            let refused = matches!(got, Err(RenderError::Character { .. }));
            assert_eq!(refused, !is_writable(&text), "{format} of {text:?}");
        }
    }
}

#[test]
fn names_outside_iams_characters_are_refused() {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    for text in payloads() {
        for format in [Format::Hcl, Format::Cfn, Format::CfnJson, Format::Cli] {
            let patch = patch(target(TargetKind::RolePolicy, None, &text), document("a"));
            let got = render::patch(&patch, &PatchContext::default(), format);
            assert_eq!(got.is_ok(), text.chars().all(plain), "{format} of {text:?}: {got:?}");
            assert!(matches!(got, Ok(_) | Err(RenderError::Name { .. })), "{got:?}");
        }
    }
}
