// What the system says about a process. Linux only.

import { readFileSync, writeFileSync } from "node:fs";

/** Resident memory of a process, and the most that it was since `resetPeak`, in bytes. */
export function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kilobytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)[1]);
  return { resident: kilobytes("VmRSS") * 1024, peak: kilobytes("VmHWM") * 1024 };
}

export function resetPeak(pid) {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}
