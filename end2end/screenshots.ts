// Takes screenshots of every page with the demo data: make screenshots.
// The files are screenshots/<page>-<language>-<theme>-<width>.png; ONLY=<pattern> selects files by name.
// ONLY=readme takes the picture of the README again.

import { expect, type Page } from '@playwright/test';
import { join } from 'node:path';
import { addressOf, pages } from './support/pages';
import { type Server, test } from './support/test';

type States = [name: string, go: (page: Page, server: Server) => Promise<unknown>][];

const shop = '/configs/prod/shop/application';

/** Pages that ask for the password again ten minutes after the log-in. */
const fresh: States = [
  ['token-made', async (page) => {
    await page.goto('/tokens/new?app=shop');
    await page.locator('[name=name]').fill('shop in prod');
    await page.locator('main [type=submit]').click();
    await page.locator('#try').waitFor();
  }],
  ['token-refused', async (page) => {
    await page.goto('/tokens/new');
    await page.locator('[name=name]').fill('shop in prod');
    await page.locator('main [type=submit]').click();
    await page.locator('.wrong').first().waitFor();
  }],
];

/** Other views of the pages, and states after an action. */
const more: States = [
  ['difference-unified', (page) => page.goto(`${shop}/difference?env=dev`)],
  ['difference-text', (page) => page.goto('/configs/staging/gateway/routes.yaml/difference')],
  ['difference-text-split', (page) => page.goto('/configs/staging/gateway/routes.yaml/difference?view=split')],
  ['release-split', (page) => page.goto(`${shop}/releases/2?view=split`)],
  ['readers-none', (page) => page.goto('/configs/dev/mail/application/readers')],
  ['config-nothing-of-mine', (page) => page.goto('/configs/dev/mail/application')],
  ['config-conflict', (page) => page.goto('/configs/dev/search/application')],
  ['change-conflict', async (page) => {
    await page.goto('/changes');
    await page.locator('main .flag a').first().click();
    await page.locator('.conflicts').waitFor();
  }],
  ['use-text', (page) => page.goto('/configs/prod/shop/routes.yaml/use')],
  ['import-preview', async (page) => {
    await page.goto(`${shop}/import`);
    await page.locator('#import [name=text]').fill('DB_POOL_MAX=64\nSEARCH_URL=https://search.shop.example/v2\n# a comment\nBANNER="Free shipping · 免运费"\n');
    await page.locator('#import [type=submit]').click();
    await page.locator('#preview').waitFor();
  }],
  ['import-refused', async (page) => {
    await page.goto(`${shop}/import`);
    await page.locator('#import [name=text]').fill('{"db": {"pool": 64,}}');
    await page.locator('#import [type=submit]').click();
    await page.locator('.banner.bad').waitFor();
  }],
  ['text-refused', async (page) => {
    await page.goto('/configs/staging/gateway/routes.yaml');
    await page.locator('#text [name=text]').fill('routes:\n  - path: /checkout\n    upstream: [payments\n    timeout: 3s\n');
    await page.locator('#text [type=submit]').first().click();
    await page.locator('#text .wrong').first().waitFor();
  }],
  ['item-refused', async (page) => {
    await page.goto(`${shop}?edit=db.pool.max#edit`);
    await page.locator('#item [name=value]').fill('many');
    await page.locator('#item [type=submit]').first().click();
    await page.locator('#item .wrong').first().waitFor();
  }],
  ['publish-refused', async (page) => {
    await page.goto(shop);
    await page.locator('#publish [name=message]').fill('Connection pool for the sale');
    await page.locator('#publish [name=confirm]').fill('production');
    await page.locator('#publish [type=submit]').click();
    await page.locator('#publish .wrong').first().waitFor();
  }],
  ['discard-asks', async (page) => {
    await page.goto(shop);
    await page.locator('[popovertarget=discard]').first().click();
  }],
  ['account-menu', async (page) => {
    await page.goto('/');
    await page.locator('.top .menu > summary').click();
  }],
  ['filter-none', async (page) => {
    await page.goto(`${shop}?q=nothing-has-this`);
    await page.waitForTimeout(500);
  }],
  ['apps-add', async (page) => {
    await page.goto('/apps');
    await page.locator('#add > summary').click();
  }],
  ['namespace-add', async (page) => {
    await page.goto('/apps/shop');
    await page.locator('#add > summary').click();
  }],
  ['env-add', async (page) => {
    await page.goto('/envs');
    await page.locator('#add > summary').click();
  }],
];

/** Pages of a viewer. */
const viewers: States = [
  ['viewer-home', (page) => page.goto('/')],
  ['viewer-app', (page) => page.goto('/apps/shop')],
  ['viewer-config', (page) => page.goto(shop)],
  ['forbidden', (page) => page.goto('/users')],
];

