"""What people write to be measured with, about as often as they do, and from which made-up numbers."""

# What people write, about as often as they do (WelTel: 3 % of replies are problems).
TEXTS = (
    ["1"] * 26 + ["2"] * 8 + ["sawa"] * 8 + ["poa", "niko poa", "ok", "fine", "bien", "ca va", "am gud", "xawa"] * 3
    + [
        "habari ya leo, tulienda sokoni na watoto",
        "thank you for asking, we planted maize today",
        "bonjour, merci pour le message, ma fille va a l'ecole",
        "the rain is too much this week and the road is bad",
        "nimefurahi sana, nilipata kazi ya siku mbili",
        "je suis au marche, je reponds ce soir",
        "what time is the training on monday?",
        "asante sana mungu akubariki",
        "match ya jana ilikuwa moto, tumeshinda",
        "i need help with my id card",
    ] * 2
    + ["i think too much at night", "siko sawa", "i dont want to live"]
)  # fmt: skip

_LONG = 12  # characters: what is shorter hundreds write alike


def text(index: int) -> str:
    """The text of a message. Every second one of several words has a word in it that nobody wrote before."""
    usual = TEXTS[index % len(TEXTS)]
    return f"{usual} {_new_word(index)}" if len(usual) > _LONG and index // len(TEXTS) % 2 else usual


def _new_word(index: int) -> str:
    """Of four syllables, as names of places and people are."""
    syllables = []
    for _ in range(4):
        index, at = divmod(index * 31 + 7, 85)
        syllables.append("bcdfghklmnprstwyz"[at // 5] + "aeiou"[at % 5])
    return "".join(syllables)


def number(index: int) -> str:
    return f"+1999{index:07d}"
