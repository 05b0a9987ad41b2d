"""What staff judged and proposed: `hujambo evaluate` without a file, and `hujambo content proposals`."""

import argparse
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import yaml

from bot import judged
from cases import proposals
from cases.judged import readings
from content.pack import load_pack
from content.schema import Level, Pack
from hujambo.cli.frame import DONE, RefusedError, as_json, command, show, show_one, with_database
from hujambo.settings import Settings
from store.database import Database, utc_now

# --- evaluate ---


def evaluate_judged(days: int, *, is_json: bool) -> int:
    if days < 1:
        raise RefusedError("--days: at least 1")

    async def work(database: Database, _: Settings) -> list[Any]:
        async with database.read() as connection:
            return list(await readings(connection, utc_now() - timedelta(days=days)))

    found = with_database(work)
    weighed, covered = judged.weigh(found), judged.coverage(found)
    lines, table, misses = judged.figures(weighed), judged.confusion(weighed), judged.worst(weighed)
    if is_json:
        report = {
            "rests_on": {name: getattr(covered, name) for name in covered.__slots__},
            "lines": [line.to_json() for line in lines],
            "confusion": [
                {"meant": meant.word, "read": read.word, "count": count, "stands_for": round(weight, 1)}
                for (meant, read), (count, weight) in sorted(table.items(), reverse=True)
            ],
            "worst": [_miss(one) for one in misses],
        }
        print(as_json(report))
        return DONE
    print(f"alerted messages judged: {covered.judged} of {covered.alerted}, by themselves {covered.judged_themselves}")
    print(f"sample read: {covered.read} of {covered.drawn}, which stand for {covered.sampled_from} that raised nothing")
    if not covered.read:
        print("nobody has read a sample: what is missed is not known")
    print()
    for line in lines:
        share = "not known" if line.share is None else f"{line.share:.1%} ({line.low:.0%} to {line.high:.0%})"
        print(f"{line.name:10} {line.what:36} {line.part:5} of {line.whole:5}  {share}")
    print("\nmeant → read      " + "".join(f"{level.word:>10}" for level in Level))
    for meant in Level:
        print(f"{meant.word:16}  " + "".join(f"{table.get((meant, read), (0, 0))[0]:10}" for read in Level))
    if misses:
        print()
    for one in misses:
        said = _miss(one)
        where = f"alert {said['alert']}" if said["alert"] else "no alert"
        print(f"message {said['id']} ({where}, {said['lang']}): meant {said['meant']}, read {said['read']}")
    return DONE


def _miss(one: judged.Judged) -> dict[str, Any]:
    """One mistake by its ids: its text is for those who may open its alert."""
    reading = one.reading
    return {
        "id": reading.id,
        "alert": reading.alert or None,
        "lang": reading.language,
        "meant": one.meant.word,
        "route": reading.route,
        "read": reading.read.word,
    }


# --- content proposals ---


def add_proposals(content: Any) -> None:
    listing = command(content, "proposals", "phrases that staff propose for the word lists", _proposals)
    listing.add_argument("--state", choices=proposals.STATES, default="waiting")
    listing.add_argument("--yaml", action="store_true", help="as files for the programme's own pack")
    listing.add_argument("--take", type=int, nargs="+", default=[], metavar="ID", help="mark as taken into the lists")
    listing.add_argument("--decline", type=int, nargs="+", default=[], metavar="ID", help="mark as not taken")


def _proposals(args: argparse.Namespace) -> int:
    if args.take or args.decline:
        return _settle(args)

    async def work(database: Database, settings: Settings) -> tuple[list[dict[str, Any]], Pack]:
        return await proposals.list_proposals(database, args.state, utc_now()), load_pack(settings.content)

    found, pack = with_database(work)
    if args.yaml:
        print(as_files(found, pack), end="")
    else:
        show(found, is_json=args.json)
    return DONE


def _settle(args: argparse.Namespace) -> int:
    async def work(database: Database, _: Settings) -> dict[str, int]:
        taken = await proposals.settle(database, args.take, "taken", utc_now()) if args.take else 0
        declined = await proposals.settle(database, args.decline, "declined", utc_now()) if args.decline else 0
        return {"taken": taken, "declined": declined}

    show_one(with_database(work), is_json=args.json)
    return DONE


def as_files(found: Sequence[Mapping[str, Any]], pack: Pack) -> str:
    """The proposals as they would stand in LANG/signals.yaml, to be read and cut down by whoever owns the content."""
    written = []
    for language in sorted({row["language"] for row in found}):
        rows = [row for row in found if row["language"] == language]
        lists: dict[str, dict[str, Any]] = {}
        for row in rows:
            if row["kind"] == "signal":
                entry = _list_for(row, pack)
                lists.setdefault(entry["id"], entry | {"phrases": []})["phrases"].append(row["phrase"])
        harmless = [row["phrase"] for row in rows if row["kind"] == "harmless"]
        file = ({"signals": list(lists.values())} if lists else {}) | ({"harmless": harmless} if harmless else {})
        written.append(f"# {language}/signals.yaml\n{yaml.safe_dump(file, allow_unicode=True, sort_keys=False)}")
    return "\n".join(written)


def _list_for(row: Mapping[str, Any], pack: Pack) -> dict[str, Any]:
    """The list of that route and level to which phrases can be added; else a new one."""
    level = Level.of(row["level"])
    known = pack.words[row["language"]].signals if row["language"] in pack.words else ()
    fitting = (one for one in known if one.route == row["route"] and one.level is level and not one.means)
    old = next((one for one in fitting if not one.id.endswith("families")), None)
    if old is not None:
        return {"id": old.id}
    return {"id": f"{row['route']}.proposed_{level.word}", "route": row["route"], "level": level.word}
