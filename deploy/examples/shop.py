"""
An application that goes on through a cutover and a rollback, without a library of attacca's: Python's own sqlite3, and psycopg2.

    SQLITE=shop.db POSTGRES=postgresql://app@localhost/app FLAG=app.env python3 shop.py till-1

It buys things until it is stopped, and prints a line for each purchase that the database has acknowledged. The contract:

1. All that belongs together is one transaction, in one function that may run more than once.
2. A transaction that is refused (the database is locked, or the error contains ATTACCA_FENCED) is rolled back, and the *whole* of it
   runs again, on the side that is primary now. Never a single statement: what was read on one side must not be written on the other.
3. Who is primary is what the flag says, or the error: both name an epoch, and the newest epoch is right.
4. The fence refuses rows. A transaction that only reads, or finds nothing to update, would not meet it: so each looks for it first.
5. A connection that breaks during COMMIT leaves open whether the transaction is there. It runs again like any other, because it bears
   a name of its own, here the token of the purchase, which it writes first: if that is there already, so is all the rest.
"""
import os
import random
import re
import signal
import sqlite3
import sys
import time

import psycopg2

WAIT_SECONDS = 30  # for a side that takes the transaction; a switch takes some hundredths of a second
FENCED = re.compile(r"ATTACCA_FENCED epoch=(\d+) primary=(sqlite|postgres)")
FENCE = "select sql from sqlite_master where type = 'trigger' and sql like '%ATTACCA_FENCED%' limit 1"


class Refused(Exception):
    """The transaction may run again: nothing of it was kept, or it finds what was. `epoch` and `primary`: what the fence said, if it was one."""

    def __init__(self, message):
        super().__init__(message)
        said = FENCED.search(message)
        self.epoch, self.primary = (int(said[1]), said[2]) if said else (-1, None)


class Sqlite:
    name = "sqlite"

    def __init__(self, path):
        self.db = sqlite3.connect(path, timeout=0, isolation_level=None)

    def attempt(self, work):
        try:
            self.db.execute("begin immediate")
            fence = self.db.execute(FENCE).fetchone()
            if fence:
                raise Refused(fence[0])
            result = work(self.db.execute)
            self.db.execute("commit")
            return result
        except sqlite3.DatabaseError as error:
            if "ATTACCA_FENCED" in str(error) or "database is locked" in str(error):
                raise Refused(str(error)) from error
            raise
        finally:
            if self.db.in_transaction:
                self.db.execute("rollback")


class Postgres:
    name = "postgres"

    def __init__(self, url):
        self.url, self.db = url, None

    def attempt(self, work):
        try:
            if self.db is None:
                self.db = psycopg2.connect(self.url)  # it begins a transaction by itself
            with self.db.cursor() as cursor:
                result = work(lambda sql, params=(): cursor.execute(sql.replace("?", "%s"), params) or cursor)
            self.db.commit()
            return result
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:  # the connection is gone, or was never there
            self.db = None
            raise Refused(str(error)) from error
        except psycopg2.Error as error:
            if "ATTACCA_FENCED" in str(error):
                raise Refused(str(error)) from error
            raise
        finally:
            if self.db is not None:
                self.db.rollback()


class Database:
    """One database that is SQLite before the switch and Postgres after it."""

    def __init__(self, sqlite_path, postgres_url, flag_path):
        self.sides = {"sqlite": Sqlite(sqlite_path), "postgres": Postgres(postgres_url)}
        self.flag_path = flag_path
        self.epoch, self.primary = -1, "sqlite"
        self.hear(*self.flag())

    def flag(self):
        """What the flag file says: DB_TYPE=postgresql, and DB_TYPE_EPOCH=7 beside it. Before the first switch it may not be there."""
        try:
            with open(self.flag_path, encoding="utf-8") as file:
                values = dict(line.strip().split("=", 1) for line in file if "=" in line)
        except FileNotFoundError:
            values = {}
        return int(values.get("DB_TYPE_EPOCH", 0)), "postgres" if values.get("DB_TYPE") == "postgresql" else "sqlite"

    def hear(self, epoch, primary):
        if epoch > self.epoch:
            self.epoch, self.primary = epoch, primary

    def transaction(self, work):
        """Runs `work(execute)` in one transaction, on the side that is primary, and returns its result and the side."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            side = self.sides[self.primary]
            try:
                return side.attempt(work), side.name
            except Refused as refusal:
                if time.monotonic() > deadline:
                    raise
                self.hear(refusal.epoch, refusal.primary)
                self.hear(*self.flag())
                time.sleep(random.uniform(0.001, 0.005))


def buy(db, token, item, pieces):
    def work(execute):
        named = "insert into purchase (token, item, pieces) values (?, ?, ?) on conflict do nothing"
        if execute(named, (token, item, pieces)).rowcount == 0:
            return  # by an earlier run, whose answer was lost
        if execute("update stock set pieces = pieces - ? where item = ? and pieces >= ?", (pieces, item, pieces)).rowcount != 1:
            raise RuntimeError(f"there are not {pieces} pieces of item {item}")

    return db.transaction(work)[1]


def main():
    till = sys.argv[1] if len(sys.argv) > 1 else "till"
    db = Database(os.environ["SQLITE"], os.environ["POSTGRES"], os.environ["FLAG"])
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    n = 0
    while not stopped:
        n += 1
        print(f"bought {till}-{n} on {buy(db, f'{till}-{n}', 1 + n % 3, 1)}", flush=True)
        time.sleep(0.005)


if __name__ == "__main__":
    main()
