// A soak: clients of every kind come and go for minutes or hours, and at the end nothing of them is left in the server.
//
//   node tests/soak.mjs                 two minutes
//   node tests/soak.mjs --minutes 20    longer; --minutes 480 for a night; below one minute the memory is not judged
//   node tests/soak.mjs --clients 500   so many at once [150]
//
// Needs what `tests/run` builds. Exit codes: 0; 1 when something was left behind or memory grew; 2 when it could not run.

import { parseArgs } from "node:util";
import { ask, connect, eventually, memory, RawSocket, startHost } from "./e2e/harness/index.mjs";

const MIB = 1 << 20;
const { values } = parseArgs({
  options: { minutes: { type: "string", default: "2" }, clients: { type: "string", default: "150" } },
});
const duration = Number(values.minutes) * 60_000;
const clients = Number(values.clients);

/** The longest timer that clients leave behind. */
const TIMER_MS = Math.min(60_000, duration / 2);

/** What `node:test` gives to a test, as far as the harness needs it. */
const cleanups = [];
const t = { after: (cleanup) => cleanups.push(cleanup) };
const failures = new Map();

/** A shorter run is no more than a warm-up: its memory is not judged. */
const MEASURED_MS = 60_000;

const random = (below) => Math.floor(Math.random() * below);
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const room = () => `room ${random(50)}`;

/** Each kind of client, from its connection to its end. */
const KINDS = {
  async ordinary(host) {
    const socket = await connect(host, ["/", "/b"][random(2)], { via: ["websocket", "polling", "upgrade"][random(3)] });
    for (let turn = random(10); turn >= 0; turn--) {
      await ask(socket, "join", room());
      await ask(socket, "cast", room(), turn, 100);
      await pause(random(300));
    }
    socket.close();
  },
  /** The network is gone: no close frame, no FIN that means anything. */
  async vanishing(host) {
    const raw = await RawSocket.connect(host);
    raw.send(`42["join",${JSON.stringify(room())}]`);
    raw.send('42["doze",200]');
    await pause(random(1_000));
    raw.socket.terminate();
  },
  /** Reads nothing for a while, in a room in which much is said. */
  async stalled(host) {
    const raw = await RawSocket.connect(host);
    for (let number = 0; number < 10; number++) raw.send(`42["join","room ${number}"]`);
    raw.socket._socket.pause();
    await pause(2_000 + random(3_000));
    raw.socket.terminate();
  },
  async loud(host) {
    const socket = await connect(host, "/");
    for (let turn = 0; turn < 20; turn++) await ask(socket, "cast", room(), turn, 50_000);
    socket.close();
  },
  /** Its plugin traps, computes without end, or takes all memory. */
  async breaking(host) {
    const socket = await connect(host, "/zoo");
    const answer = await ask(socket, "attack", ["trap", "memory", "spin", "recursion"][random(4)]);
    if (answer.code !== "INTERNAL_ERROR") throw new Error(`an attack was answered ${JSON.stringify(answer)}`);
    socket.close();
  },
  async timers(host) {
    const socket = await connect(host, "/zoo");
    for (let turn = 0; turn < 10; turn++) await ask(socket, "remind", 100 + random(TIMER_MS));
    await pause(random(500));
    socket.close();
  },
  /** Comes as far as the handshake of a polling session. */
  async halfway(host) {
    await (await fetch(`${host.url}/socket.io/?EIO=4&transport=polling`)).text();
  },
  async refused(host) {
    const error = await connect(host, "/nowhere").then(() => undefined, (error) => error);
    if (error?.message !== "Invalid namespace") throw error ?? new Error("a namespace that is not there accepts clients");
  },
};
/** How often each kind comes, out of the sum. */
const SHARES = { ordinary: 60, vanishing: 15, stalled: 5, loud: 5, breaking: 5, timers: 10, halfway: 5, refused: 5 };
const DRAWN = Object.entries(SHARES).flatMap(([kind, share]) => Array(share).fill(kind));

