// A host whose configuration is written over while it runs, and read again at SIGHUP.

import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { configuration, startHost, writeConfig } from "./host.mjs";
import { version } from "./swap.mjs";
import { toToml } from "./toml.mjs";
import { eventually } from "./wait.mjs";

const MINUTE = 60_000;
const ENDINGS = /^(the configuration is taken over|the configuration is the same|nothing of the configuration is taken over)/;

/** What each of the plugins serves, and which kind it is. */
const BASE = { grants: ["store"], namespaces: ["/", "/side"] };

/** A folder with components of the guest `swapped`, and tables for them. */
export class Components {
  constructor(t) {
    this.folder = mkdtempSync(path.join(tmpdir(), "innkeeper-reload-"));
    t.after(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  file(name) {
    return path.join(this.folder, `${name}.wasm`);
  }

  /** Writes the component of this plugin. */
  put(name, number = 1, plan = {}, mode = name) {
    put(this.file(name), version(mode, number, plan));
  }

  /** A table for a plugin whose component is there. */
  table(name, table = {}) {
    return { component: this.file(name), config: { name }, ...BASE, ...table };
  }

  /** Tables for these plugins, with their components in the first version. */
  tables(names = { pooled: {}, shared: {} }) {
    const each = Object.entries(names).map(([name, { mode = name, plan, ...table }]) => {
      this.put(name, 1, plan, mode);
      return [name, this.table(name, table)];
    });
    return Object.fromEntries(each);
  }
}

/** A host with this configuration: options of `startHost`, or text as it is. `start`: others of its options. */
export async function startReloadable(t, config, start = {}) {
  const file = writeConfig(t, text(config));
  return startHost(t, { file, ...start });
}

/** Writes another configuration, has it read, and resolves to the line of the log that says what has come of it. */
export async function reload(host, config) {
  const before = host.logs.length;
  write(host, config);
  host.signal("SIGHUP");
  return outcome(host, before);
}

/** Writes another configuration, and nothing else. */
export function write(host, config) {
  if (config !== undefined) put(host.file, text(config));
}

/** Puts a file in the place of another, as tools do that care: nobody reads half of it. */
export function put(file, content) {
  writeFileSync(`${file}.next`, content);
  renameSync(`${file}.next`, file);
}

/** What has come of a reload that was asked for when the log had so many lines. `count`: of so many of them, the last. */
export function outcome(host, before, count = 1) {
  const all = () => host.logs.slice(before).filter(({ message }) => ENDINGS.test(message ?? ""));
  return eventually("the configuration is read again", () => all()[count - 1], MINUTE);
}

/** The same, and it is an error unless the configuration was taken over. Resolves to the keys that have changed. */
export async function taken(host, config) {
  const line = await reload(host, config);
  if (line.level !== "INFO") throw new Error(line.message);
  return line.changed;
}

/** The same, and it is an error unless nothing was taken over. Resolves to the reason. */
export async function refusal(host, config) {
  const line = await reload(host, config);
  if (line.level !== "ERROR") throw new Error(`it was taken over: ${line.message} ${line.changed}`);
  return line.message;
}

function text(config) {
  return typeof config === "string" ? config : toToml(configuration(config));
}
