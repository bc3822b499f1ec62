// Fixtures, which every test imports instead of '@playwright/test'.
//
//   server       the shared server of this worker; page.goto('/…') goes there
//   freshServer  starts a server for this test alone (empty, or a second node beside another)
//   signIn       gives a page the session of an administrator, or of another user
//   another      opens a page in another browser context, for a second user at the same time
//   demo         the same server, with the demo data
//   allowErrors  allows an error that a test provokes on purpose
//
// A test fails on any browser error: errors on the console, exceptions, CSP violations.

import { AxeBuilder } from '@axe-core/playwright';
import { expect, test as base, type BrowserContext, type Locator, type Page } from '@playwright/test';
import { createAdministrator, session, type User } from './prepare';
import { Server, type Setup } from './server';

export { expect, Server, createAdministrator, type User };

export interface Options {
  setup: Setup;
}

interface WorkerFixtures extends Options {
  server: Server;
  administrator: User;
  demo: Server;
}

interface TestFixtures {
  freshServer: (beside?: Server, more?: Record<string, string>) => Promise<Server>;
  signIn: (page: Page, user?: User) => Promise<void>;
  another: (user?: User) => Promise<Page>;
  allowErrors: (pattern: RegExp) => void;
  complaints: { seen: string[]; allowed: RegExp[]; ended: { url: string; at: number }[] };
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  setup: ['embedded', { option: true, scope: 'worker' }],

  server: [
    async ({ setup }, use) => {
      const server = await Server.start(setup);
      await use(server);
      await server.stop();
    },
    { scope: 'worker', timeout: 60_000 },
  ],

  administrator: [
    async ({ server }, use) => {
      await use(await createAdministrator(server, 'end2end'));
    },
    { scope: 'worker' },
  ],

  demo: [
    async ({ server }, use) => {
      await server.cli(['demo']);
      await use(server);
    },
    { scope: 'worker', timeout: 60_000 },
  ],

  baseURL: async ({ server }, use) => use(server.url),

  freshServer: async ({ setup, complaints }, use, testInfo) => {
    const servers: Server[] = [];
    await use(async (beside, more) => {
      const server = await Server.start(setup, beside, more);
      servers.push(server);
      // A second node serves pages a moment before it has the tokens and releases.
      const reads = async () => {
        const said = (await (await fetch(`${server.url}/readyz`)).json()) as Record<'reader' | 'channel_away_since', string>;
        const headers = { authorization: 'Bearer nobody' };
        return said.reader === 'has the releases' && !said.channel_away_since && (await fetch(`${server.url}/api/v1/configs/dev/any`, { headers })).status !== 503;
      };
      if (beside) await expect.poll(reads, { timeout: 10_000, intervals: [50] }).toBe(true);
      return server;
    });
    const failed = testInfo.status !== testInfo.expectedStatus;
    // The second node first: stopping the first one removes the database.
    for (const server of servers.reverse()) {
      if (failed) await testInfo.attach('fresh-server.log', { body: server.log, contentType: 'text/plain' });
      // An open page may still send requests to it.
      complaints.ended.push({ url: server.url, at: complaints.seen.length });
      await server.stop();
    }
  },

  // Depends on `administrator` only if used: an empty server must have no users.
  signIn: async ({ server, administrator }, use) => {
    await use(async (page, user = administrator) => page.context().addCookies(await session(server, user)));
  },

  another: async ({ browser, server, complaints, javaScriptEnabled }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (user) => {
      const context = await browser.newContext({ baseURL: server.url, javaScriptEnabled });
      contexts.push(context);
      await watch(context, complaints.seen);
      if (user) await context.addCookies(await session(server, user));
      return context.newPage();
    });
    for (const context of contexts) await context.close();
  },

  // A page with live updates reconnects to a server that ended or was cut off, which the browser reports.
  complaints: async ({}, use) => use({ seen: [], allowed: [/net::ERR_\w+ \(.*\/live(\?.*)?\)/], ended: [] }),

  allowErrors: async ({ complaints }, use) => {
    await use((pattern) => complaints.allowed.push(pattern));
  },

  context: async ({ context, complaints, server }, use, testInfo) => {
    const logged = server.log.length;
    await watch(context, complaints.seen);
    await use(context);
    if (testInfo.status !== testInfo.expectedStatus) {
      await testInfo.attach('server.log', { body: server.log.slice(logged), contentType: 'text/plain' });
    }
    const isOfEnded = (text: string, n: number) => complaints.ended.some(({ url, at }) => n >= at && text.includes(`(${url}/`));
    const unexpected = complaints.seen.filter((text, n) => !complaints.allowed.some((pattern) => pattern.test(text)) && !isOfEnded(text, n));
    expect(unexpected, 'the browser complained').toEqual([]);
  },
});

