use super::{ItemFormat::*, *};
use crate::formats::{MAX_SOURCE_BYTES, Typing, read};

/// Texts with an unambiguous shape.
const PLAIN: &[(&str, ItemFormat)] = &[
    // JSON, with anything above it.
    ("{\"a\": 1}", Json),
    ("{}", Json),
    ("{", Json),
    ("\u{feff}{\"a\": 1}", Json),
    ("\n\n\t {\"a\": 1}", Json),
    ("# a comment\n\n  {\"a\": 1}", Json),
    ("// a comment: with a colon\n{\"a\": 1}", Json),
    ("/* a\n * b = c\n */\n{\"a\": 1}", Json),
    ("// one\r\n\r\n// two\r\n{\r\n\"a\": 1}", Json),
    ("{ // inside\n \"a\": 1}", Json),
    ("{\"a\": 1,}", Json),
    ("{\"a\": \"---\\n[db]\"}", Json),
    ("[{\"a\": 1}]", Json),
    ("[\n  {\"a\": 1}\n]", Json),
    ("[1, 2]", Json),
    ("[\"a=b\"]", Json),
    // YAML.
    ("---\nspring:\n  application:\n    name: demo\n", Yaml),
    ("--- # a comment\na: 1", Yaml),
    ("---\n{\"a\": 1}", Yaml),
    ("---", Yaml),
    ("%YAML 1.2\n---\na: 1", Yaml),
    ("%TAG ! tag:example.com,2000:\n---\na: 1", Yaml),
    ("\u{feff}# c\n\n---\na: 1", Yaml),
    ("db.url: x", Yaml),
    ("db:\n  url: x", Yaml),
    ("db: # comment\n  url: x", Yaml),
    ("db:\r\n  url: x\r\n", Yaml),
    ("db:\r  url: x\r", Yaml),
    ("url: http://x/?a=b", Yaml),
    ("a: 1\nb: 2\n---\nc: 3", Yaml),
    ("\"a b\": 1", Yaml),
    ("'a': 1", Yaml),
    ("\"a\": 1,\n\"b\": 2", Yaml),
    ("{a: 1, b: [2]}", Yaml),
    ("{'a': 1}", Yaml),
    ("- a\n- b", Yaml),
    ("? a\n: b", Yaml),
    ("!!map\na: 1", Yaml),
    ("&base\na: 1", Yaml),
    ("apache::port: 80", Yaml),
    ("key : value", Yaml),
    ("run: |\n  A=1\n  B=2\n  C=3\n", Yaml),
    ("file: |\n  [db]\n  url = \"x\"\n", Yaml),
    ("env:\n- name: A\n  value: b=c\n- name: B\n", Yaml),
    ("  a: 1\n  b: 2\n", Yaml),
    // TOML, with tables and without.
    ("[db]\nurl = 1", Toml),
    ("[[list]]\na = 1", Toml),
    ("[assign]", Toml),
    ("[\"a.b\"] # c\nx = 1", Toml),
    ("a = \"x\"", Toml),
    ("b = 1", Toml),
    ("a = 'x' # why", Toml),
    ("# c\n\na = 1_000\nb = 0x1F\nc = -1.5e3\n", Toml),
    ("a = [1, 2]", Toml),
    ("a = [\n  \"x\", # one\n  \"y\",\n]\nb = true", Toml),
    ("a = { b = 1, c = \"x\" }", Toml),
    ("day = 1979-05-27T07:32:00Z\nat = 07:32:00\non = 1979-05-27", Toml),
    ("a = \"\"\"\nx = y\nb: c\n\"\"\"\nb = 1", Toml),
    ("a.b.c = 1\n\"d.e\" = true", Toml),
    ("a=\"x\"", Toml),
    ("a=[1]", Toml),
    ("on = true\n\n[db]\nurl = 1", Toml),
    ("\u{feff}a = 1\r\nb = inf\r\n", Toml),
    ("  [db]\n  url = 1", Toml),
    // Properties.
    ("host:localhost\nport:80\n", Properties),
    ("host:localhost", Properties),
    ("db.url=mysql://x", Properties),
    ("db.url=jdbc:mysql://x:1/y?a=b: c", Properties),
    ("a = x", Properties),
    ("a=1", Properties),
    ("a=true\nb=2", Properties),
    ("! a comment: with a colon\na=x", Properties),
    ("a = 1\nb = two words\nc = 3", Properties),
    ("a=x\\\n  b: c\\\n  d: e\nf=g", Properties),
    ("a\\ b = 1", Properties),
    ("key value", Properties),
    ("password={cipher}AQB\nlist=[a, b]", Properties),
    ("url = ${BASE}/x", Properties),
    ("json={\"a\": 1}", Properties),
    ("a=x\rb=y", Properties),
    // .env
    ("DB_URL=x", Dotenv),
    ("export db=x", Dotenv),
    ("export A=b", Dotenv),
    ("A=\"b c\"", Dotenv),
    ("A='b c' # d", Dotenv),
    ("A=1\rB=2\r", Dotenv),
    ("A=1\nB=true\nC=\n", Dotenv),
    ("KEY=\"-----BEGIN KEY-----\na: b\nc: d\ne: f\n-----END KEY-----\"\n", Dotenv),
    ("# c\n\nexport A=1\nexport b=\"x\"", Dotenv),
    ("HOSTS=[\"a\",\"b\"]", Dotenv),
    ("name=\"two words\"\nother=bare", Dotenv),
    ("\u{feff}A=1", Dotenv),
];

