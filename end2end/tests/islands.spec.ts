// Islands: the WASM of the release build starts on every page, and each part works.

import { application } from '../support/prepare';
import { expect, test } from '../support/test';

test.use({ contextOptions: { reducedMotion: 'no-preference' } });

test.beforeEach(async ({ page, signIn }) => signIn(page));

const alive = 'html[data-alive]';

test('scripts start, and buttons copy', async ({ page, server, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: server.url });
  const { name: app } = await application(server);
  await page.goto(`/configs/dev/${app}/application/use`);
  await expect(page.locator(alive)).toBeAttached();
  const code = page.locator('.code').first();
  const text = await code.locator('pre').innerText();
  await code.getByRole('button', { name: 'Copy' }).click();
  await expect(code.getByRole('button', { name: 'Copied' })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(text);
});

test('rows are filtered while typing, and the filter survives an edit', async ({ page, server }) => {
  const { name: app, api } = await application(server);
  const set = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`key.${n}`, `value ${n % 7}`]));
  await api.publish([{ config: `dev/${app}/application`, set }]);
  await page.goto(`/configs/dev/${app}/application`);
  await expect(page.locator(alive)).toBeAttached();
  const rows = page.locator('table.items tbody tr:visible');
  await expect(rows).toHaveCount(40);
  await page.keyboard.press('/');
  await expect(page.getByRole('searchbox')).toBeFocused();
  await page.keyboard.type('key.3 value');
  await expect(rows).toHaveCount(11);
  await expect(page.locator('search output')).toHaveText('11 of 40');
  await page.getByRole('searchbox').fill('key.33');
  await expect(rows).toHaveCount(1);
  await page.getByRole('link', { name: 'key.33' }).click();
  await page.locator('#item [name=value]').fill('other');
  await page.locator('#item button.primary').click();
  await expect(page.getByRole('searchbox')).toHaveValue('key.33');
  await expect(rows).toHaveText(/value 5 other/);
  await page.getByRole('searchbox').fill('nothing like it');
  await expect(page.locator('search output')).toHaveText('No matches');
  await page.getByRole('searchbox').fill('');
  await expect(rows).toHaveCount(40);
});

test('the theme changes in place, and a change of language keeps the input', async ({ page, server }) => {
  const { name: app } = await application(server);
  await page.goto(`/configs/dev/${app}/application?add=true`);
  await expect(page.locator(alive)).toBeAttached();
  await page.locator('#item [name=key]').fill('half.typed');
  await page.locator('#item [name=value]').fill('商店');
  await page.locator('header summary').click();
  await page.locator('header button[value=dark]').click();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await expect(page.locator('#item [name=key]')).toHaveValue('half.typed');
  if (!(await page.locator('header button', { hasText: '中文' }).isVisible())) await page.locator('header summary').click();
  await page.locator('header button', { hasText: '中文' }).click();
  await expect(page.locator('html')).toHaveAttribute('lang', 'zh');
  await expect(page.locator(alive)).toBeAttached();
  await expect(page.locator('#item [name=key]')).toHaveValue('half.typed');
  await expect(page.locator('#item [name=value]')).toHaveValue('商店');
  // The server has rendered this page in the theme.
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
});

test('n and p step through differences, and are ignored in fields', async ({ page, server }) => {
  const { name: app, api } = await application(server);
  await api.publish([{ config: `dev/${app}/application`, set: { a: '1', b: '2', c: '3' } }]);
  await page.goto(`/configs/dev/${app}/application/difference`);
  await expect(page.locator(alive)).toBeAttached();
  const here = page.locator('[data-hunk]:focus');
  await page.keyboard.press('n');
  await expect(here).toContainText('a');
  await page.keyboard.press('n');
  await expect(here).toContainText('b');
  await page.keyboard.press('p');
  await page.keyboard.press('p');
  await expect(here).toContainText('c');
  await page.goto(`/configs/dev/${app}/application?edit=a`);
  await expect(page.locator(alive)).toBeAttached();
  await page.locator('#item [name=value]').fill('');
  await page.keyboard.type('n/p');
  await expect(page.locator('#item [name=value]')).toHaveValue('n/p');
});

test('a menu closes on Escape, returning the focus, and on a click elsewhere', async ({ page }) => {
  await page.goto('/');
  await expect(page.locator(alive)).toBeAttached();
  const menu = page.locator('header details.menu');
  await menu.locator('summary').click();
  await expect(menu).toHaveAttribute('open');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Escape');
  await expect(menu).not.toHaveAttribute('open');
  await expect(menu.locator('summary')).toBeFocused();
  await menu.locator('summary').click();
  await page.locator('h1').click();
  await expect(menu).not.toHaveAttribute('open');
});

test('a dialog returns the focus', async ({ page, server }) => {
  const { name: app } = await application(server);
  await page.goto(`/apps/${app}/about`);
  const archive = page.getByRole('button', { name: 'Archive' });
  await archive.focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await expect(archive).toBeFocused();
});

test('a form that cannot reach the server shows an error and keeps the input', async ({ page, server, allowErrors }) => {
  allowErrors(/ERR_INTERNET_DISCONNECTED|Failed to fetch/);
  const { name: app } = await application(server);
  await page.goto(`/configs/dev/${app}/application?add=true`);
  await expect(page.locator(alive)).toBeAttached();
  await page.locator('#item [name=key]').fill('a');
  await page.locator('#item [name=value]').fill('typed offline');
  await page.context().setOffline(true);
  await page.locator('#item button.primary').click();
  await expect(page.getByRole('alert')).toContainText('The server could not be reached');
  await expect(page.locator('#item [name=value]')).toHaveValue('typed offline');
  await page.context().setOffline(false);
  await page.locator('#item button.primary').click();
  await expect(page.locator('table.items')).toContainText('typed offline');
});
