use std::collections::BTreeSet;

use super::*;

#[test]
fn names_are_unique_and_every_field_says_what_it_is() {
    let mut names = BTreeSet::new();
    for field in all() {
        assert!(names.insert(field.name), "{} is there twice", field.name);
        assert!(!field.about.is_empty() && !field.about.ends_with('.'), "{}", field.name);
        assert!(field.about.starts_with(|c: char| !c.is_lowercase() || c.is_alphabetic()), "{}", field.name);
        let parts = field.name.split('.');
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(parts.into_iter().all(|part| !part.is_empty() && part.chars().all(plain)), "{}", field.name);
        assert!(std::ptr::eq(find(field.name).unwrap(), field));
    }
    assert!(names.len() > 150);
}

#[test]
fn a_number_fits_into_its_field() {
    for field in all() {
        let Source::Numbers(numbers) = field.source else { continue };
        for number in numbers {
            let most = match field.kind {
                Type::Mac => (6, u64::MAX),
                Type::Ip => (4, u64::MAX),
                Type::Bool => (2, 2),
                _ => (4, u64::MAX),
            };
            assert!((1..=most.0).contains(&number.width), "{}", field.name);
            assert!(field.kind != Type::Bool || number.mask < most.1 + 1, "{}", field.name);
        }
    }
}
