import { chromium } from '@playwright/test';
import { readFileSync } from 'node:fs';
const [base, setup, oldCss, newCss] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox','--disable-gpu','--disable-quic','--no-first-run','--disable-background-networking','--disable-component-update','--disable-sync'] });
const context = await browser.newContext({ javaScriptEnabled: true });
const page = await context.newPage();
await page.goto(setup);
for (const input of await page.locator('main form:has(input[type=password]) input:visible').all()) {
  const name = await input.getAttribute('name'); await input.fill(name.includes('pass') || name==='again' ? 'correct horse battery' : 'ana');
}
await page.locator('main form:has(input[type=password]) button[type=submit]').first().click(); await page.waitForURL(u => !u.pathname.startsWith('/setup'));
console.log(page.url()); (await import('node:child_process')).execFileSync(process.argv[6] ?? '/work/main/target/app/trimtab', ['demo'], { env: { ...process.env, TRIMTAB_DATA_DIR: '/tmp/m/base/data' } });
const state = await context.storageState();
const dump = async (css, theme, width) => {
  const c = await browser.newContext({ storageState: state, colorScheme: theme, viewport: { width, height: 800 }, reducedMotion: 'reduce', javaScriptEnabled: true });
  const p = await c.newPage();
  if (css) await p.route('**/*.css', r => r.fulfill({ contentType: 'text/css', body: readFileSync(css,'utf8') }));
  await p.route('**/*.wasm', r => r.abort()); 
  const out = {};
  for (const path of ['/', '/apps', '/changes', '/delivery', '/envs', '/tokens', '/users', '/account', ...paths]) {
    await p.goto(base + path);
    out[path] = await p.evaluate(() => [...document.querySelectorAll('body, body *')].flatMap((e) => [null,'::before','::after'].map((x) => { const s = getComputedStyle(e, x); return e.tagName + '.' + e.className + (x??'') + ' ' + [...s].filter(k => !k.startsWith('--')).map(k => k + ':' + s.getPropertyValue(k)).join(';'); })));
  }
  await c.close(); return out;
};
await page.goto(base + '/apps');
const app = await page.locator('main a[href^="/apps/"]').first().getAttribute('href');
await page.goto(base + app);
const conf = await page.locator('main a[href^="/configs/"]').first().getAttribute('href');
const paths = [app, conf]; console.log(paths);
let n = 0, bad = 0;
for (const [theme, width] of [['light', 1300], ['dark', 400]]) {
  const a = await dump(oldCss, theme, width), b = await dump(newCss, theme, width);
  for (const path in a) { if (a[path].length !== b[path].length) console.log('length', path, a[path].length, b[path].length); a[path].forEach((l,i) => { n++; if (l !== b[path][i]) { if (bad++ < 12) { const x=l.split(';'), y=(b[path][i]??'').split(';'); console.log(path, theme, width, l.split(' ')[0], x.filter((v,j)=>v!==y[j]).slice(0,4), y.filter((v,j)=>v!==x[j]).slice(0,4)); } } }); }
}
console.log('elements', n, 'different', bad);
await browser.close();
