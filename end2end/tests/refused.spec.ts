// Every form, refused once: the response has the status of the refusal, the form keeps its input, the invalid field
// shows the error and has the focus, and there are no browser errors.

import type { Page } from '@playwright/test';
import { application, createUser, type User } from '../support/prepare';
import { card, expect, expectAccessible, test } from '../support/test';

interface Ready {
  app: string;
  taken: User;
  page: Page;
}

interface Case {
  /** Address of the page with the form. */
  at: (ready: Ready) => string | Promise<string>;
  /** Server function that the form posts to, or a path. */
  form: string;
  /** Input. */
  type: (ready: Ready) => Record<string, string>;
  /** Invalid field. */
  wrong: string;
}

const long = 'x'.repeat(2001);
const config = ({ app }: Ready) => `/configs/prod/${app}/application`;
const text = ({ app }: Ready) => `/configs/prod/${app}/routes`;

const cases: Record<string, Case> = {
  'creating an application': { at: () => '/apps', form: 'create-app', type: () => ({ app: 'Not A Name', title: 'Kept' }), wrong: 'app' },
  'an application that already exists': { at: () => '/apps', form: 'create-app', type: ({ app }) => ({ app, title: 'Kept' }), wrong: 'app' },
  'describing an application': {
    at: ({ app }) => `/apps/${app}/about`, form: 'describe-app', type: () => ({ title: 'Kept', description: long }), wrong: 'description',
  },
  'creating a namespace': {
    at: ({ app }) => `/apps/${app}`, form: 'create-namespace', type: () => ({ namespace: 'routes', description: 'Kept' }), wrong: 'namespace',
  },
  'describing a namespace': {
    at: ({ app }) => `/apps/${app}/namespaces/routes`, form: 'change-namespace', type: () => ({ description: long }), wrong: 'description',
  },
  'creating an environment': { at: () => '/envs', form: 'create-env', type: () => ({ env: '../etc', title: 'Kept' }), wrong: 'env' },
  'changing an environment': { at: () => '/envs/dev', form: 'change-env', type: () => ({ title: long }), wrong: 'title' },
  'a new key': { at: (r) => `${config(r)}?add=true`, form: 'save-item', type: () => ({ key: ' blank', value: 'kept', comment: 'kept' }), wrong: 'key' },
  'a key that already exists': { at: (r) => `${config(r)}?add=true`, form: 'save-item', type: () => ({ key: 'pool', value: 'kept', comment: 'kept' }), wrong: 'key' },
  'a value': { at: (r) => `${config(r)}?edit=pool`, form: 'save-item', type: () => ({ value: 'many', comment: 'kept' }), wrong: 'value' },
  'a comment': { at: (r) => `${config(r)}?edit=pool`, form: 'save-item', type: () => ({ value: '17', comment: long }), wrong: 'comment' },
  'a text': { at: text, form: 'save-text', type: () => ({ text: 'a: [1\nb: 2\n' }), wrong: 'text' },
  'publishing': { at: config, form: 'publish', type: () => ({ message: 'Kept', confirm: 'pro' }), wrong: 'confirm' },
  'publishing without a reason': { at: config, form: 'publish', type: () => ({ message: ' ', confirm: 'prod' }), wrong: 'message' },
  'a rollback': { at: (r) => `${config(r)}/releases/1`, form: 'roll-back', type: () => ({ message: long, confirm: 'prod' }), wrong: 'message' },
  'describing a change': {
    at: async ({ page }) => {
      await page.goto('/changes');
      return (await card(page, 'mine').locator('.list a[href^="/changes/"]').first().getAttribute('href'))!;
    },
    form: 'describe-change', type: () => ({ message: long }), wrong: 'message',
  },
  'creating a user': {
    at: () => '/users/new', form: 'create-user', type: ({ taken }) => ({ name: taken.name, password: 'long enough to be taken', 'roles[0][namespace]': 'kept' }), wrong: 'name',
  },
  'an initial password': { at: () => '/users/new', form: 'create-user', type: () => ({ name: 'kept', password: 'short' }), wrong: 'password' },
  'a role': {
    at: () => '/users/new', form: 'create-user',
    type: () => ({ name: 'kept', password: 'long enough to be taken', 'roles[0][role]': 'viewer', 'roles[0][namespace]': 'Not A Name' }),
    wrong: 'roles[0][namespace]',
  },
  'changing a user': {
    at: async ({ page, taken }) => {
      await page.goto('/users');
      return (await page.getByRole('link', { name: taken.name }).getAttribute('href'))!;
    },
    form: 'change-user', type: () => ({ 'roles[0][role]': 'owner', 'roles[0][namespace]': '?' }), wrong: 'roles[0][namespace]',
  },
  'a new password': {
    at: async ({ page, taken }) => {
      await page.goto('/users');
      return (await page.getByRole('link', { name: taken.name }).getAttribute('href'))!;
    },
    form: 'reset-password', type: () => ({ password: 'password1234' }), wrong: 'password',
  },
  'the own password': {
    at: () => '/account', form: 'change-password', type: () => ({ current: 'wrong', password: 'long enough to be taken', again: 'long enough to be taken' }), wrong: 'current',
  },
  'creating a token': {
    at: () => '/tokens/new', form: '/tokens/new', type: ({ app }) => ({ name: ' ', 'patterns[0][app]': app, 'patterns[0][namespace]': 'kept' }), wrong: 'name',
  },
  'the scope of a token': {
    at: () => '/tokens/new', form: '/tokens/new', type: ({ app }) => ({ name: 'kept', 'patterns[1][app]': app, 'patterns[1][namespace]': 'Not A Name' }),
    wrong: 'patterns[1][namespace]',
  },
  'the guided setup': { at: () => '/start', form: 'guided-start', type: () => ({ app: 'Web Shop', title: 'Kept' }), wrong: 'app' },
};

