// Bundles entry.js into one script, and the licences of everything in it into one file beside it.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { build } from "esbuild-wasm";

const target = "../../autograder/web/static";
const { metafile } = await build({
  entryPoints: ["entry.js"],
  outfile: `${target}/codemirror.js`,
  bundle: true,
  minify: true,
  format: "iife",
  globalName: "CodeMirror",
  target: "es2020",
  legalComments: "none",
  charset: "utf8",
  metafile: true,
  banner: { js: "/* CodeMirror 6, bundled by .ci/codemirror; the licences are in codemirror.licenses.txt */" },
});

const folders = new Set();
for (const [file, { bytesInOutput }] of Object.entries(Object.values(metafile.outputs)[0].inputs)) {
  const found = file.match(/^node_modules\/(?:@[^/]+\/)?[^/]+/);
  if (found && bytesInOutput) folders.add(found[0]);
}
const licences = [...folders].sort().map((folder) => {
  const { name, version } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  if (!file) throw new Error(`${name} has no licence`);
  return `${name} ${version}\n\n${readFileSync(`${folder}/${file}`, "utf8").trim()}\n`;
});
writeFileSync(`${target}/codemirror.licenses.txt`, licences.join(`\n${"-".repeat(80)}\n\n`));
