"""Configuration files: what is read, and what is said about what cannot be."""

import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.api import EngineSpec
from engines.errors import InvalidSpec
from streamcam.config import check_engine_size, display, parse_size, read_toml
from streamcam.config.validation import allowed
from streamcam.errors import UsageError


@given(st.integers(1, 99999), st.integers(1, 99999), st.sampled_from("xX×"))
def test_every_size_reads_back(width: int, height: int, cross: str) -> None:
    assert parse_size(f"{width}{cross}{height}") == (width, height)


@pytest.mark.parametrize("text", ["", "x", "448", "448x", "x256", "448x256x3", "-1x2", "0x16", "a"])
def test_other_text_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="WIDTHxHEIGHT"):
        parse_size(text)


def test_digits_of_other_scripts_are_no_size() -> None:
    with pytest.raises(ValueError, match="WIDTHxHEIGHT"):
        parse_size("\N{ARABIC-INDIC DIGIT FOUR}x\N{ARABIC-INDIC DIGIT TWO}")


@given(st.integers(1, 1200), st.integers(1, 1200))
def test_engine_sizes_are_those_of_the_engine(width: int, height: int) -> None:
    try:
        EngineSpec(width=width, height=height)
    except InvalidSpec:
        with pytest.raises(ValueError, match="must be a multiple of 16 from 128 to 1280"):
            check_engine_size((width, height))
    else:
        assert check_engine_size((width, height)) == (width, height)


def test_the_nearest_size_is_named() -> None:
    with pytest.raises(ValueError, match=r"height 250 .* for example 256"):
        check_engine_size((448, 250))


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "a number above 0 and at most 1"),
        ({"type": "integer", "minimum": 1, "maximum": 8}, "a whole number from 1 to 8"),
        (
            {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
            "a whole number from 0 to 4294967295",
        ),
        ({"type": "boolean"}, "true or false"),
        ({"enum": ["a", "b"], "type": "string"}, "one of a, b"),
        ({"type": "string", "maxLength": 9}, "text of at most 9 characters"),
        ({"type": "string", "minLength": 1, "maxLength": 9}, "text of 1 to 9 characters"),
        ({"type": "string", "examples": ["1x2", "auto"]}, 'text like "1x2" or "auto"'),
        ({"type": "array", "items": {"type": "integer"}}, "a list"),
        ({"anyOf": [{"type": "string"}, {"type": "object"}]}, "text or a table"),
    ],
)
def test_schema_in_words(schema: dict, words: str) -> None:
    assert allowed(schema) == words


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_toml(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_broken_toml_names_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "look.toml"
    assert refused(path, b'prompt = "a"\nsteps = = 1\n').startswith(f"{path}, line 2, column 9: ")
    assert refused(path, b'prompt = "a').startswith(f"{path}, line 1, column 12: ")
    assert refused(path, b"a = [\n1,\n").startswith(f"{path}, line 3, column 1: ")


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "look.toml"
    assert "too deeply" in refused(path, b"a = " + b"[" * 100_000)
    with pytest.raises(UsageError, match=r"missing\.toml does not exist"):
        read_toml(tmp_path / "missing.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        read_toml(tmp_path)


def test_windows_editors_start_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "look.toml"
    path.write_bytes(b"\xef\xbb\xbfprompt = 'a'\r\n")
    assert read_toml(path) == {"prompt": "a"}


def test_paths_are_shown_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert display(tmp_path / "presets" / "a.toml") == str(Path("presets", "a.toml"))
    assert display(tmp_path.parent / "a.toml") == str(tmp_path.parent / "a.toml")


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("prompt = anime", 'Text needs "quotes"'),
        ('model = "C:\\Users\\a"', "Text with \\ in it stands in 'single quotes'."),
        ("strength = .5", "numbers begin with a digit"),
        ("mirror = yes", "a switch is true or false"),
        ('prompt = "anime', "Text ends with the same quote as it begins"),
        ('prompt = "anime\nsteps = 1', "Text ends with the same quote as it begins"),
        ("strength = 0,5", "decimals have a point: strength = 0.5"),
        ('prompt: "anime"', "A line is: name = value."),
        ("steps = 1\nsteps = 2", "A key may be there once."),
    ],
)
def test_common_slips_are_explained(tmp_path: Path, line: str, hint: str) -> None:
    path = tmp_path / "look.toml"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(UsageError) as refusal:
        read_toml(path)
    assert hint in str(refusal.value)


