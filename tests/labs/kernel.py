#!/usr/bin/env python3
"""Plays labs on the real kernel and compares what it does with the recorded trace.txt.

    tests/labs/kernel.py [--jobs N] [--print] [LAB...]

Each lab runs in its own `unshare -nm` (needs CAP_NET_ADMIN and CAP_SYS_ADMIN): same names for all, nothing is left
behind. A kernel is not a simulator: a lab that differs is played again, at most twice, and only what differs every
time counts. --print prints the trace instead of comparing it.

Exit: 0 all labs agree, 4 nothing could be compared, or a kernel of another series than the recorded one differs,
1 a lab differs.
"""
import concurrent.futures, ctypes, difflib, json, os, platform, re, socket, struct, subprocess, sys, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
RECORDED = "6.18"  # the kernel series that the traces are from
ATTEMPTS = 3
ACTIONS = "# --- actions"
libc = ctypes.CDLL(None, use_errno=True)


# ---------------------------------------------------------------- namespaces
class inside:
    """The calling thread works in namespace `ns` for a while."""

    def __init__(self, ns):
        self.ns = ns

    def __enter__(self):
        self.back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.ns}", os.O_RDONLY)
        if libc.setns(there, 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(there)

    def __exit__(self, *_):
        libc.setns(self.back, 0x40000000)
        os.close(self.back)


def run(*args, **more):
    return subprocess.run(args, capture_output=True, text=True, **more)


def jsonof(*args):
    out = run(*args).stdout.strip()
    return json.loads(out) if out else []


def counters(text):
    """/proc/net/snmp and netstat: pairs of lines, names and values."""
    lines = text.splitlines()
    for names, values in zip(lines[::2], lines[1::2]):
        group, names = names.split(":")
        for name, value in zip(names.split(), values.split(":")[1].split()):
            yield f"{group}.{name}", int(value)


# Settings that stand among the counters.
NOT_COUNTED = {"Ip.Forwarding", "Ip.DefaultTTL", "Tcp.RtoAlgorithm", "Tcp.RtoMin", "Tcp.RtoMax", "Tcp.MaxConn",
               "Tcp.CurrEstab"}


def read_state(ns):
    with inside(ns):
        snmp = {}
        for file in ("snmp", "netstat"):
            with open(f"/proc/thread-self/net/{file}") as f:
                snmp.update((k, v) for k, v in counters(f.read()) if k not in NOT_COUNTED)
    links = {}
    for link in jsonof("ip", "-n", ns, "-j", "-s", "-s", "link"):
        stats = link["stats64"]
        links[link["ifname"]] = {way: dict(stats[way]) for way in ("rx", "tx")}
    neigh = sorted(f'neigh {n["dst"]} dev {n["dev"]} lladdr {n.get("lladdr")} {n["state"][0]}'
                   for n in jsonof("ip", "-n", ns, "-j", "neigh") if n["state"] != ["NOARP"])
    fdb = sorted(f'fdb {f["mac"]} dev {f["ifname"]} master {f["master"]}'
                 for f in jsonof("bridge", "-n", ns, "-j", "fdb") if "master" in f and f.get("state") != "permanent")
    return {"snmp": snmp, "link": links, "neigh": neigh, "fdb": fdb}


def state_lines(before, after):
    yield from after["neigh"]
    yield from after["fdb"]
    for dev in sorted(after["link"]):
        ways = []
        for way in ("rx", "tx"):
            old = before["link"].get(dev, {}).get(way, {})
            new = after["link"][dev][way]
            ways.append({k: v - old.get(k, 0) for k, v in new.items() if v != old.get(k, 0)})
        if any(ways):
            yield f"link {dev} rx {json.dumps(ways[0])} tx {json.dumps(ways[1])}"
    old, new = before["snmp"], after["snmp"]
    yield "snmp " + " ".join(f"{k}={new[k] - old.get(k, 0)}" for k in sorted(new) if new[k] != old.get(k, 0))


# ---------------------------------------------------------------- frames
WAYS = {0: "in", 1: "inB", 2: "inM", 3: "inO", 4: "out"}
ICMP = {0: "echo-reply", 3: "unreach", 5: "redirect", 8: "echo-request", 11: "ttl-exceeded"}


def mac(b):
    return ":".join(f"{x:02x}" for x in b)


def frame_text(b):
    text = f"{mac(b[6:12])}>{mac(b[0:6])} "
    (ethertype,) = struct.unpack("!H", b[12:14])
    if ethertype == 0x0806:
        (op,) = struct.unpack("!H", b[20:22])
        sha, spa, tha, tpa = b[22:28], b[28:32], b[32:38], b[38:42]
        name = {1: "who-has", 2: "is-at"}.get(op, str(op))
        return text + f"ARP {name} tpa={socket.inet_ntoa(tpa)} tha={mac(tha)} spa={socket.inet_ntoa(spa)} sha={mac(sha)}"
    return text + ip_text(b[14:]) if ethertype == 0x0800 else text + f"ETH {ethertype:04x} len={len(b)}"


def ip_text(b, quoted=False):
    hlen = (b[0] & 15) * 4
    length, _, frag = struct.unpack("!HHH", b[2:8])
    ttl, proto = b[8], b[9]
    text = f"IP {socket.inet_ntoa(b[12:16])}>{socket.inet_ntoa(b[16:20])} ttl={ttl} len={length} proto={proto}"
    if frag & 0x4000:
        text += " DF"
    offset, more = (frag & 0x1FFF) * 8, frag & 0x2000
    if offset or more:
        text += f" frag={offset}" + ("+" if more else "")
    body = b[hlen:] if quoted else b[hlen:length]
    return text if offset else text + transport_text(proto, body, length - hlen)


def transport_text(proto, b, length):
    if proto == 17 and len(b) >= 8:
        return " udp %d>%d" % struct.unpack("!HH", b[:4])
    if proto == 6 and len(b) >= 20:
        flags = "".join(name for bit, name in enumerate("FSRPA") if b[13] >> bit & 1)
        return " tcp %d>%d " % struct.unpack("!HH", b[:4]) + f"{flags} plen={length - (b[12] >> 4) * 4}"
    if proto == 1 and len(b) >= 8:
        text = f" icmp {ICMP.get(b[0], b[0])}/{b[1]}"
        if b[0] in (0, 8):
            return text + " seq=%d" % struct.unpack("!H", b[6:8])
        if (b[0], b[1]) == (3, 4):
            text += " mtu=%d" % struct.unpack("!H", b[6:8])
        return text + f" [{ip_text(b[8:], True)}]"
    return ""


class Capture(threading.Thread):
    """All frames of one namespace, on every device, in both directions."""

    def __init__(self, ns):
        super().__init__(daemon=True)
        with inside(ns):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.settimeout(0.05)
        self.ns, self.frames, self.on = ns, {}, True
        self.start()

    def run(self):
        while True:
            try:
                data, (dev, _, way, *_) = self.socket.recvfrom(65536)
                self.frames.setdefault(f"{self.ns}/{dev}", []).append(f"{WAYS[way]:<3} {frame_text(data)}")
            except socket.timeout:
                if not self.on:
                    return

    def stop(self):
        self.on = False
        self.join()
        self.socket.close()
        return self.frames


# ---------------------------------------------------------------- actions
def endpoint(text):
    addr, port = text.split(":")
    return addr, int(port)


def serve(ns, kind, addr, port):
    with inside(ns):
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    if kind == "tcp":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((addr, int(port)))

    def datagrams():
        while True:
            data, peer = s.recvfrom(65536)
            if kind == "udp":
                s.sendto(data, peer)

    def streams():
        s.listen(8)
        while True:
            c, _ = s.accept()
            while data := c.recv(65536):
                c.sendall(data)
            c.close()

    threading.Thread(target=streams if kind == "tcp" else datagrams, daemon=True).start()


def udp(ns, src, dst, size, wait, *options):
    with inside(ns):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for option in options:
        name, _, value = option.partition("=")
        level, key, value = {
            "bcast": (socket.SOL_SOCKET, socket.SO_BROADCAST, 1),
            "nodf": (socket.IPPROTO_IP, 10, 0),
            "df": (socket.IPPROTO_IP, 10, 2),
            "dev": (socket.SOL_SOCKET, 25, value.encode()),
            "ttl": (socket.IPPROTO_IP, socket.IP_TTL, int(value or 0) if name == "ttl" else 0),
            "mark": (socket.SOL_SOCKET, 36, int(value or 0) if name == "mark" else 0),
        }[name]
        s.setsockopt(level, key, value)
    result = {}
    try:
        s.bind(endpoint(src))
        s.connect(endpoint(dst))
        result["sent"] = s.send(b"x" * int(size))
        if float(wait) > 0:
            s.settimeout(float(wait))
            result["reply"] = len(s.recv(65536))
    except socket.timeout:
        result["res"] = "timeout"
    except OSError as e:
        result["res"] = os.strerror(e.errno)
    finally:
        s.close()
    return result


def tcp(ns, dst, sport, wait, data):
    with inside(ns):
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    result = {}
    try:
        s.bind(("0.0.0.0", int(sport)))
        s.settimeout(float(wait))
        s.connect(endpoint(dst))
        result["connected"] = True
        if int(data):
            s.sendall(b"x" * int(data))
            got = 0
            while got < int(data):
                part = len(s.recv(65536))
                if not part:
                    break
                got += part
            result["echoed"] = got
        s.shutdown(socket.SHUT_WR)
        while s.recv(65536):
            pass
        time.sleep(0.02)
    except socket.timeout:
        result["res"] = "timeout"
    except OSError as e:
        result["res"] = os.strerror(e.errno)
    finally:
        s.close()
    return result


def ping(ns, *args):
    p = run("ip", "netns", "exec", ns, "ping", "-n", "-e", "7", *args)
    out = []
    for line in p.stdout.splitlines()[1:]:
        if line and not line.startswith("rtt "):
            line = re.sub(r"time=[0-9.]+ ms", "time=T", line)
            out.append(re.sub(r", time [0-9]+ms$", ",", line))
    return {"rc": p.returncode, "out": out, "err": p.stderr}


def sh(ns, command):
    p = run("ip", "netns", "exec", ns, "sh", "-c", command)
    out = [re.sub(r"[0-9.]+ms", "Tms", line) for line in p.stdout.strip().split("\n")]
    return {"rc": p.returncode, "out": out, "err": p.stderr}


def act(action):
    """Carries out one action; its result, or None if it has none."""
    verb, rest = action.split(" ", 1)
    if verb == "sh":
        return sh(*rest.split(" ", 1))
    args = rest.split("#")[0].split()
    if verb == "sleep":
        time.sleep(float(args[0]))
        return None
    result = {"serve": serve, "udp": udp, "tcp": tcp, "ping": ping}[verb](*args)
    time.sleep(0.05 if verb == "serve" else 0.03)
    return result


# ---------------------------------------------------------------- one lab
def settle(namespaces):
    """Waits until linkwatch is through: what is up and has carrier is UP or UNKNOWN, and has a qdisc."""
    def ready(link):
        up, carrier = "UP" in link["flags"], "LOWER_UP" in link["flags"]
        return not up or ((not carrier or link["operstate"] in ("UP", "UNKNOWN")) and link.get("qdisc") != "noop")

    end = time.monotonic() + 5
    while not all(ready(l) for ns in namespaces for l in jsonof("ip", "-n", ns, "-j", "link")):
        if time.monotonic() > end:
            raise RuntimeError("the links do not settle")
        time.sleep(0.01)


def play(lab):
    """Plays one lab in the namespaces of this process; gives the text of a trace."""
    with open(f"{HERE}/{lab}/setup.sh") as f:
        setup, actions = f.read().split(ACTIONS)
    p = run("bash", "-c", setup)
    if p.returncode:
        raise RuntimeError(f"setup: {p.stderr}")
    namespaces = sorted(os.listdir("/run/netns"))
    settle(namespaces)
    before = {ns: read_state(ns) for ns in namespaces}
    captures = [Capture(ns) for ns in namespaces]
    results = []
    for line in actions.splitlines()[1:]:
        if line:
            action = line[2:]
            result = act(action)
            if result is not None:
                results.append(f"{action}  =>  {json.dumps(result)}")
    time.sleep(0.1)
    frames = {}
    for capture in captures:
        frames.update(capture.stop())
    out = []
    for dev in sorted(frames):
        out.append(f"== {dev}")
        out.extend(f"{i:3} {frame}" for i, frame in enumerate(frames[dev]))
    out.append("== results")
    out.extend(results)
    for ns in namespaces:
        out.append(f"== state {ns}")
        out.extend(state_lines(before[ns], read_state(ns)))
    return "".join(f"{line}\n" for line in out)


def play_apart(lab):
    """The same in a process with namespaces of its own."""
    p = run("unshare", "-nm", sys.executable, os.path.abspath(__file__), "--inside", lab, timeout=120)
    if p.returncode:
        raise RuntimeError(p.stderr.strip().splitlines()[-1] if p.stderr.strip() else f"exit {p.returncode}")
    return p.stdout


# ---------------------------------------------------------------- comparison
# Rule order.flow: here senders start at the same moment, and only the order within a flow is the kernel's promise.
CONCURRENT = {"concurrent"}


def comparable(lab, text):
    if lab not in CONCURRENT:
        return text.splitlines()
    lines = [re.sub(r"^ *[0-9]+ (out|in)", r"\1", l) for l in text.splitlines()]
    blocks, out = [], []
    for line in lines:
        if line.startswith("== "):
            blocks.append([line])
        else:
            blocks[-1].append(line)
    for block in blocks:
        frames = [l for l in block[1:] if l.startswith(("out", "in"))]
        out += [block[0], *sorted(frames), *(l for l in block[1:] if l not in frames)]
    return out


def judge(lab):
    """(agrees, attempts, difference)"""
    with open(f"{HERE}/{lab}/trace.txt") as f:
        want = comparable(lab, f.read())
    diff = ""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            got = comparable(lab, play_apart(lab))
        except (RuntimeError, subprocess.TimeoutExpired) as e:
            diff = f"could not be played: {e}"
            continue
        if got == want:
            return True, attempt, ""
        diff = "\n".join(list(difflib.unified_diff(want, got, "recorded", "this kernel", n=1, lineterm=""))[:20])
    return False, ATTEMPTS, diff


def main(args):
    if args[:1] == ["--inside"]:
        run("mount", "--make-rprivate", "/")
        os.makedirs("/run/netns", exist_ok=True)
        if run("mount", "-t", "tmpfs", "tmpfs", "/run/netns").returncode:
            sys.exit("no tmpfs on /run/netns")
        sys.stdout.write(play(args[1]))
        sys.stdout.flush()
        os._exit(0)
    jobs, show, labs = 4, False, []
    rest = iter(args)
    for arg in rest:
        if arg == "--jobs":
            jobs = int(next(rest))
        elif arg == "--print":
            show = True
        else:
            labs.append(arg)
    known = sorted(l for l in os.listdir(HERE) if os.path.exists(f"{HERE}/{l}/setup.sh"))
    unknown = [l for l in labs if l not in known]
    if unknown:
        sys.exit(f"no such lab: {' '.join(unknown)}")
    for tool in ("unshare", "ip", "bridge", "ping", "bash"):
        if run("sh", "-c", f"command -v {tool}").returncode:
            print(f"skipped: real kernel ({tool} is not installed)")
            return 4
    if run("unshare", "-nm", "true").returncode:
        print("skipped: real kernel (needs CAP_NET_ADMIN)")
        return 4
    labs = labs or known
    if show:
        for lab in labs:
            sys.stdout.write(play_apart(lab))
        return 0
    failed = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for lab, (agrees, attempts, diff) in zip(labs, pool.map(judge, labs)):
            print(f"{lab:<20} {'agrees' if agrees else 'DIFFERS'}" + (f" at attempt {attempts}" if attempts > 1 else ""))
            if not agrees:
                failed.append(lab)
                print("    " + diff.replace("\n", "\n    "))
    kernel = platform.release()
    print(f"{len(labs) - len(failed)} of {len(labs)} labs agree on kernel {kernel}; recorded on {RECORDED}")
    if failed and not kernel.startswith(RECORDED + "."):
        print(f"skipped: real kernel (a {kernel} need not do what a {RECORDED} did)")
        return 4
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
