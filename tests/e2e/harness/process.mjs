// What the system says about a process. Linux only.

import { readFileSync, writeFileSync } from "node:fs";

/** The environment of a server whose memory is measured: what it frees goes back at once, also what another thread has to give back, and
 * not when the allocator is next asked for some. */
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
