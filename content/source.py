"""Content files as editors write them: YAML in which every scalar is a word and every value knows its line.

Nothing is guessed: `no`, `on`, `1` and `12:30` stay the words they are (plain YAML turns them into false, true and
numbers), and the schema decides what a number is. Faults are collected, never raised one by one.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing an editor must mend, in an editor's words."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a file: a word, a list of entries, or a mapping of entries."""

    file: str
    line: int
    value: "str | list[Entry] | dict[str, Entry]"

    @property
    def place(self) -> tuple[str, int]:
        return (self.file, self.line)


@dataclass(slots=True)
class Desk:
    """Reads entries as what the schema expects of them, and writes down every fault it meets."""

    faults: list[Fault] = field(default_factory=list)

    def fault(self, place: tuple[str, int], message: str) -> None:
        found = Fault(*place, message)
        if found not in self.faults:
            self.faults.append(found)

    def open(self, path: Path, name: str) -> Entry | None:
        """The file's top mapping; None if it cannot be read. `name` is what faults call the file."""
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            self.fault((name, 1), "the file is not saved as UTF-8")
            return None
        except OSError as error:
            self.fault((name, 1), f"the file cannot be read: {error.strerror}")
            return None
        try:
            node = yaml.compose(text, _LOADER)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            self.fault((name, line), f"this is not valid YAML: {error.problem}")
            return None
        except yaml.YAMLError:
            self.fault((name, 1), "this is not valid YAML: a character that is not allowed")
            return None
        return Entry(name, 1, {}) if node is None else self._entry(node, name)

    def _entry(self, node: yaml.Node, name: str) -> Entry:
        line = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            found: dict[str, Entry] = {}
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    self.fault((name, key.start_mark.line + 1), "a name is expected before the colon")
                elif key.value in found:
                    self.fault((name, key.start_mark.line + 1), f"{key.value!r} is written twice")
                else:
                    entry = self._entry(value, name)
                    found[key.value] = Entry(name, key.start_mark.line + 1, entry.value)
            return Entry(name, line, found)
        if isinstance(node, yaml.SequenceNode):
            return Entry(name, line, [self._entry(item, name) for item in node.value])
        return Entry(name, line, str(node.value))

    # --- reading entries ---

    def mapping(
        self, entry: Entry, allowed: Collection[str] | None = None, required: Collection[str] = ()
    ) -> Mapping[str, Entry]:
        """The entry's keys. Keys that are not `allowed`, and missing `required` ones, are faults."""
        if not isinstance(entry.value, dict):
            self.fault(entry.place, "a list of 'name: value' lines is expected here")
            return {}
        for key, value in entry.value.items():
            if allowed is not None and key not in allowed:
                self.fault(value.place, f"unknown name {key!r}; known here: {', '.join(sorted(allowed))}")
        for key in required:
            if key not in entry.value:
                self.fault(entry.place, f"{key!r} is missing")
        return {key: value for key, value in entry.value.items() if allowed is None or key in allowed}

    def items(self, entry: Entry | None) -> list[Entry]:
        if entry is None or entry.value == "":
            return []
        if not isinstance(entry.value, list):
            self.fault(entry.place, "a list is expected here")
            return []
        return entry.value

    def word(self, entry: Entry | None, default: str = "") -> str:
        if entry is None:
            return default
        if not isinstance(entry.value, str):
            self.fault(entry.place, "a single text is expected here")
            return default
        return entry.value.strip()

    def words(self, entry: Entry | None) -> tuple[str, ...]:
        found = [(item, self.word(item)) for item in self.items(entry)]
        for item, word in found:
            if not word and isinstance(item.value, str):
                self.fault(item.place, "an empty entry")
        return tuple(word for _, word in found if word)

    def one_of(self, entry: Entry | None, known: Collection[str], default: str) -> str:
        word = self.word(entry, default)
        if entry is not None and word not in known:
            self.fault(entry.place, f"{word!r} is not known here; choose one of: {', '.join(known)}")
            return default
        return word

    def number(self, entry: Entry | None, default: float | None = None) -> float | None:
        if entry is None:
            return default
        word = self.word(entry)
        try:
            return float(word)
        except ValueError:
            self.fault(entry.place, f"{word!r} is not a number")
            return default

    def flag(self, entry: Entry | None) -> bool:
        return self.one_of(entry, ("yes", "no", "true", "false"), "no") in ("yes", "true")
