"""The console's words: one sentence or label for every code that staff may meet on a page, in English.

Pages say them through `label` and `labels`, in the language of the page. Every text here goes into the catalogues.
"""

from collections.abc import Mapping
from typing import Any

from console.language import gettext
from content.schema import Level

LEVELS: Mapping[int, str] = {
    Level.NONE: "None",
    Level.PRACTICAL: "Practical",
    Level.ELEVATED: "Elevated",
    Level.HIGH: "High",
    Level.IMMINENT: "Imminent",
}
LEVEL_MEANS: Mapping[int, str] = {
    Level.PRACTICAL: "A practical need. A caseworker answers within three working days.",
    Level.ELEVATED: "Strong distress. Somebody speaks with the person within a working day.",
    Level.HIGH: "Danger. Reach the person within an hour.",
    Level.IMMINENT: "Life in danger now. Reach the person within minutes.",
}
ROUTES: Mapping[str, str] = {
    "none": "Not sorted",
    "self_harm": "Self-harm",
    "harm_others": "Harm to others",
    "threat": "Threat from others",
    "recruitment": "Pressure to go back",
    "gbv": "Violence at home or sexual violence",
    "child": "Child",
    "medical": "Medical",
    "misconduct": "Report about staff",
    "distress": "Distress",
    "practical": "Practical need",
}
DRILLS: Mapping[str, str] = {
    "none": "Not held yet",
    "running": "Under way",
    "passed": "Reached somebody",
    "failed": "Reached nobody in time",
}
SILENCE_STEPS: Mapping[str, str] = {
    "call": "Call",
    "visit": "Visit",
    "decide": "A supervisor decides",
}
PACES: Mapping[str, str] = {
    "target_minutes": "Reach the person within minutes",
    "rung_minutes": "Next rung after minutes",
    "target_staffed_days": "Reach the person within working days",
    "rung_staffed_hours": "Next rung after staffed hours",
}
STATES: Mapping[str, str] = {"open": "Nobody has it", "taken": "Taken", "closed": "Closed"}
ROLES: Mapping[str, str] = {
    "admin": "Administrator",
    "coordinator": "Coordinator",
    "psychosocial": "Psychosocial officer",
    "supervisor": "Supervisor",
    "focal_point": "Focal point",
    "caseworker": "Caseworker",
}
LANGUAGES: Mapping[str, str] = {
    "en": "English",
    "fr": "French",
    "es": "Spanish",
    "pt": "Portuguese",
    "sw": "Swahili",
    "ha": "Hausa",
    "ar": "Arabic",
    "so": "Somali",
}
PERSON_STATES: Mapping[str, str] = {
    "active": "Active",
    "no_consent": "No consent",
    "paused": "Paused",
    "exited": "Left the programme",
    "died": "Has died",
}
PHONE_KINDS: Mapping[str, str] = {
    "private": "Private phone",
    "shared": "Shared phone: others may read it",
    "monitored": "Monitored phone: somebody checks it",
}
PHONES: Mapping[str, str] = {"shared": "Shared phone", "monitored": "Monitored phone", "unknown": "Phone not known"}
GENDERS: Mapping[str, str] = {"female": "a woman", "male": "a man", "f": "a woman", "m": "a man"}
AGES: Mapping[str, str] = {"adult": "Adult", "minor": "Under 18", "child": "Under 18", "unknown": "Age not known"}

