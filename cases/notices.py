"""Every word that is sent to staff phones, in each language: neutral, because the phone may lie on a table.

Never the text of a message, a name or a number (DOMAIN §3.2 rule d, §5.3). Kept to one SMS: 160 GSM-7 characters, or 70
in Arabic script.
"""

from collections.abc import Iterable, Mapping

from content.schema import Level

Words = Mapping[str, str]

LANGUAGES = ("en", "fr", "es", "pt", "ar", "sw", "ha", "so")


def language_of(languages: Iterable[str]) -> str:
    """In which language somebody who speaks these is written to: their first that there are words in."""
    return next((language for language in languages if language in LANGUAGES), "en")


ALERT: Words = {
    "en": "Hujambo: alert {code} {level} at {site}. Please take it by {by}: reply {code}. {link}",
    "fr": "Hujambo : alerte {code} {level}, site {site}. Merci de la prendre avant {by} : repondez {code}. {link}",
    "es": "Hujambo: alerta {code} {level} en {site}. Por favor tomela antes de {by}: responda {code}. {link}",
    "pt": "Hujambo: alerta {code} {level} em {site}. Por favor assuma antes de {by}: responda {code}. {link}",
    "ar": "Hujambo: {code} {level} {site} {by} {link}",
    "sw": "Hujambo: tahadhari {code} {level}, kituo {site}. Tafadhali ichukue kabla ya {by}: jibu {code}. {link}",
    "ha": "Hujambo: fadakarwa {code} {level} a {site}. Don Allah a karba kafin {by}: amsa {code}. {link}",
    "so": "Hujambo: digniin {code} {level} {site}. Fadlan qabo ka hor {by}: ku jawaab {code}. {link}",
}
OWNER: Words = {
    "en": "Hujambo: new message in alert {code} {level} at {site}. {link}",
    "fr": "Hujambo : nouveau message, alerte {code} {level}, site {site}. {link}",
    "es": "Hujambo: mensaje nuevo en la alerta {code} {level}, {site}. {link}",
    "pt": "Hujambo: nova mensagem no alerta {code} {level}, {site}. {link}",
    "ar": "Hujambo: {code} {level} {site} {link}",
    "sw": "Hujambo: ujumbe mpya, tahadhari {code} {level}, kituo {site}. {link}",
    "ha": "Hujambo: sabon sako, fadakarwa {code} {level} a {site}. {link}",
    "so": "Hujambo: fariin cusub, digniin {code} {level} {site}. {link}",
}
# Before the notice of a drill: staff act as if it were real, and are not frightened for a person who is not there.
DRILL: Words = {
    "en": "DRILL",
    "fr": "EXERCICE",
    "es": "SIMULACRO",
    "pt": "SIMULACAO",
    "ar": "تدريب",
    "sw": "ZOEZI",
    "ha": "GWAJI",
    "so": "TIJAABO",
}
DRILL_FAILED: Words = {
    "en": "Hujambo: the drill {code} at {site} reached nobody in time. Please look at the rota. {link}",
    "fr": "Hujambo : l'exercice {code}, site {site}, n'a eu personne a temps. Merci de revoir la garde. {link}",
    "es": "Hujambo: el simulacro {code} en {site} no llego a nadie a tiempo. Por favor revise los turnos. {link}",
    "pt": "Hujambo: a simulacao {code} em {site} nao chegou a ninguem a tempo. Por favor veja a escala. {link}",
    "ar": "Hujambo: {code} {site} لم يستلمه أحد {link}",
    "sw": "Hujambo: zoezi {code}, kituo {site}, halikumfikia mtu kwa wakati. Tafadhali angalia zamu. {link}",
    "ha": "Hujambo: gwaji {code} a {site} bai kai ga kowa cikin lokaci ba. Don Allah a duba jadawali. {link}",
    "so": "Hujambo: tijaabada {code} {site} cidna kuma gaarin waqtigii. Fadlan eeg jadwalka. {link}",
}
HOLE: Words = {
    "en": "Hujambo: nobody is on call at {site} from {start} until {end}. Please fill the rota. {link}",
    "fr": "Hujambo : personne n'est de garde, site {site}, du {start} au {end}. Merci de completer. {link}",
    "es": "Hujambo: nadie de turno en {site} desde {start} hasta {end}. Por favor complete el turno. {link}",
    "pt": "Hujambo: ninguem de turno em {site} de {start} a {end}. Por favor complete a escala. {link}",
    "ar": "Hujambo: {site} {start} - {end} لا أحد مناوب {link}",
    "sw": "Hujambo: hakuna aliye zamu {site} kuanzia {start} hadi {end}. Tafadhali jaza zamu. {link}",
    "ha": "Hujambo: babu mai aiki a {site} daga {start} zuwa {end}. Don Allah a cika jadawali. {link}",
    "so": "Hujambo: qofna kuma jiro shaqada {site} {start} ilaa {end}. Fadlan buuxi jadwalka. {link}",
}
HANDED: Words = {
    "en": "Hujambo: a person's file at {site} has been handed over to you. Please read it today. {link}",
    "fr": "Hujambo : un dossier, site {site}, vous a ete confie. Merci de le lire aujourd'hui. {link}",
    "es": "Hujambo: le han entregado un expediente en {site}. Por favor lealo hoy. {link}",
    "pt": "Hujambo: um processo em {site} foi-lhe entregue. Por favor leia-o hoje. {link}",
    "ar": "Hujambo: ملف جديد لك {site} {link}",
    "sw": "Hujambo: umekabidhiwa faili moja, kituo {site}. Tafadhali lisome leo. {link}",
    "ha": "Hujambo: an mika maka fayil daya a {site}. Don Allah karanta shi yau. {link}",
    "so": "Hujambo: fayl cusub ayaa laguu wareejiyay, {site}. Fadlan akhri maanta. {link}",
}
LEVELS: Mapping[str, Mapping[Level, str]] = {
    "en": {Level.PRACTICAL: "PRACTICAL", Level.ELEVATED: "ELEVATED", Level.HIGH: "HIGH", Level.IMMINENT: "IMMINENT"},
    "fr": {Level.PRACTICAL: "PRATIQUE", Level.ELEVATED: "MOYEN", Level.HIGH: "URGENT", Level.IMMINENT: "IMMINENT"},
    "es": {Level.PRACTICAL: "NORMAL", Level.ELEVATED: "MEDIA", Level.HIGH: "URGENTE", Level.IMMINENT: "INMEDIATA"},
    "pt": {Level.PRACTICAL: "NORMAL", Level.ELEVATED: "MEDIO", Level.HIGH: "URGENTE", Level.IMMINENT: "IMEDIATO"},
    "ar": {Level.PRACTICAL: "عادي", Level.ELEVATED: "متوسط", Level.HIGH: "عاجل", Level.IMMINENT: "فوري"},
    "sw": {Level.PRACTICAL: "KAWAIDA", Level.ELEVATED: "KATI", Level.HIGH: "JUU", Level.IMMINENT: "DHARURA"},
    "ha": {Level.PRACTICAL: "SAUKI", Level.ELEVATED: "MATSAKAICI", Level.HIGH: "GAGGAWA", Level.IMMINENT: "YANZU"},
    "so": {Level.PRACTICAL: "CAADI", Level.ELEVATED: "DHEXE", Level.HIGH: "DEGDEG", Level.IMMINENT: "HADDA"},
}

