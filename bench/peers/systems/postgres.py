"""PostgreSQL: a batch is one transaction of COPY and the upsert of its sums, committed synchronously."""

import glob
import os
import pwd
import shutil
import signal
import subprocess
import time
from typing import Dict, List, Optional

import formats
import machine
from machine import PeerError, Process
from systems.base import Peer, Variant, must

_CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = %(port)d
unix_socket_directories = ''
ssl = on
ssl_cert_file = '%(certificate)s'
ssl_key_file = '%(key)s'
ssl_min_protocol_version = 'TLSv1.3'
fsync = on
synchronous_commit = on
wal_sync_method = fdatasync
full_page_writes = on
shared_buffers = 1GB
max_wal_size = 4GB
checkpoint_timeout = 15min
max_connections = 300
"""
_OPENSSL = """
openssl_conf = begin
[begin]
ssl_conf = ssl
[ssl]
system_default = ciphers
[ciphers]
Ciphersuites = TLS_AES_128_GCM_SHA256
"""


def _binary(name: str) -> Optional[str]:
    return machine.program(name, *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True))


class Postgres(Peer):
    name = "PostgreSQL"
    debian = ["postgresql-15", "libpq-dev"]
    promises = "rows, and sums where they are kept, in the write-ahead log and synced"
    leaves_undone = (
        "Checks types, not what a batch claims of itself. A batch sent again is counted again: exactly-once needs a "
        "key over stream and sequence, which was left out. Keeps sums only because the client works them out and "
        "sends them. Tenants are rows, schemas or databases that somebody looks after, as are vacuum and partitions. "
        "A connection is a process."
    )
    idle_connections = 50
    client = "load_pg"

    @classmethod
    def missing(cls) -> Optional[str]:
        if not (_binary("postgres") and _binary("initdb") and _binary("psql")):
            return "postgres (Debian: postgresql-15)"
        if not shutil.which("pg_config"):
            return "libpq's headers (Debian: libpq-dev)"
        if os.getuid() == 0 and not cls._user():
            return "the account postgres, since the server refuses to run as root"
        return None

    @staticmethod
    def _user() -> Optional[str]:
        if os.getuid() != 0:
            return None
        try:
            return pwd.getpwnam("postgres").pw_name
        except KeyError:
            return None

    @classmethod
    def variants(cls, per_event: bool) -> List[Variant]:
        return [
            Variant("COPY and upsert of sums", "copy-upsert", "", one_in_flight=True),
            Variant("COPY alone", "copy", "", one_in_flight=True),
        ]

    def start(self) -> None:
        user = self._user()
        key = os.path.join(self.folder, "server-key.pem")
        shutil.copyfile(self.certificates.key, key)
        os.chmod(key, 0o600)
        if user:
            # The server reads its key and writes its log as this account.
            os.chmod(self.folder, 0o755)
            for path in (self.data, key):
                shutil.chown(path, user, user)
        os.chmod(self.data, 0o700)
        # The files of a new cluster need no syncing: what counts is what the server writes.
        command = [
            _binary("initdb") or "initdb",
            "-D",
            self.data,
            "-U",
            "tally",
            "--auth=trust",
            "--no-locale",
            "-E",
            "UTF8",
        ]
        command.append("--no-sync")
        done = Process(command, None, self.log, user)
        if done.popen.wait(120) != 0:
            done.check()
        values = {"port": self.port, "certificate": self.certificates.certificate, "key": key}
        with open(os.path.join(self.data, "postgresql.conf"), "a") as file:
            file.write(_CONFIGURATION % values)
        with open(os.path.join(self.data, "pg_hba.conf"), "w") as file:
            file.write("hostssl all tally 127.0.0.1/32 trust\n")
        # SIGINT is the fast shutdown: running transactions are ended, then a checkpoint.
        self.process = Process(
            [_binary("postgres") or "postgres", "-D", self.data], self.cpu, self.log, user, stop=signal.SIGINT
        )
        machine.wait_for_port(self.port, self.process)
        self._wait_until_it_serves(self.process)
        self._sql(formats.SQL_TABLES)
        self._wal_begin = self._sql("SELECT pg_current_wal_lsn()")

    def _wait_until_it_serves(self, process: Process, seconds: float = 60) -> None:
        # It listens before its recovery has ended, and turns whoever comes between away.
        until = time.monotonic() + seconds
        while True:
            done = self._psql("SELECT 1")
            if done.returncode == 0:
                return
            process.check()
            # psql ends with 2 where it got no session; all else is no matter of waiting.
            if done.returncode != 2 or time.monotonic() >= until:
                raise PeerError("psql: %s" % done.stderr.strip())
            time.sleep(0.05)

    def settings(self) -> List[str]:
        for name, value in (
            ("fsync", "on"),
            ("synchronous_commit", "on"),
            ("full_page_writes", "on"),
            ("ssl_min_protocol_version", "TLSv1.3"),
        ):
            must(self._sql("SHOW %s" % name) == value, "PostgreSQL's %s is not %s" % (name, value))
        return [
            "PostgreSQL %s" % self._sql("SHOW server_version").split()[0],
            "SHOW says fsync on, synchronous_commit on, full_page_writes on",
            "wal_sync_method %s, shared_buffers 1 GB, max_wal_size 4 GB" % self._sql("SHOW wal_sync_method"),
            "no index on the events",
        ]

    def check_stored(self, variant: Variant, messages: int, events: int) -> str:
        held = int(self._sql("SELECT count(*) FROM usage"))
        must(held >= events, "%d events were acknowledged, %d are held" % (events, held))
        if variant.form == "copy-upsert":
            apart = self._sql(
                "SELECT (SELECT sum(events) FROM totals) - count(*), (SELECT sum(output_tokens) FROM totals) - "
                "sum(output_tokens) FROM usage"
            )
            must(apart == "0|0", "the sums differ from the rows by %s" % apart)
            return "%d rows held, %s sums equal to them" % (held, self._sql("SELECT count(*) FROM totals"))
        return "%d rows held" % held

    def notes(self, events: int) -> List[str]:
        log = int(self._sql("SELECT (pg_current_wal_lsn() - '%s'::pg_lsn)::bigint" % self._wal_begin))
        tables = int(self._sql("SELECT pg_total_relation_size('usage') + pg_total_relation_size('totals')"))
        return [
            "%.0f bytes an event in tables, %.0f written to the log" % (tables / max(events, 1), log / max(events, 1))
        ]

    def environment(self) -> Dict[str, str]:
        # libpq 15 cannot choose a cipher of TLS 1.3; OpenSSL's own file can.
        path = os.path.join(self.folder, "openssl.cnf")
        with open(path, "w") as file:
            file.write(_OPENSSL)
        return {"OPENSSL_CONF": path}

    def _sql(self, text: str) -> str:
        done = self._psql(text)
        if done.returncode != 0:
            raise PeerError("psql: %s" % done.stderr.strip())
        return done.stdout.strip()

    def _psql(self, text: str) -> "subprocess.CompletedProcess[str]":
        command = [_binary("psql") or "psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text]
        environment = {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": "tally",
            "PGDATABASE": "postgres",
            "PGSSLMODE": "verify-ca",
            "PGSSLROOTCERT": self.certificates.authority,
        }
        return subprocess.run(command, env=dict(os.environ, **environment), capture_output=True, text=True, timeout=300)