/** Pages without a log-in. */
const outside: States = [
  ['login', (page) => page.goto('/login')],
  ['login-refused', async (page) => {
    await page.goto('/login');
    await page.locator('[name=name]').fill('lin.wei');
    await page.locator('[name=password]').fill('not this one');
    await page.locator('[type=submit]:not(.foot *)').click();
    await page.locator('.wrong, .banner.bad').first().waitFor();
  }],
  ['setup-done', (page) => page.goto('/setup/used')],
];

/** The first steps with an empty server. */
const first: States = [
  ['login-nobody', (page) => page.goto('/login')],
  ['setup-wrong', (page) => page.goto('/setup/mistyped')],
  ['setup', async (page, server) => page.goto(await server.setupLink())],
  ['setup-refused', async (page) => {
    await page.locator('[name=name]').fill('ana.ruiz');
    await page.locator('[name=password]').fill('password1234');
    await page.locator('[name=again]').fill('password12345');
    await page.locator('main form.card [type=submit]').click();
    await page.locator('.wrong').first().waitFor();
  }],
  ['empty-start', async (page) => {
    for (const name of ['password', 'again']) await page.locator(`[name=${name}]`).fill('anchor maple seven tide');
    await page.locator('main form.card [type=submit]').click();
    await page.waitForURL((url) => !/setup|set-up|login/.test(url.pathname));
    await page.goto('/start');
  }],
  ['empty-home', (page) => page.goto('/')],
  ['empty-apps', (page) => page.goto('/apps')],
  ['empty-changes', (page) => page.goto('/changes')],
  ['empty-envs', (page) => page.goto('/envs')],
  ['empty-tokens', (page) => page.goto('/tokens')],
  ['empty-app-ready', async (page) => {
    await page.goto('/start');
    await page.locator('[name=app]').fill('shop');
    await page.locator('main form.card [type=submit]').click();
    await page.locator('.steps').waitFor();
  }],
  ['empty-app', (page) => page.goto('/apps/shop')],
  ['empty-config', (page) => page.goto('/configs/dev/shop/application')],
  ['empty-difference', (page) => page.goto('/configs/dev/shop/application/difference')],
  ['empty-releases', (page) => page.goto('/configs/dev/shop/application/releases')],
];

const only = new RegExp(process.env.ONLY ?? '');
const themes = ['light', 'dark'] as const;
const widths = [1280, 360, 2560];

/** Takes a page in all themes and widths without reloading it. */
async function take(page: Page, name: string, lang: string): Promise<void> {
  for (const theme of themes) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
    for (const width of widths) {
      const file = `${name}-${lang}-${theme}-${width}.png`;
      if (!only.test(file)) continue;
      const low = width === 2560 ? 1440 : 800;
      await page.setViewportSize({ width, height: low });
      // As high as the page, so that sticky elements cover nothing.
      const height = await page.evaluate(() => document.documentElement.scrollHeight);
      await page.setViewportSize({ width, height: Math.min(Math.max(height, low), 6000) });
      await page.screenshot({ path: join(import.meta.dirname, 'screenshots', file), animations: 'disabled' });
    }
  }
}

async function takeAll(page: Page, server: Server, states: States, lang: string): Promise<void> {
  const wanted = (name: string) => themes.some((t) => widths.some((w) => only.test(`${name}-${lang}-${t}-${w}.png`)));
  for (const [name, go] of states) {
    // The first steps depend on each other.
    if (states !== first && !wanted(name)) continue;
    await page.setViewportSize({ width: 1280, height: 800 });
    await go(page, server);
    await take(page, name, lang);
  }
}

interface Demo {
  server: Server;
  passwords: Map<string, string>;
}

/** Adds the demo data and logs in as its administrator. */
async function addDemo(server: Server, page: Page) {
  const token = await server.cli(['token', 'create', '--name', 'nightly import', '--admin', '--write', '*/*/*', '--expires', '9d']);
  const said = await server.cli(['demo']);
  const passwords = new Map(Array.from(said.matchAll(/log in as (\S+) with (\S+)/g), (m) => [m[1]!, m[2]!] as const));
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const read = async (config: string, names: string[]) => {
    for (const name of names) {
      const asked = { ...headers, 'x-instance': name, 'user-agent': 'shop/2.31 go-http-client' };
      const answer = await fetch(`${server.url}/api/v1/configs/${config}`, { headers: asked });
      if (!answer.ok) throw new Error(await answer.text());
    }
  };
  await signIn(page, server, 'ana.ruiz', passwords);
  // Starts the comparison with the channel, which otherwise runs every 30 seconds. It delivers the demo's releases.
  await page.goto(`${server.url}/delivery/prod`);
  await page.locator('#again button').click();
  await page.locator('#flash .flash').waitFor();
  const delivered = () => fetch(`${server.url}/api/v1/configs/prod/shop/application`, { headers });
  await expect.poll(async () => (await delivered()).ok, { timeout: 60_000 }).toBe(true);
  const edit = async (config: string, key: string, value: string) => {
    await page.goto(`${server.url}/configs/${config}?edit=${key}#edit`);
    const target = page.locator('#item select[name=change]');
    if (await target.count()) await target.selectOption({ index: 0 });
    await page.locator('#item [name=value]').fill(value);
    await page.locator('#item [type=submit]').first().click();
    await page.locator('tr.changed, tr.added').filter({ hasText: key }).waitFor();
  };
  return { passwords, headers, read, edit };
}

