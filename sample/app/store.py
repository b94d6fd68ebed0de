"""Items in an SQLite file, which outlives every container because it lies on a volume."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

FIRST_ITEMS = ("Tea", "Biscuits", "A good book", "A warm blanket", "Time")


@dataclass(frozen=True)
class Item:
    item_id: int
    name: str


class Store:
    """The items of one SQLite file; every call opens its own connection, so that any thread may call."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def prepare(self) -> None:
        """Makes the file with its first items where there is none yet."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._transaction() as database:
            database.execute("BEGIN IMMEDIATE")
            if database.execute("SELECT 1 FROM sqlite_schema WHERE name = 'items'").fetchone():
                return
            database.execute("CREATE TABLE items (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL)")
            database.executemany("INSERT INTO items (name) VALUES (?)", [(name,) for name in FIRST_ITEMS])

    def all(self) -> list[Item]:
        with self._transaction() as database:
            return [Item(*row) for row in database.execute("SELECT id, name FROM items ORDER BY id")]

    def get(self, item_id: int) -> Item | None:
        with self._transaction() as database:
            row = database.execute("SELECT id, name FROM items WHERE id = ?", (item_id,)).fetchone()
        return Item(*row) if row else None

    def add(self, name: str) -> Item:
        with self._transaction() as database:
            row = database.execute(
                "INSERT INTO items (name) VALUES (?) RETURNING id, name", (name,)
            ).fetchone()
        return Item(*row)

    def remove(self, item_id: int) -> bool:
        """Whether there was such an item."""
        with self._transaction() as database:
            return database.execute("DELETE FROM items WHERE id = ?", (item_id,)).rowcount > 0

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path)) as database, database:
            yield database
