//! What holds for every page, whatever it shows: it needs no script, it can be used by everyone, and nothing that a
//! person typed becomes markup.

#[path = "../examples/samples/mod.rs"]
mod samples;

mod markup;

use markup::{Tag, tags};
use perennial_pages::{
    Account, ChangePassword, Device, Failure, Login, Mail, Mailbox, Notice, RecoveryCodes, Register, STYLE, STYLE_PATH,
    SetUpMfa, VerifyEmail, VerifyMfa,
};

fn check_every_page(rule: &str, holds: impl Fn(&[Tag]) -> bool) {
    for sample in samples::all() {
        assert!(holds(&tags(&sample.html)), "{}: {rule}\n{}", sample.name, sample.html);
    }
}

fn is_field(tag: &Tag) -> bool {
    tag.name == "input" && tag.value("type") != Some("hidden")
}

#[test]
fn no_page_contains_what_the_content_security_policy_forbids() {
    check_every_page("no script, style, frame or base element", |tags| {
        !tags.iter().any(|tag| ["script", "style", "iframe", "object", "embed", "base"].contains(&tag.name.as_str()))
    });
    check_every_page("no style attribute and no event handler", |tags| {
        !tags.iter().flat_map(|tag| &tag.attributes).any(|(name, _)| name == "style" || name.starts_with("on"))
    });
    check_every_page("images are data", |tags| {
        tags.iter().filter_map(|tag| tag.value("src")).all(|source| source.starts_with("data:image/svg+xml;base64,"))
    });
    check_every_page("forms post to this origin", |tags| {
        tags.iter().filter(|tag| tag.name == "form").all(|form| {
            form.value("method") == Some("post") && form.value("action").is_some_and(|to| to.starts_with('/'))
        })
    });
}

#[test]
fn the_stylesheet_fetches_nothing_and_every_page_links_it() {
    assert!(!STYLE.contains("@import") && !STYLE.contains("url(http") && !STYLE.contains("url(\"http"));
    check_every_page("links the stylesheet", |tags| {
        tags.iter().any(|tag| tag.value("rel") == Some("stylesheet") && tag.value("href") == Some(STYLE_PATH))
    });
}

#[test]
fn every_form_carries_the_csrf_token() {
    check_every_page("one csrf_token in each form", |tags| {
        tags.split(|tag| tag.name == "form").skip(1).all(|inside| {
            let end = inside.iter().position(|tag| tag.name == "/form").unwrap_or(0);
            let tokens = inside[..end].iter().filter(|tag| tag.value("name") == Some("csrf_token"));
            tokens.filter(|tag| tag.value("value") == Some(samples::TOKEN)).count() == 1
        })
    });
}

#[test]
fn every_page_has_a_language_a_viewport_a_title_and_one_heading() {
    let count = |tags: &[Tag], name: &str| tags.iter().filter(|tag| tag.name == name).count();
    check_every_page("language", |tags| {
        tags.iter().any(|tag| tag.name == "html" && tag.value("lang") == Some("en-GB"))
    });
    check_every_page("viewport", |tags| tags.iter().any(|tag| tag.value("name") == Some("viewport")));
    check_every_page("one title, one h1, one main", |tags| ["title", "h1", "main"].iter().all(|n| count(tags, n) == 1));
    check_every_page("one autofocus at most", |tags| tags.iter().filter(|tag| tag.has("autofocus")).count() <= 1);
}

#[test]
fn every_field_has_a_label_and_says_what_may_fill_it() {
    check_every_page("label for each field", |tags| {
        tags.iter().filter(|tag| is_field(tag)).all(|field| {
            let id = field.value("id").expect("a field has an id");
            tags.iter().filter(|tag| tag.name == "label" && tag.value("for") == Some(id)).count() == 1
        })
    });
    check_every_page("autocomplete on each field", |tags| {
        tags.iter().filter(|tag| is_field(tag)).all(|field| field.has("autocomplete"))
    });
}

