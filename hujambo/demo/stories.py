"""Alerts of the demo, past and open: written with the functions that the service and its console use, at past times."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from bot.distress import Reader
from cases.alerts import climb_due, close, log_attempt, reply, take
from cases.replying import Assent
from channels.base import IncomingMessage
from channels.segments import count
from content.schema import Pack
from hujambo.demo.people import OFFICE_NUMBER, STAFF, Someone
from scheduler.inbox import Inbox
from store import tables as t
from store.database import Database

_KNOWINGLY = Assent(confirmed=True, agreed=True, reason="In danger: an answer could not wait.")
_ROLES = {account.login: account.role for account in STAFF}


@dataclass(frozen=True, slots=True)
class Story:
    """One alert. `ago`: days before now (closed ones, at `hour` local) or, below one day, minutes before now.

    `attempts` are (contact result, note); without an outcome the alert is still open, without `by` nobody has it.
    """

    language: str
    texts: tuple[str, ...]
    ago_days: int = 0
    hour: int = 10
    ago_minutes: int = 0
    by: str = ""
    reply: str = ""
    answer: str = ""
    attempts: tuple[tuple[str, str], ...] = ()
    note: str = ""
    outcome: str = ""
    closed_by: str = ""
    ending: str = ""
    has_consent: bool = False
    is_climbed: bool = False


CLOSED = (
    Story("sw", ("silali usiku kabisa, sina matumaini",), 79, 9, by="joseph",
          reply="Asante kwa kuandika. Mimi ni mtu wa timu. Naomba nikupigie simu sasa?", answer="ndio nipigie",
          attempts=(("REACHED_SELF", "Talked 20 minutes. Sleeps badly since he came home; brother is with him."),),
          outcome="SAFE_SUPPORTED", ending="Will come to the men's circle on Thursday."),
    Story("fr", ("je veu mourir",), 74, 11, by="amina",
          reply="Merci d'avoir ecrit. Je suis la. Puis-je vous appeler maintenant ?", answer="oui",
          attempts=(("REACHED_SELF", "Alone in the room, no means near. Agreed on a plan; sister comes tonight."),),
          outcome="SAFE_PLAN", ending="Plan made with him and his sister; call tomorrow at nine."),
    Story("en", ("my husband beats me at nite",), 68, 14, by="amina",
          attempts=(("NO_ANSWER", ""), ("REACHED_SELF", "Could talk for a short time at the market.")),
          outcome="GBV_REFERRAL", ending="She agreed to the women's centre; expected tomorrow.", has_consent=True),
    Story("sw", ("nimechoka na maisha yangu",), 61, 16, by="amina",
          reply="Nimesoma ujumbe wako. Uko salama sasa hivi?", answer="niko salama, nimechoka tu",
          attempts=(("REACHED_SELF", "Tired and out of work, no thought of dying. Wants help with the trade kit."),),
          outcome="SAFE_SUPPORTED", ending="Kit follow-up given to Joseph."),
    Story("en", ("old commander is calling me back to the bush, he say i owe him",), 55, 10, by="joseph",
          attempts=(("REACHED_SELF", "He does not want to go. Knows two others who were called."),),
          outcome="PROTECTION_RELOCATION", closed_by="grace", ending="Liaison officer told; he is with an uncle."),
    Story("fr", ("je suis decourage, je dors plus la nuit",), 49, 9, by="joseph",
          attempts=(("PHONE_OFF", ""), ("REACHED_SELF", "Pain in the back, cannot work in the field.")),
          outcome="REFERRED_ACCEPTED", ending="Health centre confirmed an appointment on Monday."),
    Story("en", ("i want to die of hunger haha, where is my kit",), 44, 15, by="amina",
          attempts=(("REACHED_SELF", "He laughed: a joke about lunch. Kit is late, told the office."),),
          outcome="FALSE_ALARM_MISREAD", ending="A joke about being hungry."),
    Story("sw", ("wananitishia kuniua nikikataa kurudi",), 38, 12, by="joseph",
          reply="Asante kwa kutuambia. Nenda mahali salama. Nakupigia sasa.", answer="sawa",
          attempts=(("NO_ANSWER", ""), ("REACHED_SELF", "At his aunt's house. Two men came twice.")),
          outcome="PROTECTION_RELOCATION", closed_by="grace", ending="Moved to relatives; protection has the case."),
    Story("fr", ("j'ai envie de mourir mais je ne sais pas",), 33, 13, by="amina",
          attempts=(("REACHED_SELF", "Cried, then calmer. No plan. Mother is at home."),),
          outcome="SAFE_PLAN", ending="Plan made; she calls the line if it comes back."),
    Story("en", ("my wife lost the baby, she is bleeding too much",), 27, 11, by="joseph",
          attempts=(("REACHED_SELF", "Told to go to the district hospital at once; moto is on the way."),),
          outcome="EMERGENCY_SERVICES", closed_by="grace", ending="Hospital confirmed that she arrived and is stable."),
    Story("sw", ("najisikia vibaya sana, sina matumaini",), 22, 10, by="amina",
          attempts=(("NO_ANSWER", ""), ("PHONE_OFF", ""), ("NO_ANSWER", "Third try, in the evening.")),
          outcome="UNREACHED_EXHAUSTED", ending="Message left with nobody; field worker looks in on market day."),
    Story("fr", ("mon mari me frappe chaque soir",), 17, 15, by="amina",
          attempts=(("UNSAFE_TO_TALK", "Husband in the room."), ("REACHED_SELF", "Called at the hour she gave.")),
          outcome="GBV_REFERRAL", ending="Goes to the listening centre on Friday.", has_consent=True),
    Story("en", ("i am hopeless, nobody want me in this village",), 12, 9, by="joseph",
          reply="Thank you for writing. I will call you this morning. Which hour is good?", answer="10 is ok",
          attempts=(("REACHED_SELF", "Quarrel about land. Elder agreed to mediate."),),
          outcome="SAFE_SUPPORTED", ending="Mediation on Saturday; supported by the community worker."),
    Story("sw", ("sitaki kuishi tena",), 8, 17, by="amina",
          reply="Niko hapa. Hauko peke yako. Naweza kukupigia sasa?", answer="ndio",
          attempts=(("REACHED_SELF", "Drank last night, sober now. Neighbour stays with him."),),
          outcome="SAFE_PLAN", ending="Plan made; next contact tomorrow morning."),
    Story("fr", ("mon ancien chef m'appelle pour revenir en brousse",), 4, 10, by="joseph",
          attempts=(("REACHED_SELF", "Three calls this week. He wants to stay and finish the carpentry course."),),
          outcome="SAFE_SUPPORTED", ending="New SIM agreed; liaison officer informed."),
)  # fmt: skip

OPEN = (
    Story("en", ("i cant sleep, i see them every nite",), ago_minutes=140, by="joseph",
          attempts=(("NO_ANSWER", "Tried twice; will try again after work."),)),
    Story("en", ("your staff touched me and said no kit if i tell",), ago_minutes=95),
    Story("fr", ("je suis decourage, je dors plus la nuit", "personne ne veut de moi ici"), ago_minutes=52),
    Story("sw", ("wananitishia kuniua nikikataa kurudi",), ago_minutes=31, by="joseph",
          reply="Asante kwa kutuambia. Uko mahali salama sasa? Nakupigia.", answer="niko kwa shangazi, nasubiri",
          attempts=(("PHONE_OFF", "Off or no network; he wrote back, trying again."),)),
    Story("fr", ("ils on dit kils vont me tuer si je parle",), ago_minutes=22, is_climbed=True),
    Story("en", ("everything finish for me.", "i have the rope, i want to die tonite"), ago_minutes=3),
)  # fmt: skip

Action = tuple[datetime, int, Callable[[datetime], Awaitable[None]]]


class Stage:
    """Plays the stories in the order in which they happened, so that the audit trail is in order too."""

    def __init__(
        self, database: Database, pack: Pack, reader: Reader, staff: Mapping[str, int], channel_id: int, base_url: str
    ) -> None:
        self._database, self._pack, self._staff = database, pack, staff
        self._channel_id, self._base_url = channel_id, base_url
        self._at = datetime.now(UTC)
        self._inbox = Inbox(database, pack, reader, lambda: self._at, base_url=base_url)
        self._actions: list[Action] = []
        self._heard = 0

    def add(self, story: Story, someone: Someone, now: datetime) -> None:
        start = now - timedelta(minutes=story.ago_minutes)
        if story.ago_days:
            zone = ZoneInfo(someone.place.time_zone)
            day = (now.astimezone(zone) - timedelta(days=story.ago_days)).date()
            start = datetime.combine(day, time(story.hour, 7), zone).astimezone(UTC)
        for number, text in enumerate(story.texts):
            self.do(start + timedelta(seconds=40 * number), self._hear(someone, text))
        if story.is_climbed:
            self.do(start + timedelta(minutes=15, seconds=1), self._climb())
        if not story.by:
            return
        at = start + timedelta(minutes=3)
        self.do(at, self._take(someone, story.by))
        if story.reply:
            self.do(at + timedelta(minutes=1), self._reply(someone, story))
            self.do(at + timedelta(minutes=4), self._hear(someone, story.answer))
        for number, (result, note) in enumerate(story.attempts):
            at += timedelta(minutes=6 + 95 * bool(number))
            self.do(at, self._attempt(someone, story.by, result, note))
        if story.outcome:
            self.do(at + timedelta(minutes=38), self._close(someone, story))

    async def play(self) -> None:
        for at, _, act in sorted(self._actions, key=lambda action: action[:2]):
            self._at = at
            await act(at)
        await self._inbox.close()

    def do(self, at: datetime, act: Callable[[datetime], Awaitable[None]]) -> None:
        """Something that happens at that moment; `act` is told it."""
        self._actions.append((at, len(self._actions), act))

    def _hear(self, someone: Someone, text: str) -> Callable[[datetime], Awaitable[None]]:
        async def act(at: datetime) -> None:
            self._heard += 1
            message = IncomingMessage(f"S{self._heard}", someone.number, OFFICE_NUMBER, text)
            await self._inbox.accept(self._channel_id, message, at)

        return act

    def _climb(self) -> Callable[[datetime], Awaitable[None]]:
        async def act(at: datetime) -> None:
            await climb_due(self._database, lambda: at, self._base_url)

        return act

    def _take(self, someone: Someone, login: str) -> Callable[[datetime], Awaitable[None]]:
        async def act(at: datetime) -> None:
            await take(self._database, await self._alert(someone), self._staff[login], at)

        return act

    def _reply(self, someone: Someone, story: Story) -> Callable[[datetime], Awaitable[None]]:
        async def act(at: datetime) -> None:
            await reply(
                self._database, self._pack, await self._alert(someone), self._staff[story.by], story.reply, at,
                assent=_KNOWINGLY, count_segments=lambda text: count(text).segments,
            )  # fmt: skip

        return act

    def _attempt(self, someone: Someone, login: str, result: str, note: str) -> Callable[[datetime], Awaitable[None]]:
        async def act(at: datetime) -> None:
            await log_attempt(self._database, await self._alert(someone), self._staff[login], result, note, at)

        return act

    def _close(self, someone: Someone, story: Story) -> Callable[[datetime], Awaitable[None]]:
        async def act(at: datetime) -> None:
            who = story.closed_by or story.by
            await close(
                self._database, await self._alert(someone), self._staff[who], story.outcome, story.ending, _ROLES[who],
                at, has_consent=story.has_consent,
            )  # fmt: skip

        return act

    async def _alert(self, someone: Someone) -> int:
        a = t.alert.c
        found = (
            sa.select(a.id)
            .where(a.contact_id == someone.contact["id"], a.state != "closed")
            .order_by(a.opened_at.desc())
            .limit(1)
        )
        async with self._database.read() as connection:
            return int((await connection.execute(found)).scalar_one())


def cast(people: Sequence[Someone]) -> list[tuple[Story, Someone]]:
    """Everybody's part: somebody who speaks the story's language, and whom an open alert happens to but once."""
    players = [someone for someone in people if someone.gets_checkins]
    found: list[tuple[Story, Someone]] = []
    played: Counter[str] = Counter()
    for story in (*OPEN, *CLOSED):
        speakers = [one for one in players if one.language == story.language]
        if speakers:
            # In a small programme an old story may be somebody's second one; with an open one goes no other.
            someone = min(speakers, key=lambda one: played[one.number])
            found.append((story, someone))
            played[someone.number] += 1 if story.outcome else 100
    return found
