#!/usr/bin/env python3
"""Times featuremap and its peers layer by layer, in turns, and prints a table for BENCHMARKS.md. See the README."""

import argparse
import contextlib
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
OURS, FORWARD, MACHINE = "featuremap", "featuremap-forward", "machine"
# Peers in the order of the table's columns, and what they are called below it.
PYTHON = {
    "torch": "PyTorch",
    "torchcl": "PyTorch with channels-last tensors",
    "ort": "ONNX Runtime",
    "openvino": "OpenVINO",
    "ncnn": "ncnn",
}
RUST = {"rten": "rten", "tract": "tract", "candle": "candle", "burn": "burn (flex)"}
PEERS = PYTHON | RUST
# A pool of memory that has served larger layers makes ncnn slower on small ones: each layer gets a new one.
ONE_LAYER_A_PROCESS = {"ncnn"}
GROUPS = {
    "convolutions": {"conv"},
    "pools, global pools and ReLU": {"max", "avg", "l2", "gavg", "gmax", "relu"},
    "blocks": {"block"},
    "networks": {"network"},
}

TOLERANCE = 1e-3  # of the largest number of a result
PATIENCE = 300  # seconds that an engine may take to answer
PAUSE = 0.05  # seconds after each turn: ONNX Runtime's threads take 40 ms to go to sleep
IDLE = 0.02  # of a core, that a worker may use while it is not its turn


class Failure(Exception):
    """What keeps an engine from going on."""