for (const scripts of [true, false]) {
  test.describe(scripts ? 'with scripts' : 'without scripts', () => {
    test.use({ javaScriptEnabled: scripts });
    test.skip(({ setup }) => setup === 'cluster' && !scripts, 'as on the embedded set-up');

    const ready = {} as Ready;
    test.beforeEach(async ({ server, administrator, another, allowErrors }) => {
      allowErrors(/the server responded with a status of 4(09|22) /);
      // Once for each worker: refused forms change nothing.
      if (!ready.app) {
        const { name, api } = await application(server);
        const of = `prod/${name}/application`;
        await api.publish([{ config: of, set: { pool: { value: '16', type: 'number' } } }, { config: `prod/${name}/routes`, text: 'a: 1\n' }]);
        await api.publish([{ config: of, set: { pool: { value: '32', type: 'number' } } }]);
        ready.app = name;
        ready.taken = await createUser(server, administrator, 'taken', { [`dev/${name}/*`]: 'viewer' });
        // An edit to publish.
        const page = await another(administrator);
        await page.goto(`/configs/${of}?add=true`);
        await page.locator('#item [name=key]').fill('other.key');
        await page.locator('#item [name=value]').fill('1');
        await page.locator('#item button.primary').click();
        await expect(page.locator('#flash')).toContainText('Saved in your change');
      }
      ready.page = await another(administrator);
    });

    for (const [name, { at, form: of, type, wrong }] of Object.entries(cases)) {
      test(name, async () => {
        const { page } = ready;
        await page.goto(await at(ready));
        const form = page.locator(`form[action="${of.startsWith('/') ? of : `/fn/${of}`}"]`).first();
        const reveal = page.locator('details:not([open])').filter({ has: form });
        if (await reveal.count()) await reveal.locator('summary').first().click();
        const typed = type(ready);
        for (const [field, value] of Object.entries(typed)) {
          const control = form.locator(`[name="${field}"]`);
          if ((await control.evaluate((element) => element.tagName)) === 'SELECT') await control.selectOption(value);
          else await control.fill(value);
        }
        const [answer] = await Promise.all([
          // Values are also checked while they are typed.
          page.waitForResponse((response) => response.request().method() === 'POST' && !response.url().endsWith('/fn/check-text')),
          form.locator('button[type=submit]:not([form])').last().click(),
        ]);
        expect(answer.status()).toBeGreaterThanOrEqual(400);

        const field = form.locator(`[name="${wrong}"]`);
        await expect(field).toHaveAttribute('aria-invalid', 'true');
        await expect(form.locator('[name][aria-invalid=true]')).toHaveCount(1);
        const said = (await field.getAttribute('aria-describedby'))!.split(' ').find((id) => id.endsWith('-error'));
        await expect(page.locator(`[id="${said}"]`)).toHaveText(/\S/);
        await expect(field).toBeVisible();
        // The editor of a text hands on what concerns its field.
        const editor = form.locator('.cm-content');
        await expect((await editor.count()) ? editor : field).toBeFocused();
        for (const [field, value] of Object.entries(typed)) {
          const control = form.locator(`[name="${field}"]`);
          // A page with passwords would stay in the cache of the browser.
          const secret = (await control.getAttribute('type')) === 'password';
          await expect(control, field).toHaveValue(secret ? '' : value);
        }
        // Only the field shows the error.
        await expect(page.locator('#notice')).toBeEmpty();
        if (scripts) await expectAccessible(page);
      });
    }
  });
}
