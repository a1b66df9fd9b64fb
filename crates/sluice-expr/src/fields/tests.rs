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
            let widest = match field.kind {
                Type::Mac => 6,
                Type::Bool => 2,
                _ => 4,
            };
            assert!((1..=widest).contains(&number.width) && number.width != 5, "{}", field.name);
            // Tests of ranges compare the number itself with 0 and 1.
            assert!(field.kind != Type::Bool || number.mask == 1, "{}", field.name);
        }
    }
}
