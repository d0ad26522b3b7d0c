//! JSON schemas that both a validator and a viewer understand.
//!
//! Foxglove wants an object at the root and one type for each property; a Rust enum derives to a choice of
//! objects. So the variants a channel carries are merged into one object: its properties are theirs, required
//! is what all of them require. A property of no single type (it may be null, or anything) goes under
//! `patternProperties`, where a validator finds it and a viewer doesn't stumble over it.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// The schema of `T`, of its variants with these tags only; of all of them for no tags.
pub fn of<T: JsonSchema>(tags: &[&str]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    let derived = settings.into_generator().into_root_schema_for::<T>().to_value();
    let mut schema = object(&derived, tags);
    for key in ["$schema", "title"] {
        if let (Some(to), Some(value)) = (schema.as_object_mut(), derived.get(key)) {
            to.insert(key.to_owned(), value.clone());
        }
    }
    schema
}

/// One object out of an object or a choice of objects.
fn object(schema: &Value, tags: &[&str]) -> Value {
    let variants: Vec<&Value> = match schema.get("oneOf").and_then(Value::as_array) {
        Some(all) => all.iter().filter(|variant| tags.is_empty() || is_tagged(variant, tags)).collect(),
        None => vec![schema],
    };
    let mut merged = Map::new();
    let mut required: Option<Vec<Value>> = None;
    for variant in variants {
        for (name, property) in variant.get("properties").and_then(Value::as_object).into_iter().flatten() {
            match merged.get_mut(name) {
                Some(known) => widen(known, property),
                None => {
                    merged.insert(name.clone(), property.clone());
                }
            }
        }
        let names = variant.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        match &mut required {
            Some(required) => required.retain(|name| names.contains(name)),
            None => required = Some(names),
        }
    }
    let mut plain = Map::new();
    let mut other = Map::new();
    for (name, property) in merged {
        if let Some(words) = words(&property) {
            plain.insert(name, words);
        } else if property.get("oneOf").is_some() {
            plain.insert(name, object(&property, &[]));
        } else if property.get("type").is_some_and(Value::is_string) {
            plain.insert(name, property);
        } else {
            other.insert(format!("^{name}$"), property);
        }
    }
    let mut out = json!({ "type": "object", "properties": plain, "required": required.unwrap_or_default() });
    if let (Some(text), Some(out)) = (schema.get("description"), out.as_object_mut()) {
        out.insert("description".to_owned(), text.clone());
    }
    if let (false, Some(out)) = (other.is_empty(), out.as_object_mut()) {
        out.insert("patternProperties".to_owned(), Value::Object(other));
    }
    out
}

/// A choice of words, each with its description: a string, and which.
fn words(property: &Value) -> Option<Value> {
    let choice = property.get("oneOf")?.as_array()?;
    let words = choice.iter().map(|one| one.get("const").filter(|word| word.is_string()).cloned());
    let words = words.collect::<Option<Vec<_>>>()?;
    let text = property.get("description").cloned().unwrap_or_default();
    Some(json!({ "type": "string", "enum": words, "description": text }))
}

fn is_tagged(variant: &Value, tags: &[&str]) -> bool {
    let tag = variant.pointer("/properties/kind/const").and_then(Value::as_str);
    tag.is_some_and(|tag| tags.contains(&tag))
}

/// Two variants' tags become a choice of both; other properties of one name mean the same.
fn widen(known: &mut Value, other: &Value) {
    let Some(tag) = other.get("const").cloned() else { return };
    if let Some(known) = known.as_object_mut() {
        let first = known.remove("const");
        let choice = known.entry("enum").or_insert_with(|| json!([]));
        if let Some(choice) = choice.as_array_mut() {
            choice.extend(first);
            choice.push(tag);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::format::Kind;

    #[test]
    fn a_choice_of_variants_is_one_object() {
        insta::assert_json_snapshot!(Kind::InStream.schema());
        insta::assert_json_snapshot!(Kind::OutWs.schema());
    }

    #[test]
    fn every_root_is_an_object_of_plainly_typed_properties() {
        for kind in Kind::ALL {
            let schema = kind.schema();
            assert_eq!(schema["type"], "object", "{kind:?}");
            for (name, property) in schema["properties"].as_object().unwrap() {
                assert!(property["type"].is_string(), "{kind:?} {name}: {property}");
            }
        }
    }
}
