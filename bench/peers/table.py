"""The one table, and below it what its figures rest on."""

import textwrap
from typing import Any, Dict, List

from systems import PEERS

WIDTH = 118
#: Above this share of its CPU the client may have been what held the peer back.
CLIENT_BUSY_MOST = 0.9

_COLUMNS = [
    ("peer", "<"),
    ("form", "<"),
    ("events/s", ">"),
    ("CPU ns/event", ">"),
    ("server busy", ">"),
    ("p50 ms", ">"),
    ("p99 ms", ">"),
    ("wire B/event", ">"),
    ("disk B/event", ">"),
    ("memory KB/connection", ">"),
]


def _row(row: Dict[str, Any], memory: Dict[str, float]) -> List[str]:
    held = memory.get(row["peer"])
    back = row["back_per_event"]
    mark = " *" if row["client_busy"] > CLIENT_BUSY_MOST else ""
    return [
        row["peer"],
        row["form"],
        "{:,.0f}{}".format(row["events_per_second"], mark),
        "{:,.0f}".format(row["cpu_ns_per_event"]),
        "{:.0f} %".format(row["server_busy"] * 100),
        "{:.2f}".format(row["p50_us"] / 1e3),
        "{:.2f}".format(row["p99_us"] / 1e3),
        "{:.1f} + {}".format(row["wire_per_event"], "–" if back is None else "{:.1f}".format(back)),
        "{:.1f}".format(row["disk_per_event"]),
        "–" if held is None else "{:.1f}".format(held / 1024),
    ]


def _markdown(rows: List[List[str]]) -> List[str]:
    heads = [head for head, _ in _COLUMNS]
    widths = [max(len(cells[i]) for cells in rows + [heads]) for i in range(len(heads))]

    def line(cells: List[str]) -> str:
        return "| " + " | ".join("{:{}{}}".format(c, _COLUMNS[i][1], widths[i]) for i, c in enumerate(cells)) + " |"

    rule = ["-" * (widths[i] - 1) + (":" if side == ">" else "-") for i, (_, side) in enumerate(_COLUMNS)]
    return [line(heads), line(rule)] + [line(row) for row in rows]


def _wrapped(text: str) -> List[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)


def render(result: Dict[str, Any]) -> str:
    options, about, rows = result["options"], result["about"], result["rows"]
    lines = _markdown([_row(row, result["memory"]) for row in rows]) + [""]
    lines += _wrapped(
        "Batches of %d events of EventLoad (seed %d, %d different batches), %d connections with %d batches in flight "
        "each (PostgreSQL, which cannot pipeline COPY: %d connections with one), %g s after %g s of warming up. TLS "
        "1.3 (%s), P-256. Server on CPU %d, client on CPU %d. Files on %s, where appending 4 KB and a barrier took "
        "%.0f µs; load average %.1f before the first run."
        % (
            options["events_per_batch"],
            options["seed"],
            options["batches"],
            options["connections"],
            options["in_flight"],
            options["connections"] * options["in_flight"],
            options["seconds"],
            options["warmup"],
            ", ".join(sorted({row["cipher"] for row in rows if row["cipher"]})) or "nothing ran",
            about["cpus"][0],
            about["cpus"][1],
            about["file_system"],
            about["barrier_us"],
            about["load"],
        )
    )
    lines += _wrapped(
        "CPU: user and system time of all the server's processes in the window; what the kernel's own threads do for "
        "the disk is nobody's. Wire: bytes of TCP payload, TLS included, to and + from the server. Disk: growth of "
        "the data folder over the "
        "whole run once the server was stopped. Blobs are our frames, compressed by %s." % about["compressor"]
    )
    busiest = max((row["client_busy"] for row in rows), default=0.0)
    lines += _wrapped(
        "The client used at most %.0f %% of its CPU%s."
        % (
            busiest * 100,
            "; rows with * may have been held back by it" if busiest > CLIENT_BUSY_MOST else ", so it held nobody back",
        )
    )
    for name, why in result["left_out"].items():
        lines += _wrapped("LEFT OUT: %s: %s" % (name, why))
    if result["nginx_memory"] is not None:
        lines += _wrapped(
            "nginx, for comparison: %.1f KB of memory for an idle TLS connection." % (result["nginx_memory"] / 1024)
        )
    for kind in PEERS.values():
        own = [row for row in rows if row["peer"] == kind.name]
        if not own:
            continue
        lines += ["", "%s: %s." % (kind.name, "; ".join(own[0]["settings"]))]
        lines += _wrapped("An acknowledgement means: %s." % kind.promises)
        lines += _wrapped("What it does not do: %s" % kind.leaves_undone)
        lines += [
            text for row in own for text in _wrapped("%s: %s." % (row["form"], "; ".join([row["held"]] + row["notes"])))
        ]
    return "\n".join(lines)
