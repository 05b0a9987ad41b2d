"""Commands are the whole message or nothing: one table of both."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands import read_command
from content.pack import load_pack

PACK = load_pack()

CASES = """
stop | STOP
stop | stop
stop | Stop.
stop | STOP!!!
stop | stop pls
stop | please stop
stop | stop stop
stop | STOPALL
stop | unsubscribe
stop | END
stop | quit
stop | Cancel
stop | REVOKE
stop | OPTOUT
stop | opt-out
stop | ARRET
stop | arrêt svp
stop | Arrêter
stop | désabonner
stop | fin
stop | SALIR
stop | ACHA
stop | SITISHA
stop | simamisha
stop | JIONDOE
stop | ondoa
stop | komesha
start | START
start | unstop
start | anza
start | reprendre
help | HELP
help | info
help | ?
help | aide
help | MSAADA
call_me | call me
call_me | Pls call
call_me | please call me
call_me | flash
call_me | nipigie
call_me | Nipigie simu tafadhali
call_me | appelez-moi
call_me | appelle moi stp
call_me | bip
language fr | francais
language fr | Français svp
language fr | french please
language sw | swahili
language sw | kwa kiswahili
language en | english
language en | in english please
language en | anglais
none | no
none | NO
none | yes
none | oui
none | non
none | ndio
none | hapana
none | I want it to end
none | please end
none | end it all
none | stop hurting me
none | make it stop
none | i want to stop living
none | je veux que ça s'arrête
none | c'est la fin
none | acha nife
none | it is the end
none | help me they are coming
none | they call me rebel
none | my english is bad
call_me | nisaidie
none | 1
none | stop 1
none |
"""


@pytest.mark.parametrize("case", CASES.strip().splitlines())
def test_a_message_is_a_command_or_is_not(case: str) -> None:
    expected, _, text = case.partition(" |")
    command = read_command(text.strip(), PACK, "en")
    if expected.startswith("language"):
        assert command is not None
        assert f"{command.name} {command.language}" == expected
    else:
        assert (command.name if command else "none") == expected


def test_every_language_of_the_pack_is_understood_whatever_the_person_reads() -> None:
    for language, words in PACK.words.items():
        for name, keywords in words.commands.items():
            for keyword in keywords:
                for reading in PACK.languages:
                    command = read_command(keyword, PACK, reading)
                    assert command is not None, (language, name, keyword, reading)


LANGUAGE_NAMES = {
    "en": "english | ENGLISH PLS | in english | i want english | englsh | inglish | eng",
    "fr": "français | francais | Fransais | en francais svp | je veux le français | francai | langue française",
    "es": "español | espanol | en español porfa | quiero español | españl | castellano | espnol | esp",
    "pt": "português | em portugues pf | quero português | portuges | purtugues | portugues sff",
    "sw": "kiswahili | Kiswahili tafadhali | kwa kiswahili | kswahili | kixwahili | kiswahil | nataka kiswahili",
    "ha": "hausa | da hausa | yaren hausa | hausa don allah | ina son hausa | hawsa | hausaa",
    "ar": "عربي | العربية | بالعربية لو سمحت | عايز عربي | 3arabi | bil3arabi | بلعربي | 3araby",
    "so": "soomaali | Somali | af-soomaali fadlan | afsomali | waxaan rabaa soomaali | somaali | smali",
}


@pytest.mark.parametrize("asked", LANGUAGE_NAMES)
def test_a_language_is_asked_for_by_its_own_name_however_spelt_and_whatever_they_are_registered_with(
    asked: str,
) -> None:
    for text in LANGUAGE_NAMES[asked].split(" | "):
        for own in PACK.languages:
            command = read_command(text, PACK, own)
            assert command is not None, (text, own)
            assert (command.name, command.language) == ("language", asked), (text, own)


@pytest.mark.parametrize(
    "text", ["Somalia", "France", "Spain", "Portugal", "francs", "Arab", "English teacher", "I am English"]
)
def test_places_money_and_peoples_are_no_languages(text: str) -> None:
    command = read_command(text, PACK, "en")
    assert command is None or command.name != "language"


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    command = read_command(text, PACK, "en")
    assert command is None or command.name in ("stop", "start", "help", "call_me", "language")