const names = (app: string, ends: string) => ends.split(' ').map((end) => `${app}-${end}`);
const shops = names('shop', '7c9f x2b8 d41d 9a0c e77b 51fa c0de 3b9d');

/** Prepares the demo data and current activity: programs that read, pending edits, a conflict. */
async function prepare(server: Server, page: Page): Promise<Demo> {
  const { passwords, headers, read, edit } = await addDemo(server, page);
  const publish = async (config: string, key: string, value: object) => {
    const body = { message: 'Longer result lists for the sale', confirm: config.split('/')[0], publish: true, edits: [{ config, set: { [key]: value } }] };
    const answer = await fetch(`${server.url}/api/v1/changes`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(await answer.text());
  };
  await edit('dev/search/application', 'query.max_results', '400');
  await publish('dev/search/application', 'query.max_results', { value: '250', type: 'number' });
  await edit('prod/shop/application', 'db.pool.max', '48');
  await edit('prod/shop/application', 'images.sizes', '{"thumb":160,"card":640,"full":2000}');
  await page.goto(`${server.url}${shop}?edit=features.wish_list#edit`);
  await page.locator('[form=remove]').click();
  await page.locator('tr.removed').waitFor();
  await read('prod/shop/application', shops);
  await read('prod/shop/routes.yaml', names('gateway', 'a1 a2 b1'));
  await read('staging/mail/application', names('mail', '2b7d 8f10 c3e9'));
  await publish('staging/mail/application', 'send.per_second', { value: '60', type: 'number' });
  await read('staging/mail/application', names('mail', '2b7d'));
  return { server, passwords };
}

async function signIn(page: Page, server: Server, name: string, passwords: Map<string, string>): Promise<void> {
  const kept = (await page.context().cookies()).filter((cookie) => cookie.name === 'lang');
  await page.context().clearCookies();
  await page.context().addCookies(kept);
  await page.goto(`${server.url}/login`);
  await page.locator('[name=name]').fill(name);
  await page.locator('[name=password]').fill(passwords.get(name)!);
  await page.locator('[autocomplete="current-password"]').press('Enter');
  await page.waitForURL((url) => url.pathname !== '/login');
}

const demos = new WeakMap<Server, Promise<Demo>>();

for (const lang of ['en', 'zh']) {
  test.describe(lang, () => {
    test.describe.configure({ mode: 'parallel' });
    test.use({ locale: lang, actionTimeout: 30_000, navigationTimeout: 30_000 });

    test.beforeEach(({ allowErrors }) => {
      // Some screenshots show refusals.
      allowErrors(/status of 4\d\d/);
      test.setTimeout(20 * 60_000);
    });

    test('pages', async ({ server, page, context }) => {
      if (!demos.has(server)) demos.set(server, prepare(server, page));
      const { passwords } = await demos.get(server)!;
      await context.addCookies([{ name: 'lang', value: lang, url: server.url }]);
      const states: States = pages.map(([name, path]) => [name, async () => page.goto(await addressOf(path, page.request, server.url))]);
      await signIn(page, server, 'ana.ruiz', passwords);
      await takeAll(page, server, [...fresh, ...states, ...more], lang);
      await signIn(page, server, 'tom.okafor', passwords);
      await takeAll(page, server, viewers, lang);
      await context.clearCookies();
      await context.addCookies([{ name: 'lang', value: lang, url: server.url }]);
      await takeAll(page, server, outside, lang);
    });

    test('the first steps', async ({ freshServer, browser }) => {
      const server = await freshServer();
      const context = await browser.newContext({ baseURL: server.url, locale: lang });
      await context.addCookies([{ name: 'lang', value: lang, url: server.url }]);
      await takeAll(await context.newPage(), server, first, lang);
      await context.close();
    });
  });
}

test('the picture of the README', async ({ freshServer, browser }) => {
  test.skip(!only.test('readme') || !process.env.ONLY, 'ONLY=readme');
  const server = await freshServer();
  const context = await browser.newContext({ baseURL: server.url, locale: 'en', viewport: { width: 1280, height: 840 } });
  const page = await context.newPage();
  const { read, edit } = await addDemo(server, page);
  await edit('prod/shop/application', 'cart.max_items', '120');
  await edit('prod/shop/application', 'cart.reserve_minutes', '30');
  await read('prod/shop/application', shops);
  await page.goto(shop);
  await page.locator('#publish [name=message]').fill('Larger carts for the winter sale');
  await page.locator('#publish [name=confirm]').fill('prod');
  await page.locator('#publish [name=confirm]').blur();
  await page.screenshot({ path: join(import.meta.dirname, '../docs/images/console.png'), animations: 'disabled' });
  await context.close();
});
