// node tools/site.mjs WASM OUT
// Makes the site that the server contains: the files of public/, and style, scripts, WASM and editor of the islands. The
// latter are minified, have hashes in their names, and are also compressed with brotli and gzip. WASM is the output
// folder of trimtab-bindgen. OUT gets the files and site.rs, which includes them. Unchanged files are not written, so
// Cargo rebuilds only after changes. NODE_PATH has the packages of the editor (tools/env.sh).

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const [wasmFolder, out] = process.argv.slice(2);
const types = {
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain',
  '.wasm': 'application/wasm',
};

const run = (program, ...args) => execFileSync(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
const hash = (content) => createHash('sha256').update(content).digest().subarray(0, 16).toString('base64url');

/** Returns the oldest supported browsers in esbuild's syntax. cargo leptos watch reads the same line. */
function browsers() {
  const [, query] = /^browserquery = "(.+)"$/m.exec(readFileSync('Cargo.toml', 'utf8'));
  return query.split(', ').map((browser) => {
    const [, name, version] = /^(\w+) >= ([\d.]+)$/.exec(browser);
    return (name === 'ios_saf' ? 'ios' : name) + version;
  });
}

/** Returns the optimized WASM. The last result is kept, because the optimization takes ten seconds. */
function optimized(file) {
  const [from, to] = [join(out, 'optimized.from'), join(out, 'optimized.wasm')];
  const args = ['-Oz', '--enable-bulk-memory', '--enable-nontrapping-float-to-int'];
  const key = hash(`${hash(readFileSync(file))} ${args} ${run('wasm-opt', '--version')}`);
  if (!existsSync(from) || readFileSync(from, 'utf8') !== key) {
    rmSync(from, { force: true });
    run('wasm-opt', ...args, file, '-o', to);
    writeFileSync(from, key);
  }
  return readFileSync(to);
}

const kept = new Set(['optimized.from', 'optimized.wasm', 'site.rs']);

function write(name, content) {
  const path = join(out, name);
  if (!existsSync(path) || !readFileSync(path).equals(Buffer.from(content))) writeFileSync(path, content);
  kept.add(name);
  return path;
}

/** Writes a file and its compressed forms, and returns its lines for site.rs. */
function embed(path, name, content, packed) {
  const modified = Math.floor(statSync(write(name, content)).mtimeMs / 1000);
  const inCoding = (suffix, pack) => {
    if (!packed) return 'None';
    write(name + suffix, pack(content));
    return `Some(include_bytes!("${name}${suffix}"))`;
  };
  const brotli = (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
  return `    trimtab::pages::assets::File {
        path: "${path}",
        content_type: "${types[extname(name)]}",
        hash: "${hash(content)}",
        modified: ${modified},
        plain: include_bytes!("${name}"),
        br: ${inCoding('.br', brotli)},
        gzip: ${inCoding('.gz', (bytes) => gzipSync(bytes, { level: 9 }))},
    },
`;
}

mkdirSync(out, { recursive: true });
const style = run('esbuild', 'style/main.css', '--bundle', '--minify', `--target=${browsers()}`, '--log-level=warning');
const script = run('esbuild', join(wasmFolder, 'trimtab.js'), '--minify', '--format=esm', '--log-level=warning');
const editor = run('esbuild', 'src/islands/editor/editor.js', '--bundle', '--minify', '--format=esm', `--target=${browsers()}`, '--log-level=warning');
const pages = [
  ['trimtab', 'css', style],
  ['trimtab', 'js', script],
  ['trimtab', 'wasm', optimized(join(wasmFolder, 'trimtab_bg.wasm'))],
  ['editor', 'js', editor],
].map(([begin, kind, content]) => {
  const name = `${begin}.${hash(content)}.${kind}`;
  return embed(`/pkg/${name}`, name, content, true);
});
const beside = readdirSync('public').sort().map((name) => embed(`/${name}`, name, readFileSync(join('public', name)), false));
write('site.rs', `const SITE: &[trimtab::pages::assets::File] = &[\n${[...pages, ...beside].join('')}];\n`);
for (const name of readdirSync(out)) if (!kept.has(name)) rmSync(join(out, name));