NOTEPAD = "Save it as UTF-8 (in Notepad: File, Save as, Encoding: UTF-8)."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("text", ["prompt = 'ink, sumi-e 墨絵'\r\n", "prompt = 'ink, sumi-e 墨絵'"])
def test_a_file_that_names_its_encoding_is_read(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "look.toml"
    path.write_bytes(text.encode(encoding))
    assert read_toml(path) == {"prompt": "ink, sumi-e 墨絵"}
    path.write_bytes(codecs.BOM_UTF16_BE + text.encode("utf-16-be"))
    assert read_toml(path) == {"prompt": "ink, sumi-e 墨絵"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('prompt = "café"'.encode("latin-1"), ", line 1, column 14: this is not UTF-8 text (byte "
         f"E9, é in Windows-1252). {NOTEPAD}"),
        ('a = 1\nb = “c”'.encode("cp1252"), ", line 2, column 5: this is not UTF-8 text (byte 93, "
         f'“ in Windows-1252). {NOTEPAD} And type " for “.'),
        (b"a = '\x81'", f", line 1, column 6: this is not UTF-8 text (byte 81). {NOTEPAD}"),
        ("a = 'ü'".encode("utf-16-le"), " is not UTF-8 text, but perhaps UTF-16 without its mark. "
         f"{NOTEPAD}"),
        ("a = 'b'".encode("utf-16-be"), " is not UTF-8 text, but perhaps UTF-16 without its mark. "
         f"{NOTEPAD}"),
        (b"\xff\xfea", f" begins like UTF-16 text and is none. {NOTEPAD}"),
    ],
)  # fmt: skip
def test_another_encoding_is_named_with_the_remedy(tmp_path: Path, content, said: str) -> None:
    path = tmp_path / "look.toml"
    assert refused(path, content) == f"{path}{said}"


@pytest.mark.parametrize(
    ("text", "column", "name", "remedy"),
    [
        ("prompt = “anime”", 10, "“ (left double quotation mark)", 'type " instead.'),
        ('prompt = "anime”', 16, "” (right double quotation mark)", 'type " instead.'),
        (
            "prompt = \u2018anime\u2019",
            10,
            "\u2018 (left single quotation mark)",
            "type ' instead.",
        ),
        (
            "prompt = «anime»",
            10,
            "« (left-pointing double angle quotation mark)",
            'type " instead.',
        ),
        ("“dusk” = 1", 1, "“ (left double quotation mark)", 'type " instead.'),
        ("strength = –0.5", 12, "– (en dash)", "type - instead."),
        ("strength\u00a0= 0.5", 9, "U+00A0 (no-break space)", "type a plain space instead."),
        ("strength = 0.5\u200b", 15, "U+200B (zero width space)", "delete it."),
        ("strength \uff1d 0.5", 10, "\uff1d (fullwidth equals sign)", "type = instead."),
    ],
)
def test_characters_that_look_like_those_of_toml(
    tmp_path: Path, text: str, column: int, name: str, remedy: str
) -> None:
    path = tmp_path / "look.toml"
    for after in ("", "\n", "\r\nsteps = 1\n"):
        assert refused(path, f"# 1\n{text}{after}".encode()) == (
            f"{path}, line 2, column {column}: {name} means nothing to TOML here: {remedy}"
        )


def test_typographic_quotes_within_text_are_text(tmp_path: Path) -> None:
    path = tmp_path / "look.toml"
    path.write_text("""a = "the “magic” – forest\u00a0" """, encoding="utf-8")
    assert read_toml(path) == {"a": "the “magic” – forest\u00a0"}
    assert "not valid TOML" in refused(path, 'a = "“b”"\nc = = 1'.encode())


@given(st.binary() | st.text().map(str.encode) | st.text("a=\"'“”[]\n\u00a0 \\1").map(str.encode))
def test_any_file_is_a_table_or_one_line(tmp_path_factory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    try:
        read_toml(path)
    except UsageError as error:
        said = str(error)
        assert said.startswith(str(path))  # both ends are right ones
        assert "\n" not in said


def test_a_folder_that_was_deleted_is_no_reason_to_fail(tmp_path: Path, monkeypatch) -> None:
    def deleted() -> Path:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "cwd", deleted)
    assert display(tmp_path / "a.toml") == str(tmp_path / "a.toml")


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: embedded null byte"):
        read_toml(tmp_path / "a\0.toml")