REASONS: Mapping[str, str] = {
    "list": "The message uses words from the danger list",
    "classifier": "It resembles the example sentences of this kind",
    "fallback": "The chosen classifier gave no answer; the one in this service read instead",
    "signal": "The message uses words from the danger list",
    "means": "A means is named beside it",
    "answer": "An answer in the check-in is a danger sign",
    "score": "The check-in's score is over the programme's threshold",
    "silence": "The person has gone silent",
    "age": "The person may be under 18",
    "media": "A picture, voice note or file came that only a human can read",
    "repeat": "Several such messages came in a short time",
    "duress": "The person used the agreed duress word",
    "negation": "The words stand beside a “not”",
    "negated": "The words stand beside a “not”",
    "someone_else": "It may be about somebody else",
    "set_aside": "The machine failed on this message: read it yourself",
    "third_person": "It may be about somebody else",
    "past": "It may be about the past",
    "unreadable": "The message could not be read by the machine",
    "call_me": "The person asked to be called",
    "command": "The person asked for help with a key word",
}
CONTACT_RESULTS: Mapping[str, str] = {
    "REACHED_SELF": "Reached the person",
    "REACHED_OTHER_NO_DISCLOSURE": "Somebody else answered; nothing was said",
    "NO_ANSWER": "No answer",
    "PHONE_OFF": "Phone off or out of reach",
    "WRONG_NUMBER": "Wrong number",
    "NUMBER_RECYCLED": "The number belongs to somebody else now",
    "REFUSED": "Did not want to talk",
    "UNSAFE_TO_TALK": "Not safe to talk now",
    "LANGUAGE_BARRIER": "No language in common",
    "VISITED_FOUND": "Visited and met",
    "VISITED_NOT_FOUND": "Visited, not met",
}
OUTCOMES: Mapping[str, str] = {
    "SAFE_SUPPORTED": "Reached, safe, support given",
    "SAFE_PLAN": "Safety plan made, next contact dated",
    "REFERRED_ACCEPTED": "Referral confirmed by the service",
    "REFERRED_PENDING": "Referral sent, not yet confirmed",
    "REFERRAL_DECLINED": "Referral declined by the person",
    "EMERGENCY_SERVICES": "Ambulance or hospital took over",
    "PROTECTION_RELOCATION": "Protection actor took over",
    "CHILD_PROTECTION_HANDOVER": "Handed to child protection",
    "GBV_REFERRAL": "Referred with the survivor's consent",
    "DECLINED_SUPPORT": "Reached, does not want help",
    "UNREACHED_EXHAUSTED": "Not reached after every attempt",
    "FALSE_ALARM_MISREAD": "The machine misread the message",
    "FALSE_ALARM_WRONG_PERSON": "Somebody else had the phone",
    "TEST_OR_JOKE": "A test or a joke",
    "DUPLICATE_OF": "Already handled in another alert",
    "OPTED_OUT": "Wants no more messages",
    "DIED": "The person has died",
}
EVENTS: Mapping[str, str] = {
    "opened": "Alert opened",
    "joined": "Another message joined",
    "raised": "Raised by a new message",
    "told": "Staff on call were told",
    "owner_told": "Whoever has it was told of a new message",
    "nobody_on_call": "Nobody on call could be told",
    "climbed": "Moved up: the next person was told",
    "returned": "Back on the list: it was left alone",
    "taken": "Taken",
    "passed": "Passed on",
    "passed_on": "Passed on",
    "replied": "Answered by message",
    "reply": "Answered by message",
    "attempt": "Contact attempt",
    "note": "Note",
    "level": "Level changed",
    "level_set": "Level changed",
    "moved": "Moved to another site with its person",
    "given_up": "Given up after every attempt",
    "closed": "Closed",
    "judged": "A message was judged",
    "proposed": "A phrase was proposed for the word lists",
    "reopened": "Opened again",
    "step_done": "Step done",
    "step_undone": "Step not done after all",
    "text_opened": "Conversation opened by a colleague",
    "close_asked": "A supervisor was asked to close it",
    "close_refused": "The supervisor says there is more to do",
    "about_said": "Whom the report is about was noted",
}
DELIVERY: Mapping[str, str] = {
    "queued": "Waiting to leave",
    "sending": "Leaving now",
    "sent": "Sent",
    "delivered": "Delivered",
    "failed": "Did not go",
    "expired": "Too late, not sent",
    "withheld": "Held back",
    "uncertain": "Not known if it left",
}
TASKS: Mapping[str, str] = {
    "read_message": "Read this message",
    "call_me": "Asked to be called",
    "practical": "A practical need: food, money, health, papers",
    "unfinished": "Began a check-in and did not finish it",
    "confirm_stop": "Seems to want no more messages: ask",
    "stop_in_alert": "Wrote STOP while an alert is open: talk with them, then stop the messages if they want it",
    "unknown_number": "Message from an unknown number",
    "opted_out": "Stopped messages: ask by another way if all is well",
    "media": "A picture, voice note or file came",
    "silence": "No reply: get in touch",
    "nobody_on_call": "An alert reached nobody: mend the rota",
    "bad_contact": "The number does not work: find another way",
    "follow_up": "Follow up",
    "after_alert": "Weekly contact after an alert",
    "weekly_contact": "Weekly contact after an alert",
    "confirm_arrival": "Did the person arrive at the service?",
    "ask_after_exit": "Ask if the person wants to hear from us afterwards",
    "after_exit": "Contact after the programme",
    "set_aside": "The machine failed on this message: read it",
    "call_safely": "Call at a safe hour",
    "interpreter": "Find somebody who speaks the language",
    "next_contact": "The next contact that was agreed",
    "verify_number": "Check who has this number now",
}
TASK_RESULTS: Mapping[str, str] = {
    "DONE": "Done",
    "NOT_NEEDED": "Not needed any more",
    "ANSWERED_FINE": "The person answered “fine” by themselves",
    "RESTARTED": "Begun anew after another alert",
    "EXITED": "The person has left the programme",
    "DIED": "The person has died",
    "ARRIVED": "The person arrived",
    "DECLINED": "The person said no",
    "REFUSED": "Did not want to talk, or the service said no",
    "LOST": "The person did not arrive",
    "REACHED_SELF": "Reached the person",
    "VISITED_FOUND": "Visited and met",
    "UNREACHED_EXHAUSTED": "Not reached after every attempt",
    "VERIFIED": "The number was checked by voice",
}
DOMAINS: Mapping[str, str] = {
    "LIV": "Work and income",
    "FOOD": "Food",
    "HOU": "Housing",
    "FAM": "Family",
    "COM": "Community",
    "SAF": "Safety",
    "HEA": "Health",
    "PSY": "Mood and sleep",
    "DOC": "Papers",
    "EDU": "Training",
}
STANDINGS: Mapping[int, str] = {1: "Well", 2: "So-so", 3: "Badly"}
FINDING_SOURCES: Mapping[str, str] = {
    "visit": "Visit",
    "call": "Call",
    "office": "At the office",
    "partner": "From a partner",
    "document": "Document",
}
GOAL_STATES: Mapping[str, str] = {"open": "Under way", "reached": "Reached", "dropped": "Dropped"}
REFERRAL_STATES: Mapping[str, str] = {
    "proposed": "Proposed",
    "sent": "Sent",
    "accepted": "The service accepted",
    "arrived": "The person arrived",
    "declined": "The person said no",
    "refused": "The service said no",
    "lost": "The person did not arrive",
}
REFERRAL_CONSENTS: Mapping[str, str] = {
    "not_asked": "Not asked yet",
    "spoken": "Agreed, spoken",
    "written": "Agreed in writing",
    "none_needed": "Goes themselves: we pass nothing on",
}
CONSENT_PURPOSES: Mapping[str, str] = {
    "checkins": "Check-ins by message",
    "after_exit": "Contact after the programme",
    "referral": "Passing facts to a service",
    "research": "Research without names",
    "family": "Speaking with a named relative",
}
CONSENT_SOURCES: Mapping[str, str] = {
    "in_person": "In person",
    "phone": "On the telephone",
    "paper": "On paper",
    "message": "By message",
    "import": "From a list",
}
CASE_EVENTS: Mapping[str, str] = {
    "facts": "Safe contact changed",
    "transfer": "Handed over",
    "exit": "Left the programme",
    "died": "Has died",
    "number_verified": "The number was checked by voice",
}
FACTS: Mapping[str, str] = {
    "phone_kind": "whose phone it is",
    "safe_from": "safe hours from",
    "safe_until": "safe hours until",
    "safe_word": "safe word",
    "duress_word": "duress word",
    "staff_gender": "whom the person wants to speak with",
    "language": "language",
    "weekday": "day of the check-in",
    "minute": "hour of the check-in",
}
EXITS: Mapping[str, str] = {
    "completed": "The plan is completed",
    "moved_away": "Moved away",
    "asked_to_leave": "Asked to leave",
    "other_programme": "Another programme took over",
    "lost_contact": "Contact was lost",
    "programme_ended": "The programme ended",
}
AFTER_EXIT: Mapping[str, str] = {
    "yes": "Yes, after six and twelve months",
    "no": "No",
    "later": "Not asked yet: ask within a week",
}
SERVICE_KINDS: Mapping[str, str] = {
    "health": "Health",
    "mental_health": "Counselling and mental health",
    "livelihood": "Work and income",
    "food": "Food",
    "housing": "Housing",
    "family": "Family",
    "community": "Community",
    "protection": "Protection",
    "gbv": "Survivors of violence",
    "child": "Child protection",
    "legal": "Law and papers",
    "education": "Training and school",
    "emergency": "Emergency",
}
TIMELINE: Mapping[str, str] = {
    "alerts": "Alerts",
    "checkins": "Check-ins",
    "contacts": "Contacts and notes",
    "plan": "Plan",
    "referrals": "Referrals",
    "consents": "Consents",
    "tasks": "Tasks",
    "changes": "Changes",
}
WHOSE: Mapping[str, str] = {"": "Due soon", "mine": "Mine", "overdue": "Overdue", "later": "Later"}
CAMPAIGN_STATES: Mapping[str, str] = {
    "draft": "Not started",
    "running": "Running",
    "paused": "Paused",
    "done": "Finished",
}
CAMPAIGN_KINDS: Mapping[str, str] = {
    "once": "Once",
    "weekly": "Every week, at each person's own day and hour",
    "after_anchor": "Days after the person's arrival",
    "after_exit": "Days after the person left the programme",
}
# The built-in ones; a programme's own are shown by their id, made readable.
CHECKINS: Mapping[str, str] = {
    "weekly": "Weekly",
    "monthly": "Monthly wellbeing",
    "phq9": "PHQ-9",
    "reintegration": "Reintegration",
    "silence": "After silence",
    "exit": "Leaving the programme",
    "exit_6_months": "Six months after leaving",
    "exit_12_months": "Twelve months after leaving",
}
SESSION_STATES: Mapping[str, str] = {
    "open": "Under way",
    "done": "Answered",
    "expired": "Not answered in time",
    "stopped": "Stopped",
    "unsent": "Not sent yet",
}
PURPOSES: Mapping[str, str] = {
    "crisis": "Automatic, in danger",
    "reply": "Automatic",
    "reminder": "Reminder",
    "checkin": "Check-in",
    "staff_reply": "Staff",
    "test": "Test",
}
GLASS_REASONS: Mapping[str, str] = {
    "call": "To call the person",
    "visit": "To visit the person",
    "referral": "To refer the person to a service",
    "identity": "To be sure who this is",
    "emergency": "To send help in an emergency",
}
LEFT_OUT: Mapping[str, str] = {
    "not_adult": "under 18 or of unknown age",
    "no_contact": "no number",
    "opted_out": "stopped messages",
    "consent_withdrawn": "withdrew consent",
    "no_consent_after_exit": "left, and did not agree to be written to after it",
    "language": "speak a language the check-in is not written in",
    "phone_not_private": "do not have a private phone",
    "site_paused": "at a site that is paused",
    "no_safe_hours": "no hour at which a message is safe",
}
# The main lines of `bot.judged`; those by level and matter are named after them (console/accuracy.py).
FIGURES: Mapping[str, str] = {
    "danger heard": "Danger that was read as high or imminent",
    "danger read as elevated or more": "Danger that was read as elevated or more",
    "distress read as elevated or more": "Distress that was read as elevated or more",
    "alarms that were danger": "High and imminent alerts that were danger",
    "alerts that were needed": "Alerts that were needed",
    "heard under its own route": "Danger that was heard and sorted rightly",
}
DONE: Mapping[str, str] = {
    "taken": "It is yours. Reach the person, then log the attempt.",
    "replied": "Your answer is on its way.",
    "waits": "Your answer waits for the person's next safe hour.",
    "step": "The step is in the record.",
    "asked": "A supervisor has been asked. It stays yours until they answer.",
    "refused": "They have been told that there is more to do.",
    "attempt": "The attempt is in the record.",
    "note": "The note is in the record.",
    "passed": "Passed on. They have been told.",
    "level": "The level has been changed.",
    "closed": "Closed. Thank you.",
    "task": "Done.",
    "handover": "Handed over.",
    "handover_read": "Thank you. It is kept that you have read it.",
    "tried": "The try is in the record. The task stays open.",
    "assigned": "Given to your colleague.",
    "saved": "Saved.",
    "referred": "The referral is in the file.",
    "moved": "Handed over. Whoever takes over has been told.",
    "left": "Saved. Check-ins have ended.",
    "rota": "Saved. Somebody is on call at every moment of the coming four weeks.",
    "leave": "Saved. Alerts of whoever leaves go back to the ladder at that moment.",
    "holidays": "Saved.",
    "paces": "Saved. It counts for alerts from now on.",
    "judged": "Your judgement is kept. Thank you.",
    "proposed": "Kept for whoever looks after the content. Nothing changes by itself.",
    "sample": "Kept. The next one, please.",
    "sample_alert": "An alert has been opened for this person and staff on call are told.",
    "taken_back": "Taken back.",
    "created": "Saved as a draft. Look at what will be sent, then start it.",
    "started": "It is running.",
    "paused": "Paused. Nothing more will be sent until you resume it.",
    "resumed": "It is running again.",
}


def label(names: Mapping[Any, str], code: Any) -> str:
    """The label of a code, or the code itself made readable: a new code shows up plain rather than not at all."""
    found = names.get(code)
    return gettext(found) if found else str(code).replace("_", " ").replace(".", " ").capitalize()


def labels(names: Mapping[Any, str]) -> dict[Any, str]:
    """All codes with their labels, in their order: the choices of a form."""
    return {code: gettext(text) for code, text in names.items()}
