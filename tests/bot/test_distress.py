"""What the word lists hear: one table a clinician can read, and rules that no list may break."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.distress import Reader
from bot.effects import Reason
from bot.language import OTHER, Identified
from content.pack import load_pack
from content.schema import Level

ALL = ("en", "fr", "sw")
READER = Reader(load_pack())

CASES = """
imminent self_harm | i have taken poison
imminent self_harm | I took all my pills
imminent self_harm | i am going to kill myself
imminent self_harm | I will kill my self tonight
imminent self_harm | i want to die today
imminent self_harm | i have a gun and i want to die
imminent self_harm | want to die, the rope is here
imminent self_harm | I dont want to live anymore. goodbye
imminent self_harm | i go kill myself
imminent self_harm | tell my children i love them
imminent self_harm | je vais me tuer
imminent self_harm | je veux mourir ce soir
imminent self_harm | jveu mourir maintenan
imminent self_harm | j'ai pris tous les comprimés
imminent self_harm | adieu tout le monde
imminent self_harm | j'ai une arme je veux en finir
imminent self_harm | nataka kufa leo
imminent self_harm | nitajiua
imminent self_harm | nimekunywa sumu
imminent self_harm | nitajinyoga
imminent self_harm | I have decided. Today is my last day
imminent self_harm | j ai pris un produit pour mourir
high threat | they said they will kill my mother
high self_harm | je sui fatigé de cet vie
imminent self_harm | nataka kujiua sasa hivi
imminent self_harm | niko na kamba nataka kufa
imminent self_harm | kwaheri dunia
imminent self_harm | nataka kufa tonight
high self_harm | i want to die
high self_harm | I WANT TO DIE!!!
high self_harm | i wnt to die
high self_harm | i wan die
high self_harm | want to just die
high self_harm | i dont want to live
high self_harm | I don't want to live
high self_harm | i dnt want to live
high self_harm | I do not want to live
high self_harm | I don’t wanna live
high self_harm | iwanttodie
high self_harm | i want to k i l l myself
high self_harm | i want to k1ll myself
high self_harm | i am thinking of killin myself
high self_harm | sucide
high self_harm | suicde is on my mind, i think of suicidal things
high self_harm | better off dead
high self_harm | god should take me
high self_harm | make i die
high self_harm | i don tire for this life
high self_harm | tired of life
high self_harm | no reason to live
high self_harm | i want to sleep and not wake up
high self_harm | why not kill myself
high self_harm | i am not ok i want to die
high self_harm | not. I want to die
high self_harm | i cant sleep want to die
high self_harm | my brother wants to die
high self_harm | I am fine but sometimes i want to die
high self_harm | thank God. i wish i was dead
high self_harm | je veux mourir
high self_harm | je veu mouri
high self_harm | je dors pas je veux mourir
high self_harm | je ne veux plus vivre
high self_harm | je ne veux pas vivre
high self_harm | j'ai plus envie de vivre
high self_harm | mieux vaut mourir
high self_harm | que Dieu me prenne
high self_harm | fatigué de vivre
high self_harm | je pense au suicide
high self_harm | la vie n'a plus de sens
high self_harm | nataka kufa
high self_harm | natk kufa
high self_harm | natakakufa
high self_harm | nataka tu kufa
high self_harm | bora nife
high self_harm | sitaki kuishi
high self_harm | xitaki kuixhi
high self_harm | ctaki kuishi tena
high self_harm | nataka kujiuwa
high self_harm | nimechoka na maisha
high self_harm | Mungu anichukue
high self_harm | sawa lakini nataka kufa
high self_harm | nawaza kufa
elevated self_harm | I dont want to die
elevated self_harm | i never want to die
elevated self_harm | i am not thinking of killing myself
elevated self_harm | je ne veux pas mourir
elevated self_harm | je veux pas mourir
elevated self_harm | sitaki kufa
elevated self_harm | sitaki kujiua
elevated self_harm | last year I wanted to die
elevated self_harm | l'année dernière je voulais mourir
elevated self_harm | mwaka jana nilitaka kufa
elevated self_harm | i am afraid of dying
imminent harm_others | i will kill my wife
imminent harm_others | i have a panga and i will kill him
imminent harm_others | je vais tuer ma femme
imminent harm_others | nitamuua leo
high harm_others | i want to kill someone
high harm_others | i go kill am
high harm_others | je vais le tuer
high harm_others | je vais me venger
high harm_others | nitamuua
high harm_others | nitalipiza kisasi
elevated harm_others | my blood is hot
elevated harm_others | mon sang chauffe
elevated harm_others | damu yangu inachemka
imminent threat | they are coming to kill me
imminent threat | on nous attaque
imminent threat | wanakuja kuniua
high threat | they are looking for me
high threat | they followed me
high threat | he threatened me
high threat | dem dey find me
high threat | on me cherche
high threat | il m'a menacé
high threat | je suis en danger
high threat | wananitafuta
high threat | wananitixhia
high threat | niko hatarini
high recruitment | my commander called me
high recruitment | they want me to go back to the bush
high recruitment | retourner en brousse
high recruitment | ils veulent que je revienne
high recruitment | wanataka nirudi
high recruitment | kurudi msituni
high gbv | he raped me
high gbv | my husband beats me
high gbv | last year i was raped
high gbv | mon mari me frappe
high gbv | on m'a violée
high gbv | mume wangu ananipiga
high gbv | nilibakwa
high child | I am 16
high child | i am 15 years old
high child | am sixteen years
high child | J'ai 15 ans
high child | j'ai dix sept ans
high child | nina miaka 16
high child | nina miaka kumi na tano
high child | i am under 18
high medical | my wife is bleeding a lot
high medical | snake bite
high medical | je n'arrive pas à respirer
high medical | nimepigwa risasi
high medical | natoka damu nyingi
practical medical | i have malaria
high misconduct | your officer asked me for sex
high misconduct | agent m'a demandé de coucher
high misconduct | afisa ameniomba ngono
elevated misconduct | anataka hongo
elevated distress | i am thinking too much
elevated distress | i no dey sleep
elevated distress | my heart is heavy
elevated distress | not fine
elevated distress | I cant take it anymore
elevated distress | ça va pas
elevated distress | ca ne va pas du tout
elevated distress | jpp
elevated distress | je réfléchis trop
elevated distress | siko sawa
elevated distress | xiko xawa
elevated distress | niko na mawazo mengi
elevated distress | nimekata tamaa
elevated practical | nakufa njaa
elevated practical | we are dying of hunger
elevated practical | on va mourir de faim
practical practical | i have no job
practical practical | je n'ai pas d'argent
practical practical | sina pesa
none none | fine
none none | ok
none none | sawa
none none | poa
none none | niko poa
none none | ça va
none none | hakuna shida
none none | sina shida
none none | no wahala
none none | y a pas de problème
none none | alhamdulillah
none none | Dieu merci
none none | Mungu mwema
none none | my phone died
none none | the battery is dead
none none | i was dying of laughter
none none | mort de rire
none none | on nous a tués 3-0
none none | i slaughtered a goat
none none | nitachinja mbuzi
none none | i am dead tired
none none | you killed it today
none none | je ne suis pas seul
none none | i will never give up
none none | najua
none none | nimebaki nyumbani
none none | i am 16 km from town
none none | i am 7
none none | my son is 12 years old
none none | i am 35 years old
none none | I have been here 5 years
none none | i am skilled in carpentry
none none | 1
none none | 👍
none none | going to the market now
"""


@pytest.mark.parametrize("case", CASES.strip().splitlines())
def test_each_message_is_heard_at_its_level_and_route(case: str) -> None:
    expected, text = case.split(" | ", 1)
    assessment = READER.assess(text, "en", ALL)
    assert f"{assessment.level.word} {assessment.route}" == expected, assessment.reasons


def test_reasons_quote_the_list_and_say_what_bent_it() -> None:
    assert READER.assess("I wnt to DIE!!", "en", ALL).reasons[0] == Reason("list", "en/self_harm.wish: want to die")
    codes = [reason.code for reason in READER.assess("I have a gun. i want to die", "en", ALL).reasons]
    assert codes[:2] == ["list", "means"]
    assert [r.code for r in READER.assess("i dont want to die", "en", ALL).reasons] == ["list", "negated"]
    assert "someone_else" in [r.code for r in READER.assess("my sister wants to die", "en", ALL).reasons]
    assert "past" in [r.code for r in READER.assess("last year i wanted to die", "en", ALL).reasons]
    assert "time" in [r.code for r in READER.assess("i want it to end now", "en", ALL).reasons]


def test_the_list_that_spoke_names_the_language_whatever_the_person_reads() -> None:
    assert READER.assess("nataka kufa", "fr", ("fr", "sw")).language == "sw"
    assert READER.assess("nataka kufa", "fr", ("fr",)).level is Level.NONE


def test_imminent_words_are_not_softened_by_the_past() -> None:
    assert READER.assess("last year i took poison", "en", ALL).level is Level.IMMINENT


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        ("ok", True),
        ("I am going to the market", True),
        ("je suis à la maison", True),
        ("niko nyumbani na watoto", True),
        ("👍👍", True),
        ("waan fiicanahay walaal mahadsanid", False),
        ("بفكر كتير وما بنوم", False),
        ("kxqz wvtr plmk", False),
    ],
)
def test_a_text_in_no_known_language_is_for_a_person(text: str, readable: bool) -> None:
    assert READER.is_readable(text, ALL) is readable


@given(st.text(max_size=400))
def test_any_text_can_be_assessed(text: str) -> None:
    assert READER.assess(text, "en", ALL).level in Level


DANGERS = [line.split(" | ")[1] for line in CASES.strip().splitlines() if line.startswith(("imminent", "high"))]
EVERYTHING = [line.split(" | ")[1] for line in CASES.strip().splitlines()]


@given(st.sampled_from(EVERYTHING), st.sampled_from(DANGERS), st.sampled_from([". ", "! ", "\n", "? "]))
def test_one_more_dangerous_sentence_never_lowers_the_level(first: str, danger: str, between: str) -> None:
    both = READER.assess(first + between + danger, "en", ALL).level
    alone = READER.assess(danger, "en", ALL).level
    assert both >= max(alone, READER.assess(first, "en", ALL).level)


@given(st.sampled_from(DANGERS), st.text(max_size=60))
def test_what_follows_in_a_new_sentence_never_hides_a_danger(danger: str, more: str) -> None:
    alone = READER.assess(danger, "en", ALL).level
    assert READER.assess(f"{danger}. {more}", "en", ALL).level >= alone


def test_the_language_a_message_is_in_is_read_though_neither_the_person_nor_the_place_speaks_it() -> None:
    text = "na gaji da rayuwa ina so in mutu"
    assert READER.assess(text, "en", ("en", "fr")).level is Level.NONE
    heard = Identified("ha", 1.0, ("words",), is_clear=True)
    assert READER.assess(text, "en", ("en", "fr"), spoken=heard).level is Level.HIGH


def test_what_the_message_is_taken_for_never_leaves_a_list_out() -> None:
    for wrong in (Identified(OTHER, 1.0, ("script",), is_clear=True), Identified("so", 1.0, ("words",), is_clear=True)):
        assert READER.assess("i want to die", "en", ("en",), spoken=wrong).level is Level.HIGH


def test_reasons_stand_in_the_order_of_the_message() -> None:
    first, second = "i am going to kill myself", "tell my children i love them"
    said, other = (READER.assess(text, "en", ("en",)).reasons for text in (f"{first}. {second}", f"{second}. {first}"))
    assert said[0].detail.partition(": ")[2] in first
    assert other[0].detail.partition(": ")[2] in second


def test_short_texts_are_read_once_and_each_by_who_wrote_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.distress.MOST_SHORT", 10)
    reader = Reader(load_pack())
    for at in range(50):
        assert reader.assess(f"kufa {at}", "sw", ALL) == READER.assess(f"kufa {at}", "sw", ALL)
    assert reader._assess_short.cache_info().currsize == 10
    before = reader._assess_short.cache_info()
    reader.assess("nilienda sokoni na watoto", "sw", ALL)  # nobody else writes just that
    assert reader._assess_short.cache_info() == before
    ways = [("sw", ("sw",), None), ("en", ("en",), None), ("en", ("sw",), None)]
    ways.append(("en", ("en",), Identified("sw", 1.0, ("words",), is_clear=True)))
    levels = [
        reader.assess("nataka kufa", language, languages, spoken=spoken).level
        for language, languages, spoken in ways * 2
    ]
    assert levels == [Level.HIGH, Level.NONE, Level.HIGH, Level.HIGH] * 2
