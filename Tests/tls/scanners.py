#!/usr/bin/env python3
"""testssl.sh and sslyze over the gateway's TLS.

    scanners.py [--install] [--only testssl|sslyze]

Neither can name our application protocol, and without it the gateway lets nobody in (``posture.py`` shows that). So
they look at ``peer listen``: the gateway's own settings, certificate and key by the gateway's own code, with that one
thing forgiven. Whatever they find above INFO fails, but for the entries of ``accepted.json``, each with its reason.

testssl.sh is a package of Debian (``apt-get install testssl.sh``), sslyze one of PyPI: ``--install`` puts it into
``.build/tls-scan``.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import peer
from rig import HERE, ROOT, Gateway

ENVIRONMENT = os.path.join(ROOT, ".build", "tls-scan")
SSLYZE = "sslyze==6.3.1"
QUIET = {"OK", "INFO", "DEBUG"}


class Missing(Exception):
    """A scanner is not here."""


def testssl(port, authority):
    """What testssl.sh finds: (id, severity, words)."""
    program = next((name for name in ("testssl", "testssl.sh") if shutil.which(name)), None)
    if program is None:
        raise Missing("testssl.sh is not installed: apt-get install testssl.sh")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "findings.json")
        subprocess.run(
            [program, "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--add-ca", authority,
             "--jsonfile", path, "127.0.0.1:%d" % port],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=900)
        with open(path, encoding="utf-8") as file:
            findings = json.load(file)
    found = [(entry["id"], entry["severity"], entry["finding"]) for entry in findings]
    if not any(id == "TLS1_3" and "offered" in words and "not" not in words for id, _, words in found):
        raise AssertionError("testssl.sh could not look: it found no TLS 1.3")
    return found


def sslyze(port, authority):
    """What sslyze finds that Mozilla's modern profile does not allow, and what it says of tickets and early data."""
    program = next(
        (path for path in (shutil.which("sslyze"), os.path.join(ENVIRONMENT, "bin", "sslyze"))
         if path and os.path.exists(path)), None)
    if program is None:
        raise Missing("sslyze is not installed: scanners.py --install")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "result.json")
        done = subprocess.run(
            [program, "--mozilla_config", "modern", "--early_data", "--resum", "--certinfo_ca_file", authority,
             "--json_out", path, "127.0.0.1:%d" % port],
            capture_output=True, text=True, timeout=600)
        with open(path, encoding="utf-8") as file:
            results = json.load(file)["server_scan_results"]
    if len(results) != 1 or results[0]["scan_status"] != "COMPLETED":
        raise AssertionError("sslyze could not look:\n" + done.stdout[-2000:])
    return judged(results[0]["scan_result"]) + [
        (id, "FAILED", words) for id, words in re.findall(r"^ +\* (\w+): (.+)$", done.stdout, re.M)]


def judged(result):
    """What the profile does not ask for."""
    found = []
    suites = result["tls_1_3_cipher_suites"]["result"]["accepted_cipher_suites"]
    names = sorted(suite["cipher_suite"]["name"] for suite in suites)
    own = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
    if names != own:
        found.append(("suites", "FAILED", "accepted are " + ", ".join(names)))
    for scan, field in (("tls_1_3_early_data", "supports_early_data"), ("tls_compression", "supports_compression"),
                        ("session_renegotiation", "is_vulnerable_to_client_renegotiation_dos")):
        if result[scan]["status"] != "COMPLETED" or result[scan]["result"][field]:
            found.append((scan, "FAILED", json.dumps(result[scan])[:200]))
    return found


SCANNERS = {"testssl": testssl, "sslyze": sslyze}


def install():
    subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
    subprocess.run([os.path.join(ENVIRONMENT, "bin", "pip"), "install", "--quiet", SSLYZE], check=True)


def scan(name, port, authority, accepted):
    """Whether nothing was found that is not accepted; says what was."""
    findings = SCANNERS[name](port, authority)
    bad, excused = [], set()
    for id, severity, words in findings:
        if severity in QUIET:
            continue
        if (name, id) in accepted:
            excused.add(id)
            print("%s: accepted: %s %s (%s)\n    because %s" % (name, id, severity, words, accepted[name, id]))
        else:
            bad.append((id, severity, words))
    for id, severity, words in bad:
        print("%s: FOUND: %s %s: %s" % (name, id, severity, words))
    for id in sorted({id for scanner, id in accepted if scanner == name} - excused):
        print("%s: %s was accepted and is not found any more: take it out of accepted.json" % (name, id))
    print("%s: %d findings looked at, %d accepted, %d bad" % (name, len(findings), len(excused), len(bad)))
    return not bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--install", action="store_true")
    parser.add_argument("--only", choices=sorted(SCANNERS))
    options = parser.parse_args()
    if options.install:
        install()
    with open(os.path.join(HERE, "accepted.json"), encoding="utf-8") as file:
        accepted = {(entry["scanner"], entry["id"]): " ".join(entry["why"]) for entry in json.load(file)}
    with Gateway() as gateway:
        program = peer.build(gateway.folder)
        if program is None:
            print("there is no C compiler, and without it nothing that a scanner could look at", file=sys.stderr)
            return 2
        tls = os.path.join(gateway.data, "tls")
        listener = subprocess.Popen(
            [program, "listen", os.path.join(tls, "server.pem"), os.path.join(tls, "server-key.pem")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            port = int(listener.stdout.readline())
            names = [options.only] if options.only else sorted(SCANNERS)
            return 0 if all([scan(name, port, gateway.authority, accepted) for name in names]) else 1
        except Missing as missing:
            print(missing, file=sys.stderr)
            return 2
        finally:
            listener.stdin.close()
            listener.wait(20)


if __name__ == "__main__":
    sys.exit(main())
