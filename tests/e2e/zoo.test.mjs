// The zoo: plugins that attack their host in every way that was ever tried (`tests/guests/zoo`, and for what takes a component of its own
// `looper` and `endless-start`). For each attack: what its client sees, what the log says, how the client of another plugin fared, and
// that the memory came back.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { FREES_AT_ONCE, ROOT, ask, askAll, configuration, connect, eventually, memory, request, resetPeak, run as start, startHost, writeConfig } from "./harness/index.mjs";

const MIB = 1 << 20;
/** What one plugin may make the host hold with the default limits, beside its instances. */
const BUDGET_BYTES = 256 * MIB;
const INSTANCES = 2;
const INSTANCE_BYTES = 64 * MIB;
/** Each attack is made once, and then so often that memory which did not come back each time would show. */
const ROUNDS = 1 + 3;

const broke = (answer) => assert.deepEqual([answer.success, answer.code], [false, "INTERNAL_ERROR"], JSON.stringify(answer));
/** It was stopped by a limit after so many. */
const limited = (answer) => assert.ok(Array.isArray(answer) && answer[1] === "limit", JSON.stringify(answer));
const is = (expected) => (answer) => assert.deepEqual(answer, expected);
/** It came to its end, or was stopped on the way: by a limit, or out of time. */
const ended = (end) => (answer) => (isDeepStrictEqual(answer, end) ? undefined : stopped(answer));
/** Everything was refused for the same reason. */
const all = (code) => (answer) => assert.deepEqual(new Set(Object.values(answer).flat()), new Set([code]), JSON.stringify(answer));
/** It ran out of time, of memory, or into a limit. */
const stopped = (answer) => (Array.isArray(answer) ? limited(answer) : broke(answer));
/** The same, or the store did not answer before the call ended. */
const writes = (answer) => (answer?.[1] === "timeout" ? undefined : stopped(answer));
/** It could join, and then not read. */
const reads = (answer) => (Array.isArray(answer) ? limited(answer[1]) : broke(answer));
/** Among the ids that it answers may be that of the attack itself: then that is the ack. All others nobody asked for. */
const ownAckOnly = (answer) => (answer === undefined ? undefined : all("ok")(answer));
/** Of a socket that is not there: writes do nothing, reads are refused. */
const NO_SOCKET = ["ok", "ok", "unknown", "ok", "unknown", "unknown", "ok", "ok", "ok"];

const OUT_OF_TIME = /run_ms/;

/** What the store keeps in memory of what was read and written lately. */
const STORE_CACHE_BYTES = 64 * MIB;
/** What the allocator keeps of what was freed, at the most. */
const ALLOCATOR_BYTES = 48 * MIB;
/** The windows of a full table of rate limits stay open. */
const RATE_LIMIT_BYTES = 32 * MIB;

