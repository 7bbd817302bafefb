"""VictoriaMetrics, one node: metric lines over HTTP. What it acknowledges is not on disk yet."""

import ssl
import urllib.request
from typing import List, Optional

import machine
from machine import Process
from systems.base import Peer, Variant, must

_NAMES = ["victoria-metrics", "victoria-metrics-prod"]


def _binary() -> Optional[str]:
    for name in _NAMES:
        found = machine.program(name)
        if found:
            return found
    return None


class Victoria(Peer):
    name = "VictoriaMetrics"
    debian = ["victoria-metrics"]
    promises = "taken into memory, NOT on disk: it has no setting that waits for the disk"
    leaves_undone = (
        "An acknowledged event is lost if the power goes before the next flush, some seconds later. Stores samples of"
        " series, not events: two calls of a session in one millisecond are one instant of its series, and nothing "
        "binds a call's figures together. Counts again what is sent again. Sums are worked out when they are asked "
        "for. Each session is a set of new series, which is what it likes least; the pool here repeats its sessions, "
        "so that cost is mostly not in the figure. One tenant (the cluster version has more)."
    )
    idle_protocol = "http"

    @classmethod
    def missing(cls) -> Optional[str]:
        return None if _binary() else "victoria-metrics (Debian: victoria-metrics)"

    @classmethod
    def variants(cls, per_event: bool) -> List[Variant]:
        return [
            Variant("Influx lines, a line an event", "influx", "http:/write"),
            Variant("Prometheus lines, a line a figure", "prometheus", "http:/api/v1/import/prometheus"),
        ]

    def start(self) -> None:
        self.process = Process(
            [
                _binary() or _NAMES[0],
                "-httpListenAddr=127.0.0.1:%d" % self.port,
                "-tls",
                "-tlsCertFile=%s" % self.certificates.certificate,
                "-tlsKeyFile=%s" % self.certificates.key,
                "-storageDataPath=%s" % self.data,
                # The events' times are fixed; the default of a month would drop them some day.
                "-retentionPeriod=100y",
                "-http.idleConnTimeout=10m",
                "-http.connTimeout=1h",
            ],
            self.cpu,
            self.log,
        )
        machine.wait_for_port(self.port, self.process)

    def settings(self) -> List[str]:
        for line in self._metrics():
            if line.startswith("vm_app_version"):
                version = line.split('short_version="')[1].split('"')[0]
                return [
                    "VictoriaMetrics %s" % (version or "of Debian's package"),
                    "retention 100 years, else its defaults",
                ]
        return ["VictoriaMetrics, version not told"]

    def check_stored(self, variant: Variant, messages: int, events: int) -> str:
        inserted = ignored = 0
        for line in self._metrics():
            if line.startswith("vm_rows_inserted_total"):
                inserted += int(float(line.split()[-1]))
            elif line.startswith(("vm_rows_ignored_total", "vm_rows_invalid_total")):
                ignored += int(float(line.split()[-1]))
        must(ignored == 0, "VictoriaMetrics dropped %d samples" % ignored)
        # Each figure of an event that is not zero is a sample; there are between five and six on average.
        must(inserted >= 4 * events, "%d events were acknowledged, %d samples are held" % (events, inserted))
        return "%d samples held" % inserted

    def _metrics(self) -> List[str]:
        context = ssl.create_default_context(cafile=self.certificates.authority)
        with urllib.request.urlopen("https://127.0.0.1:%d/metrics" % self.port, context=context, timeout=30) as answer:
            return [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
