"""Segments are counted as Twilio counts them."""

import json
from pathlib import Path

import pytest

from channels.segments import Segments, count, graphemes

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference" / "sms_segments.json"
VECTORS = json.loads(REFERENCE.read_text()) if REFERENCE.exists() else {"twilio_segments": [], "gsm7_segments": []}
OURS = {
    "encodingName": "encoding",
    "segmentsCount": "segments",
    "segments.length": "segments",
    "numberOfCharacters": "characters",
}

OWN = [
    ("", Segments("GSM-7", 1, 0, 160)),
    ("a" * 160, Segments("GSM-7", 1, 160, 0)),
    ("a" * 161, Segments("GSM-7", 2, 161, 145)),
    ("a" * 306, Segments("GSM-7", 2, 306, 0)),
    ("a" * 307, Segments("GSM-7", 3, 307, 152)),
    ("€" * 80, Segments("GSM-7", 1, 160, 0)),
    # An escaped character is never torn: 152 + € (2) leaves one septet unused.
    ("a" * 152 + "€" + "a" * 20, Segments("GSM-7", 2, 174, 131)),
    ("ç" * 70, Segments("UCS-2", 1, 70, 0)),
    ("ç" * 71, Segments("UCS-2", 2, 71, 63)),
    ("سلام", Segments("UCS-2", 1, 4, 66)),
    ("👍🏽", Segments("UCS-2", 1, 1, 66)),
    ("a" * 66 + "😀" + "ab", Segments("UCS-2", 1, 69, 0)),
    # Two units of the emoji do not fit behind 66: it moves on whole.
    ("a" * 66 + "😀" + "a" * 66, Segments("UCS-2", 3, 133, 66)),
]


@pytest.mark.parametrize(("text", "expected"), OWN)
def test_a_text_costs_what_the_standard_says(text, expected):
    assert count(text) == expected


def test_what_a_reader_sees_as_one_character_stays_whole():
    text = "e\u0301 🇰🇪🇫🇷 👨‍👩‍👧 👍🏽 ❤️\r\n"
    assert list(graphemes(text)) == ["e\u0301", " ", "🇰🇪", "🇫🇷", " ", "👨‍👩‍👧", " ", "👍🏽", " ", "❤️", "\r", "\n"]


@pytest.mark.parametrize("case", VECTORS["twilio_segments"], ids=lambda case: case["name"])
def test_twilios_own_calculator_agrees(case):
    assert case["encoding_mode"] == "auto"
    assert not case["smart_encoding"]
    counted = count(case["body"])
    stated = [(e["path"], e["equals"]) for e in case["expect"] if e["path"] in OURS]
    assert [(path, getattr(counted, OURS[path])) for path, _ in stated] == stated


@pytest.mark.parametrize("case", VECTORS["gsm7_segments"])
def test_couriers_counts_agree(case):
    assert count(case["Text"]).segments == case["Segments"]