/** `sees` judges the ack of the event `attack`; `logs` is a line of the log that says why; `keeps`: what the host may keep. */
const ATTACKS = {
  spin: { sees: broke, logs: OUT_OF_TIME },
  slices: { sees: broke, logs: OUT_OF_TIME },
  naps: { sees: broke, logs: /call_ms|run_ms/ },
  randomness: { sees: broke },
  recursion: { sees: broke, logs: /stack|out of bounds/ },
  "wait-for-millions": { sees: broke },
  trap: { sees: broke, logs: /unreachable/ },
  memory: { sees: broke, logs: /memory|alloc/ },
  "big-ack": { sees: broke },
  "big-failure": { sees: broke },
  "big-code": { sees: broke },
  "data-of-all": { sees: limited },
  "fetch-tickets": { sees: stopped, before: "data-of-all" },
  "scan-tickets": { sees: stopped, grants: ["store"], before: "store-bytes", keeps: STORE_CACHE_BYTES },
  "silent-questions": { sees: broke, logs: /call_ms/ },
  timers: { sees: stopped },
  "due-at-once": { sees: ended([60_000, "enough"]) },
  "keys-of-limits": { sees: stopped, grants: ["rate-limit"], keeps: RATE_LIMIT_BYTES },
  "store-bytes": { sees: writes, grants: ["store"], keeps: STORE_CACHE_BYTES },
  "set-and-cancel": { sees: ended([10_000, "enough"]), grants: ["store"], keeps: STORE_CACHE_BYTES },
  emits: { disconnects: true },
  "empty-names": { sees: ended([25, "never refused"]) },
  "rooms-times-except": { sees: limited },
  "one-room-often": { sees: ended([3, "never refused"]) },
  "leave-many": { sees: limited },
  "join-all": { sees: stopped },
  "reads-behind-join-all": { sees: reads },
  broadcasts: { sees: stopped },
  "log-lines": { sees: ended(null) },
  "log-fields": { sees: ended(null) },
  print: { sees: ended(null) },
  "control-codes": { sees: broke },
  framing: { sees: is([]) },
  "event-names": { sees: is([]) },
  "foreign-tickets": { sees: is(0) },
  "foreign-acks": { sees: ownAckOnly },
  "foreign-sockets": { sees: is({ foreign: NO_SOCKET, nobody: NO_SOCKET, text: NO_SOCKET }) },
  "foreign-namespaces": { sees: all("denied") },
  system: {
    sees: is({
      arguments: 0, variables: 0, folder: false, file: false, listener: false, connection: false, datagram: false, names: false,
      input: 0, process: false, thread: false,
    }),
  },
};

for (const [name, attack] of Object.entries(ATTACKS)) {
  test(`zoo: ${name}`, (t) => run(t, name, attack));
}

/**
 * Loops where the host enters a guest beside its exports, with the lengths of `tests/guests/looper`. A call is not over before its
 * post-return is: the answer was read by then, but the instance can take no other call, so the call fails like any that computes too long.
 */
const BESIDE_THE_EXPORTS = {
  cabi_realloc: (socket, more = 0) => ask(socket, "length", "x".repeat(77_777 - '[""]'.length + more)),
  "post-return": (socket, more = 0) => ask(socket, "answer", more),
};

for (const [where, call] of Object.entries(BESIDE_THE_EXPORTS)) {
  test(`zoo: a loop in ${where}`, async (t) => {
    const looper = { run_ms: 300, call_ms: 20_000, instances_max: 1, memory_bytes_max: INSTANCE_BYTES };
    const host = await startHost(t, { plugins: { echo: { namespaces: ["/"] }, looper }, env: FREES_AT_ONCE });
    const neighbour = await watchNeighbour(host);
    const attacker = await connect(host, "/looper");
    assert.notEqual((await call(attacker, 1)).success, false, "one byte more is an event like any other");
    const footprint = new Footprint(host);
    for (let round = 0; round < ROUNDS; round++) {
      assert.deepEqual([await ask(attacker, "events"), await ask(attacker, "events")], [1, 2], "it is an instance that handled nothing before");
      const begun = Date.now();
      broke(await call(attacker));
      assert.ok(Date.now() - begun < 300 + 1_500, `it ended after ${Date.now() - begun} ms`);
      await assertNewcomer(host);
      footprint.attacked();
    }
    await judge(host, neighbour, footprint, { logs: OUT_OF_TIME, plugin: "looper@1", instances: 1, leave: () => attacker.close() });
  });
}

/** Plugins that compute without end, or break, when they are loaded, and what is reported. */
const AT_THE_START = {
  "a constructor that loops": ["endless-start", {}, /`register` did not answer: .*it ran for longer than run_ms allows/s],
  "a loop in register": ["zoo", { register: "spin" }, /`register` did not answer: .*it ran for longer than run_ms allows/s],
  "a trap in register": ["zoo", { register: "trap" }, /`register` did not answer: .*unreachable/s],
  "160,000 namespaces": ["zoo", { register: "namespaces" }, /its registration says 1\d{4,} names|`register` did not answer/],
  "400,000 events": ["zoo", { register: "events" }, /its registration says \d{5,} names|`register` did not answer/],
};