/// Texts that are valid in several formats, or in none, with the reason for the expected one.
const AMBIGUOUS: &[(&str, ItemFormat, &str)] = &[
    ("", Properties, "an empty text is valid `.properties` without keys"),
    ("# only a comment", Properties, "see above"),
    ("A = 1", Dotenv, "names in capitals are variables, also with blanks around `=`"),
    ("A = [1]", Toml, "no variable has an array after a blank"),
    ("server.port = 8080", Toml, "valid TOML with blanks around `=`: the number keeps its type"),
    ("server.port=8080", Properties, "without blanks and quotes, as Java writes it"),
    ("a=1 # b", Toml, "`.properties` has no comments behind values"),
    ("a: 1\nb=2", Properties, "YAML would refuse it"),
    ("a: 1\nb: 2\nc=3", Yaml, "mostly YAML: the parser names the line that is not"),
    ("a: 1\nb: 2\nc:3", Yaml, "see above"),
    ("a = \"x\nb = \"y\"\nc = \"z\"", Toml, "mostly TOML: the parser names the quote that is not closed"),
    ("[db]\nurl = x", Toml, "an INI file: TOML refuses it with a position, others would take `[db]` for a key"),
    ("{a: 1, \"b\": 2}", Yaml, "not JSON, in which all keys have quotes"),
    ("{a:1}", Json, "YAML reads one key `a:1`, which nobody means: JSON refuses it with a position"),
    ("{ host:'x', port:80 }", Json, "see above"),
    ("{a-b: 1}", Yaml, "a key and a value"),
    ("{a:\n 1}", Yaml, "see above"),
    ("msg:hello: world", Yaml, "a key may have a colon, as in Puppet's data"),
    ("msg:hello: world\nport:80\nhost:x", Properties, "YAML would refuse it"),
    ("<config><a>1</a></config>", Yaml, "not a format for items: refused with a position"),
    ("db_host=x", Properties, "both formats read a lower-case name and an unquoted value alike"),
];

#[test]
fn the_format_is_detected_by_the_shape_of_a_text() {
    let ambiguous = AMBIGUOUS.iter().map(|(text, source, _)| (text, source));
    let wrong: Vec<_> = PLAIN
        .iter()
        .map(|(text, source)| (text, source))
        .chain(ambiguous)
        .filter(|(text, source)| detect(None, text) != **source)
        .map(|(text, source)| format!("{text:?} is {source}, detected as {}", detect(None, text)))
        .collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn the_file_name_takes_precedence_over_the_shape() {
    for (name, source) in [
        (".env", Some(Dotenv)),
        (".env.local", Some(Dotenv)),
        ("conf\\.env.production", Some(Dotenv)),
        ("production.env", Some(Dotenv)),
        ("prod.env.local", Some(Dotenv)),
        (".ENV.Local", Some(Dotenv)),
        (".env.yaml", Some(Yaml)),
        (".env.yml", Some(Yaml)),
        (".env.json", Some(Json)),
        (".env.toml", Some(Toml)),
        (".env.production.properties", Some(Properties)),
        ("prod.env.yml", Some(Yaml)),
        ("conf/.env.d/a.json", Some(Json)),
        ("application.YML", Some(Yaml)),
        ("a.yaml.json", Some(Json)),
        ("dir.json/a", None),
        ("a.properties.bak", None),
        (".environment", None),
        ("env", None),
        ("json", None),
        ("", None),
    ] {
        assert_eq!(ItemFormat::from_file_name(name), source, "{name}");
        assert_eq!(detect(Some(name), "---\na: 1"), source.unwrap_or(Yaml), "{name}");
    }
}

#[test]
fn the_format_of_an_export_is_detected() {
    let items =
        read(Toml, "\"DB_URL\" = \"mysql://x\"\n\"db.pool\" = 10\n\"list\" = [1, \"a\"]", Typing::Keep).unwrap();
    for source in ItemFormat::ALL.into_iter().filter(|source| *source != Dotenv) {
        assert_eq!(detect(None, &crate::formats::write(source, &items).unwrap()), source);
    }
}

#[test]
fn lines_beyond_the_limit_do_not_vote() {
    let comments = "# a: b\n".repeat(MAX_VOTING_LINES * 2);
    assert_eq!(detect(None, &format!("{comments}A=1")), Dotenv, "comments neither vote nor count");
    let many = "a=x\n".repeat(MAX_VOTING_LINES);
    assert_eq!(detect(None, &format!("{many}{}", "b: c\n".repeat((MAX_SOURCE_BYTES - many.len()) / 5))), Properties);
}