# --- answers to what staff text ---

# {person} is a code such as KIS-0042, {hours} the safe hours or nothing.
TAKEN: Words = {
    "en": "{code} is yours. {person} {phone}. Act by {by}. SAY {code} + text, TRY {code} + 1-9, PASS {code}, END {code} + outcome. HELP",
    "fr": "{code} est a vous. {person} {phone}. Avant {by}. DIRE {code} + texte, ESSAI {code} + 1-9, PASSER {code}, FIN {code} + issue. AIDE",
    "es": "{code} es suya. {person} {phone}. Antes de {by}. DECIR {code} + texto, INTENTO {code} + 1-9, PASAR {code}, FIN {code} + fin. AYUDA",
    "pt": "{code} e seu. {person} {phone}. Antes de {by}. DIZER {code} + texto, TENTA {code} + 1-9, PASSAR {code}, FIM {code} + fim. AJUDA",
    "ar": "{code} لك. {person} {phone} قبل {by}",
    "sw": "{code} ni yako. {person} {phone}. Kabla ya {by}. SEMA {code} + maneno, JARIBU {code} + 1-9, PITISHA {code}, FUNGA {code} + tokeo",
    "ha": "{code} naka ne. {person} {phone}. Kafin {by}. FADI {code} + sako, GWADA {code} + 1-9, MIKA {code}, RUFE {code} + sakamako",
    "so": "{code} waa kaaga. {person} {phone}. Ka hor {by}. DHEH {code} + qoraal, ISKU {code} + 1-9, GUDBI {code}, XIR {code} + natiijo",
}
PHONES: Mapping[str, Words] = {
    "private": {"en": "own phone", "fr": "tel. personnel", "es": "tel. propio", "pt": "tel. proprio", "ar": "هاتف خاص",
                "sw": "simu yake", "ha": "wayarsa", "so": "taleefankiisa"},
    "shared": {"en": "SHARED phone", "fr": "tel. PARTAGE", "es": "tel. COMPARTIDO", "pt": "tel. PARTILHADO",
               "ar": "هاتف مشترك", "sw": "simu ya PAMOJA", "ha": "wayar HADIN GWIWA", "so": "taleefan LA WADAAGO"},
    "monitored": {"en": "WATCHED phone", "fr": "tel. SURVEILLE", "es": "tel. VIGILADO", "pt": "tel. VIGIADO",
                  "ar": "هاتف مراقب", "sw": "simu INAANGALIWA", "ha": "wayar da ake LURA", "so": "taleefan LA ILAALIYO"},
}  # fmt: skip
SILENT: Words = {
    "en": "do NOT call or text",
    "fr": "NE PAS appeler ni ecrire",
    "es": "NO llame ni escriba",
    "pt": "NAO ligue nem escreva",
    "ar": "لا تتصل",
    "sw": "USIPIGE wala kuandika",
    "ha": "KADA a kira ko rubuta",
    "so": "HA wicin hana qorin",
}
DONE: Words = {
    "en": "Done: {code} {what}.",
    "fr": "Fait : {code} {what}.",
    "es": "Hecho: {code} {what}.",
    "pt": "Feito: {code} {what}.",
    "ar": "تم: {code} {what}",
    "sw": "Imefanyika: {code} {what}.",
    "ha": "An yi: {code} {what}.",
    "so": "Waa la sameeyay: {code} {what}.",
}
# The rule's own sentence is in English: it follows these words.
REFUSED: Words = {
    "en": "Not done. {why}",
    "fr": "Pas fait. {why}",
    "es": "No se hizo. {why}",
    "pt": "Nao foi feito. {why}",
    "ar": "لم يتم. {why}",
    "sw": "Haikufanyika. {why}",
    "ha": "Ba a yi ba. {why}",
    "so": "Lama samayn. {why}",
}
NO_SUCH: Words = {
    "en": "There is no open alert {code} among yours. Text LIST for those that are open.",
    "fr": "Pas d'alerte ouverte {code} parmi les votres. Envoyez LISTE pour celles qui sont ouvertes.",
    "es": "No hay alerta abierta {code} entre las suyas. Envie LISTA para ver las abiertas.",
    "pt": "Nao ha alerta aberto {code} entre os seus. Envie LISTA para ver os abertos.",
    "ar": "لا يوجد {code}. أرسل LIST",
    "sw": "Hakuna tahadhari {code} iliyo wazi kwako. Tuma ORODHA kuona zilizo wazi.",
    "ha": "Babu fadakarwa {code} a bude taka. Aika JERIN don ganin wadanda suke a bude.",
    "so": "Ma jiro digniin furan {code} oo kuu furan. Dir LIIS si aad u aragto kuwa furan.",
}
LIST: Words = {
    "en": "Open: {alerts}",
    "fr": "Ouvertes : {alerts}",
    "es": "Abiertas: {alerts}",
    "pt": "Abertos: {alerts}",
    "ar": "مفتوح: {alerts}",
    "sw": "Zilizo wazi: {alerts}",
    "ha": "A bude: {alerts}",
    "so": "Furan: {alerts}",
}
NONE_OPEN: Words = {
    "en": "No alert is open for you.",
    "fr": "Aucune alerte ouverte pour vous.",
    "es": "No hay alertas abiertas para usted.",
    "pt": "Nenhum alerta aberto para si.",
    "ar": "لا توجد تنبيهات مفتوحة لك",
    "sw": "Hakuna tahadhari iliyo wazi kwako.",
    "ha": "Babu wata fadakarwa a bude gare ka.",
    "so": "Digniin kuu furan ma jirto.",
}
HELP: Words = {
    "en": "Code alone = take. LIST. SAY code text. TRY code 1 reached 2 no answer 3 off 4 other 5 wrong 6 refused 7 unsafe 8 met 9 not home. PASS code. END code SAFE",
    "fr": "Code = prendre. LISTE. DIRE code texte. ESSAI code 1 joint 2 sans reponse 3 eteint 4 autre 5 faux no 6 refus 7 danger 8 vu 9 absent. PASSER code. FIN code SAFE",
    "es": "Codigo = tomar. LISTA. DECIR cod texto. INTENTO cod 1 hablo 2 no contesta 3 apagado 4 otro 5 no es 6 rechazo 7 riesgo 8 visto 9 ausente. PASAR cod. FIN cod SAFE",
    "pt": "Codigo = assumir. LISTA. DIZER cod texto. TENTA cod 1 falou 2 nao atende 3 off 4 outro 5 errado 6 recusou 7 risco 8 visto 9 ausente. PASSAR cod. FIM cod SAFE",
    "ar": "أرسل الرمز لأخذه. LIST SAY TRY 1-9 PASS END SAFE",
    "sw": "Jibu namba kuichukua. ORODHA. SEMA x maneno. JARIBU x 1 nimempata 2 hajibu 3 imezimwa 4 mwingine 5 siyo 6 kakataa 7 hatari 8 nimemwona 9 hayupo. FUNGA x SAFE",
    "ha": "Amsa da lamba don karba. JERIN. FADI x sako. GWADA x 1 an same shi 2 ba amsa 3 a kashe 4 wani 5 ba shi ba 6 ya ki 7 hadari 8 an gan shi 9 baya nan. RUFE x SAFE",
    "so": "Koodka = qabo. LIIS. DHEH x qoraal. ISKU x 1 waa la helay 2 ma jawaabo 3 dansan 4 qof kale 5 khalad 6 diiday 7 khatar 8 la arkay 9 maqan. XIR x SAFE",
}
STRANGER: Words = {
    "en": "This number is not registered for this. Nothing was done. Please use your own registered number, or the console.",
    "fr": "Ce numero n'est pas enregistre pour cela. Rien n'a ete fait. Utilisez votre propre numero enregistre.",
    "es": "Este numero no esta registrado para esto. No se hizo nada. Use su propio numero registrado.",
    "pt": "Este numero nao esta registado para isto. Nada foi feito. Use o seu proprio numero registado.",
    "ar": "هذا الرقم غير مسجل لذلك. لم يتم شيء.",
    "sw": "Namba hii haijasajiliwa kwa hili. Hakuna kilichofanyika. Tumia namba yako iliyosajiliwa.",
    "ha": "Wannan lamba ba a yi mata rajista ba. Ba a yi komai ba. Yi amfani da lambarka mai rajista.",
    "so": "Lambarkan uma diiwaangashana arrintan. Waxba lama samayn. Isticmaal lambarkaaga diiwaangashan.",
}
WORDS: Mapping[str, Words] = {
    "alert": ALERT,
    "owner": OWNER,
    "hole": HOLE,
    "drill": DRILL,
    "drill_failed": DRILL_FAILED,
    "handed": HANDED,
    "taken": TAKEN,
    "silent": SILENT,
    "done": DONE,
    "refused": REFUSED,
    "no_such": NO_SUCH,
    "list": LIST,
    "none_open": NONE_OPEN,
    "help": HELP,
    "stranger": STRANGER,
}

