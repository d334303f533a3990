// What the system says about a process. Linux only.

import { readFileSync, readdirSync, writeFileSync } from "node:fs";

const FREEZE_MS = 5_000;

/** The environment of a server whose memory is measured: the allocator gives back at once what is free, as in `tests/bench/run`. */
export const FREES_AT_ONCE = { MIMALLOC_PURGE_DELAY: "0" };

/** Resident memory of a process, and the most that it was since `resetPeak`, in bytes. */
export function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kilobytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)[1]);
  return { resident: kilobytes("VmRSS") * 1024, peak: kilobytes("VmHWM") * 1024 };
}

export function resetPeak(pid) {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** Stops a process until SIGCONT. When this returns, none of its threads runs: on a busy machine some go on for a while after the signal. */
export function freeze(pid) {
  process.kill(pid, "SIGSTOP");
  const until = Date.now() + FREEZE_MS;
  const runs = (thread) => {
    try {
      return !/^State:\s+T/m.test(readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8"));
    } catch (error) {
      // It has ended meanwhile.
      if (error.code === "ENOENT" || error.code === "ESRCH") return false;
      throw error;
    }
  };
  while (readdirSync(`/proc/${pid}/task`).some(runs)) {
    if (Date.now() > until) throw new Error(`process ${pid} still runs ${FREEZE_MS} ms after SIGSTOP`);
  }
}
