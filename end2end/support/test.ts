// What every test imports instead of '@playwright/test'.
//
//   server       the server that this worker's tests share; page.goto('/…') goes there
//   freshServer  starts one of this test's own (empty, or a second node beside another)
//   signIn       signs a page in as an administrator
//   allowErrors  names an error that a test provokes on purpose
//
// A test fails on anything that the browser complains about: errors on the console, exceptions, CSP violations.

import { AxeBuilder } from '@axe-core/playwright';
import { expect, test as base, type BrowserContext, type Page } from '@playwright/test';
import { randomBytes } from 'node:crypto';
import { Server, type Setup } from './server';

export { expect, Server };

export interface Options {
  setup: Setup;
}

export interface User {
  name: string;
  password: string;
}

interface WorkerFixtures extends Options {
  server: Server;
  administrator: User;
}

interface TestFixtures {
  freshServer: (beside?: Server) => Promise<Server>;
  signIn: (page: Page, user?: User) => Promise<void>;
  allowErrors: (pattern: RegExp) => void;
  complaints: { seen: string[]; allowed: RegExp[] };
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

  baseURL: async ({ server }, use) => use(server.url),

  freshServer: async ({ setup }, use, testInfo) => {
    const servers: Server[] = [];
    await use(async (beside) => {
      const server = await Server.start(setup, beside);
      servers.push(server);
      return server;
    });
    const failed = testInfo.status !== testInfo.expectedStatus;
    // The second node first: the database goes with the first one.
    for (const server of servers.reverse()) {
      if (failed) await testInfo.attach('fresh-server.log', { body: server.log, contentType: 'text/plain' });
      await server.stop();
    }
  },

  // Not a plain dependency on `administrator`: tests of an empty server must not find one there.
  signIn: async ({ server, administrator }, use) => {
    await use(async (page, user = administrator) => signIn(page, server.url, user));
  },

  complaints: async ({}, use) => use({ seen: [], allowed: [] }),

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
    const unexpected = complaints.seen.filter((text) => !complaints.allowed.some((pattern) => pattern.test(text)));
    expect(unexpected, 'the browser complained').toEqual([]);
  },
});

/** Also for contexts that a test opens itself: `await watch(other, complaints.seen)`. */
export async function watch(context: BrowserContext, seen: string[]): Promise<void> {
  context.on('console', (message) => {
    if (message.type() === 'error') seen.push(`${message.text()} (${message.location().url})`);
  });
  context.on('weberror', (error) => seen.push(`${error.error().stack ?? error.error()}`));
  // The console shows most violations, but not those of a report-only policy.
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`CSP: ${event.effectiveDirective} forbids ${event.blockedURI || 'inline'}`);
    });
  });
}

/** An administrator on any server, through the command line: no page is needed for it. */
export async function createAdministrator(server: Server, name: string): Promise<User> {
  const password = randomBytes(12).toString('base64url');
  await server.cli(['admin', 'create', name, '--password-stdin'], `${password}\n`);
  return { name, password };
}

/** Fills the log-in form, which password managers and we find by its `autocomplete`, in whatever language it is. */
export async function signIn(page: Page, url: string, user: User): Promise<void> {
  await page.goto(`${url}/login`);
  const form = page.locator('form', { has: page.locator('input[autocomplete="current-password"]') });
  await form.locator('input[autocomplete="username"]').fill(user.name);
  await form.locator('input[autocomplete="current-password"]').fill(user.password);
  await form.locator('[type="submit"]').click();
  await page.waitForURL((at) => at.pathname !== '/login');
}

/** WCAG 2.2 AA, as far as axe can see. */
export async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])
    .analyze();
  const found = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.target).join(', ')}`);
  expect(found).toEqual([]);
}