for (const [what, [guest, config, told]] of Object.entries(AT_THE_START)) {
  test(`zoo: ${what}`, async (t) => {
    const hostile = { component: guest, run_ms: 300, call_ms: 20_000, memory_bytes_max: INSTANCE_BYTES, config };
    const hosting = (options) => ({ plugins: { echo: { namespaces: ["/"] }, hostile: { ...hostile, ...options } } });
    const host = start(t, ["run", "--config", writeConfig(t, configuration(hosting({})))]);
    assert.equal(await host.exit(60_000), 2);
    assert.match(host.text, /plugins\.hostile/);
    assert.match(host.text, told);

    const without = await startHost(t, { ...hosting({ required: false }), env: FREES_AT_ONCE });
    const neighbour = await watchNeighbour(without);
    const { message } = await without.waitForLog((line) => line.level === "ERROR" && line.plugin === "hostile", "the log names the plugin");
    assert.match(message, told);
    const footprint = new Footprint(without);
    for (let round = 0; round < ROUNDS; round++) await assertNewcomer(without);
    await judge(without, neighbour, footprint, {});
  });
}

test("zoo: SIGTERM ends a server whose plugin computes in a constructor, and health answers until then", async (t) => {
  const config = configuration({ plugins: { "endless-start": { run_ms: 60_000, call_ms: 60_000 } } });
  const host = start(t, ["run", "--config", writeConfig(t, config)]);
  const { address } = await host.waitForLog((line) => line.message === "internal interface listening", "it starts", 60_000);
  const base = `http://${/[\d.]+:\d+/.exec(address)[0]}`;
  await eventually("the constructor computes", () => processorSeconds(host.pid) > 2, 60_000);
  assert.equal((await request(host, { base, path: "/healthz" })).status, 200);
  assert.deepEqual((await request(host, { base, path: "/readyz" })).json, { status: "starting" });
  assert.equal(await host.stop("SIGTERM"), 0);
});

test("each attack of the guest is in this file", () => {
  const source = readFileSync(path.join(ROOT, "tests/guests/zoo/src/lib.rs"), "utf8");
  const known = [...source.matchAll(/^ {4}\("([a-z-]+)", [a-z]+::[a-z_]+\),$/gm)].map((match) => match[1]);
  assert.ok(known.length > 30);
  assert.deepEqual(Object.keys(ATTACKS), known);
});

test("each guest has a test", () => {
  const folder = path.join(ROOT, "tests/e2e");
  const tests = readdirSync(folder).filter((file) => file.endsWith(".test.mjs")).map((file) => path.join(folder, file));
  const others = ["host/src/scenarios.rs", "tests/e2e/harness/cluster.mjs", "tests/e2e/harness/swap.mjs"].map((file) => path.join(ROOT, file));
  const texts = [...tests, ...others].map((file) => readFileSync(file, "utf8"));
  const guests = readdirSync(path.join(ROOT, "tests/guests"));
  // As a name in quotes, as the name of a plugin, or with its path.
  const names = (guest) => new RegExp(`"${guest}"|\\b${guest}: \\{|/${guest}\\b`);
  const untested = guests.filter((guest) => !texts.some((text) => names(guest).test(text)));
  assert.deepEqual(untested, []);
});

async function run(t, name, { sees, logs, grants = [], before, disconnects, keeps = 0 }) {
  const host = await startHost(t, {
    plugins: {
      echo: { namespaces: ["/"] },
      zoo: {
        namespaces: ["/zoo"], grants, config: { asks: grants },
        run_ms: 300, call_ms: 2_000, instances_max: INSTANCES, memory_bytes_max: INSTANCE_BYTES,
      },
    },
    env: FREES_AT_ONCE,
  });
  const neighbour = await watchNeighbour(host);
  const attacker = await attackerOf(host);
  const footprint = new Footprint(host);

  for (let round = 0; round < ROUNDS; round++) {
    if (before) await ask(attacker.socket, "attack", before);
    if (disconnects) {
      await attacker.attackAndReturn(name);
    } else {
      sees((await askAll(attacker.socket, "attack", name))[0]);
    }
    await assertNewcomer(host);
    assert.equal(await ask(attacker.socket, "number", round), round, "the plugin serves its clients again");
    footprint.attacked();
  }

  await judge(host, neighbour, footprint, { logs, plugin: "zoo@1", keeps, leave: () => attacker.socket.close() });
}