/** Records browser errors of a context. Call it also for contexts of a test: `await watch(other, complaints.seen)`. */
export async function watch(context: BrowserContext, seen: string[]): Promise<void> {
  context.on('console', (message) => {
    if (message.type() === 'error') seen.push(`${message.text()} (${message.location().url})`);
  });
  context.on('weberror', (error) => seen.push(error.error().stack || `${error.error()} (${error.page()?.url()})`));
  // The console does not show violations of a report-only policy.
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`CSP: ${event.effectiveDirective} forbids ${event.blockedURI || 'inline'}`);
    });
  });
}

/** Fills and sends the log-in form. It is found by `autocomplete`, in any language. */
export async function logIn(page: Page, url: string, user: User): Promise<void> {
  await page.goto(`${url}/login`);
  const form = page.locator('form', { has: page.locator('input[autocomplete="current-password"]') });
  await form.locator('input[autocomplete="username"]').fill(user.name);
  await form.locator('input[autocomplete="current-password"]').fill(user.password);
  await form.locator('[type="submit"]').click();
  await page.waitForURL((at) => at.pathname !== '/login');
}

/** Returns a card by the id of its heading. */
export function card(page: Page, id: string): Locator {
  return page.locator(`section[aria-labelledby="${id}"]`);
}

/** Expects WCAG 2.2 AA, as far as axe can check it, or only these rules. */
export async function expectAccessible(page: Page, ...rules: string[]): Promise<void> {
  const axe = new AxeBuilder({ page });
  if (rules.length) axe.withRules(rules);
  // For axe, the rule about visible text in accessible names is experimental; WCAG 2.5.3 requires it.
  else axe.options({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], rules: { 'label-content-name-mismatch': { enabled: true } } });
  // There are no frames. Without legacy mode axe opens a blank page, which takes longer than the analysis.
  const { violations } = await axe.setLegacyMode().analyze();
  const found = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.target).join(', ')}`);
  expect(found, page.url()).toEqual([]);
}

/** Minimum width and height of click targets (WCAG 2.5.8). */
const TARGET = 24;

/** Expects that all click targets are large enough, except links within a sentence. */
export async function expectTargets(page: Page): Promise<void> {
  const small = await page.evaluate((least) => {
    const isInSentence = (element: Element): boolean => {
      const words = (node: Node): boolean => node.nodeType === Node.TEXT_NODE && /[\p{L}\p{N}]/u.test(node.textContent ?? '');
      return getComputedStyle(element).display === 'inline' && Array.from(element.parentElement?.childNodes ?? []).some(words);
    };
    const controls = document.querySelectorAll<HTMLElement>('a[href], button, summary, select, textarea, input:not([type=hidden])');
    return Array.from(controls)
      .filter((control) => control.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true }))
      .filter((control) => !control.closest('.visually-hidden, .skip') && !isInSentence(control))
      .map((control) => {
        // A label is part of the target of its checkbox.
        const boxes = [control, ...Array.from((control as HTMLInputElement).labels ?? [])].map((element) => element.getBoundingClientRect());
        const height = Math.max(...boxes.map((box) => box.height));
        const width = Math.max(...boxes.map((box) => box.width));
        return { name: `${control.tagName.toLowerCase()}.${control.className} «${(control.textContent ?? '').trim().slice(0, 30)}»`, width, height };
      })
      .filter(({ width, height }) => width > 0 && (width < least || height < least))
      .map(({ name, width, height }) => `${name} ${width.toFixed(1)} × ${height.toFixed(1)}`);
  }, TARGET);
  expect(small, `${page.url()} has small targets`).toEqual([]);
}

/** Expects that the page is not wider than the window: only tables and texts scroll horizontally, in scroll boxes. */
export async function expectNoSideways(page: Page): Promise<void> {
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(wider, `${page.url()} is too wide`).toBeLessThanOrEqual(0);
}