#[test]
fn every_id_is_unique_and_every_reference_finds_one() {
    let ids = |tags: &[Tag], wanted: &str| tags.iter().filter(|tag| tag.value("id") == Some(wanted)).count();
    check_every_page("unique ids", |tags| tags.iter().filter_map(|tag| tag.value("id")).all(|id| ids(tags, id) == 1));
    check_every_page("references", |tags| {
        let by = tags.iter().flat_map(|tag| [tag.value("aria-describedby"), tag.value("aria-labelledby")]);
        by.flatten().flat_map(str::split_whitespace).all(|id| ids(tags, id) == 1)
    });
}

#[test]
fn a_problem_is_announced_by_the_title_the_message_and_a_field() {
    for sample in samples::all().iter().filter(|sample| sample.name.ends_with("-problem")) {
        let tags = tags(&sample.html);
        assert!(sample.html.contains("<title>Problem: "), "{}", sample.name);
        assert!(tags.iter().any(|tag| tag.value("role") == Some("alert")), "{}", sample.name);
        let described = tags.iter().filter_map(|tag| tag.value("aria-describedby"));
        assert!(described.flat_map(str::split_whitespace).any(|id| id == "problem"), "{}", sample.name);
    }
}

#[test]
fn text_from_outside_never_becomes_markup() {
    for html in hostile_pages("\"'><script>alert(1)</script><img src=x onerror=alert(1)>") {
        assert!(!html.contains("<script") && !html.contains("<img src=x"), "{html}");
        assert!(tags(&html).iter().all(|tag| !tag.has("onerror")), "{html}");
    }
}

#[test]
fn a_link_from_outside_never_runs_script() {
    for html in hostile_pages("javascript:alert(1)") {
        let tags = tags(&html);
        let mut targets = tags.iter().filter_map(|tag| tag.value("href"));
        assert!(targets.all(|target| !target.starts_with("javascript:")), "{html}");
    }
}

/// Every page with `evil` in every text field.
fn hostile_pages(evil: &str) -> Vec<String> {
    let text = || evil.to_owned();
    let some = || Some(evil.to_owned());
    let device =
        |current| Device { session_key: text(), description: text(), created: text(), last_seen: text(), current };
    let mail = Mail { to: text(), subject: text(), text: text(), code: some(), at: text() };
    let account = Account {
        may_change_password: true,
        csrf_token: text(),
        name: text(),
        email: text(),
        aal: 1,
        has_second_factor: false,
        may_set_up_mfa: true,
        session_ends: text(),
        notice: some(),
        problem: some(),
        devices: vec![device(true), device(false)],
    };
    let login = Login {
        csrf_token: text(),
        return_to: some(),
        email: text(),
        notice: Some(Notice::Reuse),
        problem: some(),
        may_register: true,
    };
    let register = Register {
        csrf_token: text(),
        return_to: some(),
        name: text(),
        email: text(),
        problem: some(),
        password_hint: text(),
    };
    let verify_email = VerifyEmail {
        csrf_token: text(),
        return_to: some(),
        email_hint: text(),
        problem: some(),
        resent: true,
        mailbox_url: some(),
    };
    let set_up = SetUpMfa {
        csrf_token: text(),
        return_to: some(),
        qr_svg: text(),
        secret_groups: text(),
        otpauth_uri: text(),
        problem: some(),
    };
    let failure = Failure { status: 404, title: text(), detail: text(), way_out_href: text(), way_out_label: text() };
    vec![
        account.render(),
        ChangePassword { csrf_token: text(), email: text(), problem: some(), password_hint: text() }.render(),
        login.render(),
        register.render(),
        verify_email.render(),
        set_up.render(),
        failure.render(),
        VerifyMfa { csrf_token: text(), return_to: some(), problem: some() }.render(),
        RecoveryCodes { codes: vec![text()], continue_to: text() }.render(),
        Mailbox { messages: vec![mail] }.render(),
    ]
}