/** The resident memory of a host before an attack, and after it was made once: what an instance or the allocator has then for the next one,
 * it may keep. */
class Footprint {
  #pid;
  #before;
  #afterFirst = 0;

  constructor(host) {
    this.#pid = host.pid;
    resetPeak(this.#pid);
    this.#before = this.#resident;
  }

  /** An attack is over. */
  attacked() {
    this.#afterFirst ||= this.#resident;
  }

  /** The most that there was beside what there was before. */
  get held() {
    return memory(this.#pid).peak - this.#before;
  }

  /** Whether all is back but `keeps`, a twentieth, and 16 MiB. The first attack, too, may leave no more than the allocator keeps. */
  isBack(keeps) {
    const within = (bytes, more) => this.#resident < bytes * 1.05 + more + keeps;
    return within(Math.max(this.#before, this.#afterFirst), 16 * MIB) && within(this.#before, ALLOCATOR_BYTES);
  }

  toString() {
    return `${this.#resident / MIB} MiB, ${this.#before / MIB} MiB before, ${this.#afterFirst / MIB} MiB after the first attack`;
  }

  get #resident() {
    return memory(this.#pid).resident;
  }
}

/** Who comes in the middle of an attack is served. */
async function assertNewcomer(host) {
  const newcomer = await connect(host);
  assert.equal(await ask(newcomer, "bench:echo", "new"), "new");
  newcomer.close();
}

/** What holds after every attack: the neighbour was served, the log says why and bears it, and the memory comes back when its client leaves.
 * `keeps`: what the host may keep. */
async function judge(host, neighbour, footprint, { logs, plugin, keeps = 0, instances = INSTANCES, leave = () => {} }) {
  assert.equal((await fetch(`${host.internal}/healthz`)).status, 200);
  await neighbour.stop();
  if (logs) await host.waitForLog((line) => logs.test(JSON.stringify(line)) && line.plugin === plugin, "the log says why");
  for (const line of host.text.split("\n")) {
    assert.ok(line.length < 20_000, `a line of ${line.length} characters in the log`);
    assert.doesNotMatch(line, /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u, "a control code in the log");
  }
  const held = footprint.held - instances * INSTANCE_BYTES;
  assert.ok(held < BUDGET_BYTES, `the host held ${Math.round(held / MIB)} MiB`);
  leave();
  const isBack = async () => {
    // The allocator gives memory back when it is next asked for some.
    (await connect(host)).close();
    return footprint.isBack(keeps);
  };
  await eventually("the memory came back", isBack, 60_000).catch((error) => {
    throw new Error(`${error.message}: ${footprint}`);
  });
}

/** A client of the attacking plugin. */
async function attackerOf(host) {
  const attacker = { socket: await connect(host, "/zoo", { query: { foreign: "" } }) };
  assert.equal(await ask(attacker.socket, "number", 1), 1);
  /** The client may be too slow for what it is sent: then it is disconnected, and comes again. */
  attacker.attackAndReturn = async (name) => {
    const gone = new Promise((resolve) => attacker.socket.once("disconnect", resolve));
    await Promise.race([gone, askAll(attacker.socket, "attack", name)]);
    attacker.socket.close();
    attacker.socket = await connect(host, "/zoo");
  };
  return attacker;
}

/** A client of another plugin that asks all the time, and is always answered. */
async function watchNeighbour(host) {
  const socket = await connect(host);
  let stopping = false;
  const asking = (async () => {
    for (let number = 0; !stopping; number++) {
      assert.equal(await ask(socket, "bench:echo", number), number);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  asking.catch(() => {});
  return {
    stop: () => {
      stopping = true;
      return asking;
    },
  };
}

/** How long a process has computed, on all its threads. */
function processorSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