# What staff text → the step. The first word of the message, without accents; English works everywhere.
KEYWORDS: Mapping[str, str] = {
    word: step
    for step, words in {
        "take": "take mine prendre prends tomar tomo assumir assumo chukua karba qabo خذ استلم",
        "pass": "pass passer pasar passar pitisha mika gudbi مرر",
        "try": "try tried essai intento tenta jaribu gwada isku حاول",
        "end": "end close fin fim cerrar fechar fermer funga rufe xir اغلق",
        "say": "say dire decir dizer sema fadi dheh قل",
        "note": "note nota andika rubuta qor ملاحظة",
        "list": "list liste lista orodha jerin liis قائمة",
        "help": "help aide ayuda ajuda msaada taimako caawi مساعدة",
    }.items()
    for word in words.split()
}
# The digits of TRY: contact results (DOMAIN §2.4), in the order in which staff meet them.
TRIES: Mapping[str, str] = {
    "1": "REACHED_SELF",
    "2": "NO_ANSWER",
    "3": "PHONE_OFF",
    "4": "REACHED_OTHER_NO_DISCLOSURE",
    "5": "WRONG_NUMBER",
    "6": "REFUSED",
    "7": "UNSAFE_TO_TALK",
    "8": "VISITED_FOUND",
    "9": "VISITED_NOT_FOUND",
}
# The words of END, beside the outcome's full code.
ENDS: Mapping[str, str] = {
    "safe": "SAFE_SUPPORTED",
    "plan": "SAFE_PLAN",
    "referred": "REFERRED_ACCEPTED",
    "refno": "REFERRAL_DECLINED",
    "emergency": "EMERGENCY_SERVICES",
    "protection": "PROTECTION_RELOCATION",
    "child": "CHILD_PROTECTION_HANDOVER",
    "gbv": "GBV_REFERRAL",
    "declined": "DECLINED_SUPPORT",
    "unreached": "UNREACHED_EXHAUSTED",
    "misread": "FALSE_ALARM_MISREAD",
    "wrong": "FALSE_ALARM_WRONG_PERSON",
    "joke": "TEST_OR_JOKE",
    "test": "TEST_OR_JOKE",
    "optout": "OPTED_OUT",
    "died": "DIED",
}
