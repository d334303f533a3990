#!/usr/bin/env node
// Builds a plugin: `node build.mjs FOLDER -o OUT.wasm`. The folder's `package.json` names the module in `main`, else it is `plugin.mjs`.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const SDK = path.dirname(fileURLToPath(import.meta.url));
const WIT = path.resolve(SDK, "../../wit/v0.1");
/** esbuild's way to run an `async` function, for which the SDK has a shorter one. */
const ASYNC_HELPER = /^( *)var __async = \(__this, __arguments, generator\) => \{\n[\s\S]*?\n\1\};\n/m;

/** The plugin's module with the SDK, as one module of ECMAScript that QuickJS can run. `plugins` are of esbuild. */
export async function bundle(module, { format = "esm", plugins = [], footer = "" } = {}) {
  const { build } = await tool("esbuild");
  const entry = [
    `import ${JSON.stringify(path.join(SDK, "src/globals.mjs"))};`,
    `import { serve } from ${JSON.stringify(path.join(SDK, "src/exports.mjs"))};`,
    `export * from ${JSON.stringify(path.join(SDK, "src/exports.mjs"))};`,
    // Not an import: the module is evaluated in the first entry of the host and not when the component is built.
    `serve(() => require(${JSON.stringify(module)}));`,
  ];
  const built = await build({
    stdin: { contents: entry.join("\n"), resolveDir: path.dirname(module), sourcefile: "entry.mjs" },
    bundle: true, write: false, format, platform: "neutral", mainFields: ["module", "main"], conditions: ["import", "module"],
    // QuickJS never runs its own queue of jobs, see `src/promise.mjs`.
    target: "es2022", supported: { "async-await": false, "async-generator": false, "for-await": false },
    external: ["innkeeper:*", "wasi:*"], alias: { "innkeeper-plugin": path.join(SDK, "src/index.mjs") },
    define: { "process.env.NODE_ENV": '"production"' }, charset: "utf8", logLevel: "silent", globalName: "exported", footer: { js: footer }, plugins,
  }).catch((error) => fail(`${path.basename(module)} cannot be bundled:\n${(error.errors ?? [error]).map(describe).join("\n")}`));
  return withShortAsync(built.outputFiles[0].text);
}

function withShortAsync(text) {
  if (!text.includes("__async(")) return text;
  if (!ASYNC_HELPER.test(text)) fail("esbuild translates `async` functions in another way than build.mjs expects; use the version of package-lock.json");
  return text.replace(ASYNC_HELPER, "var __async = (self, args, generator) => (__async = __innkeeperAsync)(self, args, generator);\n");
}

async function main([folder, flag, out]) {
  if (!folder || flag !== "-o" || !out) fail("usage: node build.mjs FOLDER -o OUT.wasm");
  if (!existsSync(WIT)) fail(`there is no contract at ${WIT}; build.mjs has to stand in plugin-sdk/js of Innkeeper's sources`);
  const code = await bundle(moduleOf(path.resolve(folder)));
  const { componentize } = await tool("componentize-qjs");
  const { component } = await componentize({ witPath: WIT, world: "plugin", jsSource: code, sync: true })
    .catch((error) => fail(`${folder} cannot be made a component: ${error.message}`));
  mkdirSync(path.dirname(path.resolve(out)), { recursive: true });
  // Renamed when it is whole, for a host may be reading the one before.
  const temporary = mkdtempSync(path.join(path.dirname(path.resolve(out)), ".building-"));
  writeFileSync(path.join(temporary, "plugin.wasm"), component);
  renameSync(path.join(temporary, "plugin.wasm"), out);
  rmSync(temporary, { recursive: true });
}

/** The module of a folder. */
function moduleOf(folder) {
  const manifest = path.join(folder, "package.json");
  const { main = "plugin.mjs" } = existsSync(manifest) ? JSON.parse(readFileSync(manifest, "utf8")) : {};
  const module = path.join(folder, main);
  if (!existsSync(module)) fail(`there is no ${module}; name the plugin's module in \`main\` of its package.json`);
  return module;
}

async function tool(name) {
  return import(name).catch((error) => fail(`${name} is not installed (${error.code ?? error.message}); run \`npm ci\` in ${SDK}`));
}

function describe({ text, message, location }) {
  return location ? `${location.file}:${location.line}: ${text}` : (text ?? message);
}

function fail(message) {
  process.stderr.write(`build.mjs: ${message}\n`);
  process.exit(1);
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