async function slot(host, end) {
  while (Date.now() < end) {
    const kind = DRAWN[random(DRAWN.length)];
    try {
      await KINDS[kind](host);
    } catch (error) {
      const what = `${kind}: ${error.message}`;
      failures.set(what, (failures.get(what) ?? 0) + 1);
    }
    host.clients.clear();
    await pause(random(500));
  }
}

async function main() {
  const host = await startHost(t, {
    plugins: {
      crowd: {},
      zoo: { namespaces: ["/zoo"], run_ms: 100, memory_bytes_max: 16 * MIB },
    },
    server: { ping_interval: "2 s", ping_timeout: "2 s" },
    limits: { outbox_bytes_max: MIB, write_bytes_per_call_max: MIB / 2 },
  });
  const begun = Date.now();
  const end = begun + duration;
  const samples = [];
  const sampling = setInterval(() => samples.push(memory(host.pid).resident), 500);
  const report = setInterval(() => {
    console.log(`${Math.round((Date.now() - begun) / 1000)} s: ${Math.round(samples.at(-1) / MIB)} MiB resident`);
  }, 20_000);
  await Promise.all(Array.from({ length: clients }, () => slot(host, end)));
  clearInterval(sampling);
  clearInterval(report);

  // The first quarter warms up; then the first quarter of what is left is compared with the last.
  const quarter = Math.floor(samples.length / 4);
  const mean = (list) => list.reduce((sum, one) => sum + one, 0) / list.length;
  const [early, late] = [mean(samples.slice(quarter, 2 * quarter)), mean(samples.slice(-quarter))];
  const problems = [];
  console.log(`resident memory: ${(early / MIB).toFixed(1)} MiB in the second quarter, ${(late / MIB).toFixed(1)} MiB in the last`);
  if (duration >= MEASURED_MS && late > early * 1.03 + 8 * MIB) problems.push("the resident memory grew by more than 3 % and 8 MiB");
  for (const [what, count] of failures) problems.push(`${count} times: ${what}`);
  await left(host, problems);
  if ((await host.stop()) !== 0) problems.push("the server did not end with code 0");
  return problems;
}

/** What the server still has of clients that are gone. */
async function left(host, problems) {
  const gauges = [
    "connections", "http_connections", "sessions", "sockets", "rooms", "outbox_bytes", "timers", "calls_waiting", "guest_threads_queue",
    "plugin_bytes", 'instances{state="running"}', 'instances{state="waiting"}',
  ];
  let found;
  const none = async () => {
    const text = await (await fetch(`${host.internal}/metrics`)).text();
    found = Object.fromEntries(gauges.map((gauge) => [gauge, sum(text, ...gauge.split(/[{}]/))]));
    return Object.values(found).every((count) => count === 0);
  };
  // The timer of a socket that is gone is dropped when it is due.
  await eventually("nothing is left", none, TIMER_MS + 30_000).catch(() => problems.push(`left behind: ${JSON.stringify(found)}`));
}

/** The sum of a gauge on the page, or of its samples with this label. A family that is not there is no number, and so not nothing. */
function sum(text, name, label = "") {
  if (!text.includes(`# TYPE innkeeper_${name} gauge`)) return NaN;
  const samples = text.matchAll(new RegExp(`^innkeeper_${name}(\\{[^}]*\\})? ([0-9.e+-]+)$`, "gm"));
  return [...samples].filter(([, labels = ""]) => labels.includes(label)).reduce((total, [, , value]) => total + Number(value), 0);
}

let problems;
try {
  problems = await main();
} catch (error) {
  console.error(error);
  process.exitCode = 2;
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}
if (problems) {
  problems.forEach((problem) => console.error(`soak: ${problem}`));
  console.log(problems.length === 0 ? "nothing was left behind" : `${problems.length} problems`);
  process.exit(problems.length === 0 ? 0 : 1);
}
process.exit(2);
