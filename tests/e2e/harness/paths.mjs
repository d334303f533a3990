// Where things are: the checkout, cargo's target directory, the program, the components that `tests/run` built.

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");
export const TARGET = path.resolve(ROOT, process.env.CARGO_TARGET_DIR || "target");
export const PROGRAM = path.join(TARGET, "debug", "innkeeper");

/** The component of this name, or the path itself if it is one. */
export function component(nameOrPath) {
  const file = nameOrPath.endsWith(".wasm") ? path.resolve(nameOrPath) : path.join(TARGET, "innkeeper", `${nameOrPath}.wasm`);
  if (!existsSync(file)) {
    const folder = `tests/guests/${nameOrPath}`;
    const command = existsSync(path.join(ROOT, folder, "build")) ? `${folder}/build ${file}` : `innkeeper build ${folder}`;
    throw new Error(`there is no component ${file}; tests/run builds it, or: ${command}`);
  }
  return file;
}

/** Why a guest in another language was not built: an option of `test`, false if it was. */
export function skipped(name) {
  const file = path.join(TARGET, "innkeeper", `${name}.skipped`);
  return existsSync(file) && readFileSync(file, "utf8").trim();
}
