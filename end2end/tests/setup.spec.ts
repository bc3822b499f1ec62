// First start: a one-time link creates the first administrator and leads to the first publish.

import { reads } from '../support/prepare';
import { card, createAdministrator, expect, test } from '../support/test';

const password = 'four random words are good';

for (const scripts of [true, false]) {
  test.describe(scripts ? 'with scripts' : 'without scripts', () => {
    test.use({ javaScriptEnabled: scripts });

    test('from the link to the first publish', async ({ page, freshServer, allowErrors }) => {
      allowErrors(/422 .*\/fn\/set-up/);
      const server = await freshServer();
      // There are no users: the page explains how to create one.
      await page.goto(server.url);
      await expect(page.getByRole('heading', { level: 1 })).toHaveText('No user accounts yet');
      await expect(page.locator('form[action="/fn/log-in"]')).toHaveCount(0);

      const link = await server.setupLink();
      await page.goto(link);
      const field = (name: string) => page.locator(`form[action="/fn/set-up"] [name=${name}]`);
      const make = page.getByRole('button', { name: 'Create administrator' });
      await field('name').fill('Petra');
      await field('password').fill(password);
      await field('again').fill(`${password}.`);
      await make.click();
      await expect(field('again')).toHaveAttribute('aria-invalid', 'true');
      await expect(field('name')).toHaveValue('Petra');
      // The refused form does not contain the passwords.
      await expect(field('password')).toHaveValue('');
      await field('password').fill(password);
      await field('again').fill(password);
      await make.click();

      // The administrator is logged in, on the page of the guided setup.
      await expect(page.getByRole('heading', { level: 1 })).toHaveText('Start with one application');
      await page.locator('[name=app]').fill('shop');
      await page.locator('[name=title]').fill('Web shop');
      await page.getByRole('button', { name: 'Create application' }).click();
      await expect(page.getByRole('heading', { level: 1 })).toHaveText('shop is ready');
      const ready = page.url();

      // A pasted file is reviewed and published.
      await page.getByRole('link', { name: 'Paste or import' }).click();
      await page.locator('[name=text]').fill('DB_URL=mysql://db/shop\nPOOL=16\n');
      await page.getByRole('button', { name: 'Preview' }).click();
      await page.getByRole('button', { name: 'Add 2 edits to my change' }).click();
      await expect(page.locator('#flash')).toContainText('not live yet');
      await page.getByRole('button', { name: 'Publish 2 edits' }).click();
      await expect(page.locator('#flash')).toContainText('Release 1 is delivered');

      // A program reads it with a token.
      await page.goto(ready);
      await page.getByRole('link', { name: 'Create read token' }).click();
      await page.locator('[name=name]').fill('shop');
      await page.getByRole('button', { name: 'Create token' }).click();
      const token = await card(page, 'text').locator('pre').innerText();
      await reads(server, token.trim(), 'dev/shop/application', {
        release: 1, content: { DB_URL: 'mysql://db/shop', POOL: '16' },
      });

      // Three environments; the last one requires a confirmation.
      await page.goto(`${server.url}/envs`);
      const rows = page.locator('table.envs tbody tr');
      await expect(rows).toContainText(['dev', 'staging', 'prod']);
      await expect(rows.last()).toContainText('a reason and the environment name');
      await expect(rows.first()).toContainText('no confirmation');

      // The used link is closed, also without a log-in.
      await page.context().clearCookies();
      await page.goto(link);
      await expect(page.getByRole('heading', { level: 1 })).toHaveText('Setup is already complete');
      await page.getByRole('link', { name: 'Log in' }).click();
      await expect(page).toHaveURL(`${server.url}/login`);
    });

    test('a mistyped link is refused, and the command closes the real one', async ({
      page, freshServer, allowErrors,
    }) => {
      allowErrors(/404 .*\/setup\/|409 .*\/fn\/set-up/);
      const server = await freshServer();
      const link = await server.setupLink();
      const wrong = await page.goto(`${link}0`);
      expect(wrong!.status()).toBe(404);
      await expect(page.getByRole('heading', { level: 1 })).toHaveText('This link is not valid');
      await expect(page.locator('main')).toContainText('Restart the server');
      await expect(page.locator('form[action="/fn/set-up"]')).toHaveCount(0);

      // The real link is open in a browser while the operator creates an administrator.
      await page.goto(link);
      await createAdministrator(server, 'operator');
      await page.locator('[name=name]').fill('intruder');
      await page.locator('[name=password]').fill(password);
      await page.locator('[name=again]').fill(password);
      await page.getByRole('button', { name: 'Create administrator' }).click();
      await expect(page.locator('main')).toContainText(/already complete|already exists/);
      await page.goto(`${server.url}/users`);
      await expect(page).toHaveURL(/\/login\?next=/);
      await page.goto(link);
      await expect(page.getByRole('heading', { level: 1 })).toHaveText('Setup is already complete');
    });
  });
}