class Worker:
    """A process that computes one engine's layers when asked to, and sleeps between."""

    def __init__(self, command, threads):
        # Each variable is the thread count of one of the libraries that engines stand on.
        variables = dict.fromkeys(("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        self.log = tempfile.TemporaryFile("w+", errors="replace")
        self.process = subprocess.Popen(
            command,
            env=os.environ | variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.idle_since = None
        self.idle, self.busy_when_idle = 0.0, 0.0
        self.version = self.answer()["version"]

    def ask(self, *words):
        self.end_idling()
        try:
            print(*words, file=self.process.stdin, flush=True)
            return self.answer()
        except BrokenPipeError:
            raise Failure(self.last_words()) from None

    def answer(self):
        watchdog = threading.Timer(PATIENCE, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        if not line:
            raise Failure(self.last_words())
        time.sleep(PAUSE)
        self.idle_since = time.monotonic(), self.processor_seconds()
        return json.loads(line)

    def last_words(self):
        code = self.process.wait()
        self.log.seek(0)
        lines = self.log.read().strip().splitlines()
        return lines[-1] if code > 0 and lines else f"ended with code {code}"

    def end_idling(self):
        since, seconds = self.idle_since
        self.idle += time.monotonic() - since
        self.busy_when_idle += self.processor_seconds() - seconds

    def processor_seconds(self):
        """Of all its threads; unknown, and zero, where there is no /proc."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


class Engine:
    """An engine, its worker, and what is known of its layers."""

    def __init__(self, name, command, threads):
        self.name, self.command, self.threads = name, command, threads
        self.worker = None
        self.version = None
        self.medians = {}  # milliseconds, by layer
        self.wrong = {}  # by layer: how far off its result is
        self.reasons = {}  # by layer: why there is no time
        self.idle, self.busy_when_idle = 0.0, 0.0

    def start(self):
        if self.worker is None:
            self.worker = Worker(self.command, self.threads)
            self.version = self.worker.version

    def stop(self):
        if self.worker is not None:
            self.idle += self.worker.idle
            self.busy_when_idle += self.worker.busy_when_idle
            self.worker.stop()
            self.worker = None

    def prepare(self, layer):
        """Whether the engine has this layer. A result that is off is timed all the same, and marked."""
        try:
            self.start()
            reply = self.worker.ask("prepare", layer)
            if "error" in reply:
                raise Failure(reply["error"])
        except Failure as failure:
            return self.give_up(layer, failure)
        # No number at all is a NaN, which JSON has no word for.
        difference = math.nan if reply["difference"] is None else reply["difference"]
        if not difference <= TOLERANCE:
            self.wrong[layer] = f"{difference:.1e}"
            warn(f"the result of {self.name} for {layer} is not that of featuremap: it is off by {difference:.1e}")
        return True

    def time(self, layer, seconds):
        """Milliseconds of each run; none if the engine has died."""
        try:
            return [duration / 1e6 for duration in self.worker.ask("time", layer, seconds)["nanoseconds"]]
        except Failure as failure:
            self.give_up(layer, failure)
            return []

    def finish(self, layer, times):
        if times:
            self.medians[layer] = statistics.median(times)
        if self.name in ONE_LAYER_A_PROCESS:
            self.stop()
        elif self.worker:
            try:
                self.worker.ask("drop", layer)
            except Failure:
                self.stop()

    def give_up(self, layer, failure):
        self.reasons[layer] = str(failure)
        warn(f"{self.name} does not compute {layer}: {failure}")
        if self.worker and self.worker.process.poll() is not None:
            self.stop()
        return False

    def right(self, layer):
        """The median, if the result was the right one."""
        return None if layer in self.wrong else self.medians.get(layer)


class Machine:
    """The limits of the machine, measured in turns with the engines."""

    WORKS = ("fma", "read", "copy")

    def __init__(self, command, threads):
        self.worker = Worker(command, threads)
        self.amounts = {work: self.worker.ask("prepare", work)["work"] for work in self.WORKS}
        self.times = {work: [] for work in self.WORKS}

    def time(self, seconds):
        for work in self.WORKS:
            self.times[work] += self.worker.ask("time", work, seconds)["nanoseconds"]

    def rate(self, work):
        """Billions a second, of operations or bytes."""
        return self.amounts[work] / statistics.median(self.times[work])


def warn(text):
    print(f"warning: {text}", file=sys.stderr)


def build():
    """Builds the Rust binary; its path."""
    command = ["cargo", "build", "--release", "--message-format=json-render-diagnostics"]
    output = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, text=True, check=True).stdout
    messages = [json.loads(line) for line in output.splitlines()]
    return next(message["executable"] for message in messages if message.get("executable"))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="for every engine (1)")
    parser.add_argument("--rounds", type=int, default=7, help="turns of every engine on each layer (7)")
    parser.add_argument("--slice", type=float, default=0.15, help="seconds of a turn (0.15)")
    parser.add_argument("--only", default="", metavar="TEXT", help="layers whose name has this in it")
    parser.add_argument("--engines", default=",".join(PEERS), metavar="A,B", help=f"peers (all: {', '.join(PEERS)})")
    parser.add_argument("--list", default="layers.json", metavar="FILE", help="the list of layers (layers.json)")
    parser.add_argument(
        "--python", default=sys.executable, metavar="PATH", help="that has the Python engines (this one)"
    )
    options = parser.parse_args()
    options.engines = [name for name in options.engines.split(",") if name and name != OURS]
    for name in options.engines:
        if name not in PEERS:
            parser.error(f"no engine {name}; there are {', '.join(PEERS)}")
    return options


def started(options, binary, folder):
    """featuremap, and the peers that start; why others do not is told."""
    engines = {}
    for name in [OURS, FORWARD, *options.engines]:
        python = [options.python, HERE / "peers.py", name, str(options.threads), folder]
        engine = Engine(name, python if name in PYTHON else [binary, "worker", name, folder], options.threads)
        try:
            engine.start()
            engines[name] = engine
        except Failure as failure:
            if name in (OURS, FORWARD):
                raise
            warn(f"{name} is left out: {failure}")
    return engines


def measure(layer, engines, machine, options):
    """Times one layer in turns: whatever happens to the clock happens to all."""
    name = layer["id"]
    times = {engine: [] for engine in engines.values() if engine.prepare(name)}
    for _ in range(options.rounds):
        machine.time(options.slice / 3)
        for engine in times:
            if name not in engine.reasons:
                times[engine] += engine.time(name, options.slice)
    for engine, durations in times.items():
        engine.finish(name, durations)


def output_length(layer, length):
    return (length + 2 * layer["p"] - layer["d"] * (layer["k"] - 1) - 1) // layer["s"] + 1


def rate(layer, milliseconds, machine):
    """What a time means: operations or bytes a second, and the share of what the machine can do."""
    if layer["op"] == "network":
        return "–", "–"
    if layer["op"] in ("conv", "block"):
        outputs = layer["n"] * layer["o"] * output_length(layer, layer["h"]) * output_length(layer, layer["w"])
        operations = 2 * outputs * layer["c"] // layer["g"] * layer["k"] ** 2
        done, unit, limit = operations / milliseconds / 1e6, "GFLOP/s", machine.rate("fma")
    else:
        bytes_read = 4 * layer["n"] * layer["c"] * layer["h"] * layer["w"]
        done, unit, limit = bytes_read / milliseconds / 1e6, "GB/s", machine.rate("read")
    return f"{done:.3g} {unit}" if done < 1000 else f"{done:.0f} {unit}", f"{100 * done / limit:.0f} %"


def best_peer(layer, peers):
    """The time and the name of the fastest peer that computes the right thing."""
    times = [(peer.right(layer), peer.name) for peer in peers if peer.right(layer)]
    return min(times, default=(None, None))


def cell(engine, layer):
    if layer not in engine.medians:
        return "–"
    mark = " (wrong)" if layer in engine.wrong else ""
    return f"{engine.medians[layer]:.3f}{mark}"


def row(cells):
    return f"| {' | '.join(cells)} |"


def table(layers, engines, machine):
    ours = [engines[name] for name in (OURS, FORWARD)]
    peers = [engine for engine in engines.values() if engine not in ours]
    head = ["layer", "featuremap", "featuremap forward", "rate", "share", *(peer.name for peer in peers)]
    head += ["best peer", "best peer ÷ featuremap"]
    yield row(head)
    yield row(["---"] + ["---:"] * (len(head) - 1))
    for layer in layers:
        name, mine = layer["id"], engines[OURS].medians.get(layer["id"])
        best, best_name = best_peer(name, peers)
        cells = [name, *(cell(engine, name) for engine in ours)]
        cells += rate(layer, mine, machine) if mine else ["–", "–"]
        cells += [cell(peer, name) for peer in peers]
        cells += [f"{best:.3f} {best_name}" if best else "–", f"{best / mine:.2f}" if best and mine else "–"]
        yield row(cells)


def summary(layers, engines):
    peers = [engine for name, engine in engines.items() if name not in (OURS, FORWARD)]
    yield row(["rows", "geometric mean of best peer ÷ featuremap", "rows where featuremap is the faster"])
    yield row(["---", "---:", "---:"])
    for group, operations in GROUPS.items():
        names = [layer["id"] for layer in layers if layer["op"] in operations]
        pairs = [(best_peer(name, peers)[0], engines[OURS].right(name)) for name in names]
        ratios = [best / mine for best, mine in pairs if best and mine]
        if ratios:
            mean = statistics.geometric_mean(ratios)
            yield row([group, f"{mean:.2f}", f"{sum(ratio > 1 for ratio in ratios)} of {len(ratios)}"])


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def notes(engines, machine, options):
    """What the figures depend on, in words."""
    threads = "one thread" if options.threads == 1 else f"{options.threads} threads"
    rustc = subprocess.run(["rustc", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()[1]
    versions = [
        f"{PEERS[name]} {engine.version}" for name, engine in engines.items() if name in PEERS and name != "torchcl"
    ]
    fma, read, copy = (f"{machine.rate(work):.0f}" for work in Machine.WORKS)
    yield (
        f"Medians in milliseconds, f32, {threads} of {processor()} ({machine.worker.version}); turns of "
        f"{options.slice:g} s, {options.rounds} for each engine and layer. featuremap {engines[OURS].version}, "
        f"rustc {rustc}; {', '.join(versions)}."
    )
    yield (
        f"In the same turns: {fma} GFLOP/s of multiply-adds in registers; 12.8 MB read at {read} GB/s, and copied at "
        f"{copy} GB/s. The share is of the first for convolutions and blocks, whose rate counts the convolution's "
        "operations, and of the second for the rest, whose rate counts the bytes of the input."
    )
    for name, engine in engines.items():
        reasons = {}
        for layer, reason in engine.reasons.items():
            reasons.setdefault(reason, []).append(layer)
        for reason, names in reasons.items():
            yield f"–: {name} on {', '.join(names)}: {reason}"
        for layer, difference in engine.wrong.items():
            yield f"(wrong): {name} on {layer}, by {difference} of the largest number: left out of all ratios."


def check_idleness(engines):
    for engine in engines.values():
        if engine.busy_when_idle > IDLE * engine.idle:
            share = engine.busy_when_idle / engine.idle
            warn(f"{engine.name} used {100 * share:.0f} % of a core while others were timed: distrust the figures")


def main():
    options = arguments()
    layers = [layer for layer in json.loads((HERE / options.list).read_text()) if options.only in layer["id"]]
    # Not every operation of the second list is one that the engines have been taught; nor are pools with gaps, or of bytes.
    known = set().union(*GROUPS.values())
    layers = [layer for layer in layers if layer["op"] in known and (layer["op"] in {"conv", "block"} or not {"d", "of"} & layer.keys())]
    binary = build()
    with tempfile.TemporaryDirectory() as folder:
        engines = started(options, binary, folder)
        machine = Machine([binary, "worker", MACHINE], options.threads)
        for number, layer in enumerate(layers, 1):
            print(f"{number} of {len(layers)}: {layer['id']}", file=sys.stderr)
            data = Path(folder, layer["id"])
            data.mkdir()
            # Of a network, PyTorch writes the data.
            by_torch = layer["op"] == "network"
            writer = [options.python, HERE / "networks.py"] if by_torch else [binary, "export"]
            subprocess.run([*writer, layer["id"], data], check=True, stdout=sys.stderr)
            measure(layer, engines, machine, options)
            for file in data.iterdir():
                file.unlink()
        for engine in engines.values():
            engine.stop()
        machine.worker.stop()
    check_idleness(engines)
    parts = [table(layers, engines, machine), summary(layers, engines)]
    text = ["\n".join(part) for part in parts]
    text += [textwrap.fill(note, 120, break_long_words=False) for note in notes(engines, machine, options)]
    print("\n\n".join(text))


if __name__ == "__main__":
    main()
