// node tools/licences.mjs
// Checks that the npm packages of the editor have licences of the list in deny.toml. The other npm packages are tools,
// which the binary does not carry.

import { readFileSync } from 'node:fs';

const [, list] = /^allow = \[\n(.*?)^\]/ms.exec(readFileSync('deny.toml', 'utf8'));
const allowed = new Set([...list.matchAll(/^\s*"([^"]+)"/gm)].map(([, name]) => name));
const { packages } = JSON.parse(readFileSync('src/islands/editor/package-lock.json', 'utf8'));
const refused = Object.entries(packages).filter(([, { license }]) => !allowed.has(license));
for (const [path, { license }] of refused) console.error(`licence of ${path}: ${license ?? 'unknown'}`);
if (refused.length) process.exit(1);
console.log(`editor: the licences of ${Object.keys(packages).length - 1} npm packages are allowed`);
