// `console`: lines of the host's log.

import { log } from "./host.mjs";
import { describe } from "./errors.mjs";

const LEVELS = {
  log: "info", info: "info", dir: "info", table: "info", group: "info", warn: "warn", error: "error", debug: "debug", trace: "trace",
};

export const console = {};
for (const [name, level] of Object.entries(LEVELS)) {
  console[name] = (...values) => log.write(level, values.map(show).join(" ").toWellFormed(), []);
}

console.groupEnd = () => {};
console.assert = (condition, ...values) => {
  if (!condition) console.error("assertion failed", ...values);
};

/** A value as a line of the log shows it: a text as it is, an error with its stack, anything else as JSON. */
export function show(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return describe(value);
  if (value instanceof Map || value instanceof Set) return `${value.constructor.name} ${show([...value])}`;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
