"""What the demo's people write, in their languages and with their spellings. All of it is invented."""

from collections.abc import Mapping, Sequence

Lines = Mapping[str, Sequence[str]]

FINE: Lines = {
    "en": (
        "1", "1", "1", "1.", "fine", "am fine", "im fine thank you", "1 fine", "ok", "good", "am good, god is good",
        "fine we thank god", "not bad",
    ),
    "fr": (
        "1", "1", "1", "1.", "bien", "ça va", "sa va", "je vais bien merci", "cv", "1 bien", "tres bien", "pas mal",
        "ca va bien dieu merci",
    ),
    "sw": (
        "1", "1", "1", "1.", "vizuri", "niko poa", "niko sawa", "salama", "poa", "1 vizuri", "fiti", "xawa",
        "niko salama asante",
    ),
}  # fmt: skip
SO_SO: Lines = {
    "en": ("2", "2", "2.", "so so", "soso", "not so good", "managing"),
    "fr": ("2", "2", "2.", "moyen", "pas trop bien", "comme ci comme ca", "bof"),
    "sw": ("2", "2", "2.", "si vizuri sana", "hivyo hivyo", "wastani", "sio sawa"),
}
HARD: Lines = {
    "en": ("1", "1", "2", "3", "5", "food", "no work", "money", "no money", "sickness", "family", "school fees"),
    "fr": ("1", "1", "2", "3", "5", "nourriture", "argent", "pas d'argent", "maladie", "la famille", "travail"),
    "sw": ("1", "1", "2", "3", "5", "chakula", "pesa", "sina kazi", "afya", "familia", "karo"),
}
NO_CALL: Lines = {
    "en": ("2", "2", "no", "no thanks", "not now"),
    "fr": ("2", "2", "non", "non merci", "pas maintenant"),
    "sw": ("2", "2", "hapana", "apana", "si sasa"),
}
# Misunderstood at first, then put right: the bot asks again.
PUZZLING: Lines = {
    "en": ("who is this", "i got new phone", "is the office open on friday"),
    "fr": ("c qui?", "j'ai changé de telephone", "le bureau ouvre vendredi?"),
    "sw": ("nani huyu", "nimepata simu mpya", "ofisi iko wazi ijumaa"),
}
THANKS: Lines = {
    "en": ("thanks", "ok thank you", "god bless"),
    "fr": ("merci", "ok merci", "merci beaucoup"),
    "sw": ("asante", "asante sana", "mungu awabariki"),
}
# Answers to a staff member who wrote.
TO_STAFF: Lines = {
    "en": ("ok i wait for your call", "yes you can call me now", "thank you for writing me"),
    "fr": ("ok j'attend votre appel", "oui vous pouvez appeler", "merci de m'ecrire"),
    "sw": ("sawa nasubiri simu", "ndio unaweza kunipigia sasa", "asante kwa kuniandikia"),
}
CRIES: Lines = {
    "en": (
        "i dont want to live anymore",
        "i cant sleep, i see them every nite",
        "old commander is calling me back to the bush",
        "they say they will kill me if i talk",
        "i am hopeless, nobody want me in this village",
    ),
    "fr": (
        "je veu plus vivre",
        "je suis decourage, je dors plus la nuit",
        "mon ancien chef m'appelle pour revenir en brousse",
        "on me menace de mort au quartier",
    ),
    "sw": (
        "nimechoka na maisha yangu",
        "najisikia vibaya sana, sina matumaini",
        "wananitishia kuniua nikikataa kurudi",
        "sitaki kuishi tena",
    ),
}
