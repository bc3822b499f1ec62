// The search: its page, without scripts too, and the palette.

import { application, createUser, unique } from '../support/prepare';
import { expect, expectAccessible, test } from '../support/test';

const alive = 'html[data-alive]';

test.describe('without scripts', () => {
  test.use({ javaScriptEnabled: false });

  test('a hit leads to the key, and only to those that the user may see', async ({ page, server, administrator, signIn }) => {
    const { name: app, api } = await application(server);
    const needle = unique('needle');
    const set = { 'db.url': `mysql://${needle}/x`, [`${needle}.key`]: '1' };
    await api.publish([{ config: `dev/${app}/application`, set }, { config: `prod/${app}/application`, set }]);
    await signIn(page, await createUser(server, administrator, 'vera', { [`dev/${app}/*`]: 'viewer' }));
    await page.goto('/');
    await page.getByRole('link', { name: 'Search' }).click();
    await expect(page).toHaveURL(`${server.url}/search`);
    await page.getByRole('searchbox').fill(needle.toUpperCase());
    await page.getByRole('searchbox').press('Enter');
    const hits = page.locator('.hits > li');
    await expect(hits).toHaveCount(2);
    await expect(hits.nth(0)).toContainText(`${needle}.key`);
    await expect(hits.nth(1).locator('mark')).toHaveText(needle);
    await hits.nth(1).getByRole('link').click();
    await expect(page).toHaveURL(`${server.url}/configs/dev/${app}/application?q=db.url`);
    await page.goto(`/search?q=${needle}+env:prod`);
    await expect(page.getByText('No matches')).toBeVisible();
  });

  test('an editor comes to the form of the key, and a long list has pages', async ({ page, server, signIn }) => {
    const { name: app, api } = await application(server);
    const word = unique('many').replaceAll('-', '');
    const set = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`${word}.${n}`, `value ${n}`]));
    await api.publish([{ config: `dev/${app}/application`, set }]);
    await signIn(page);
    await page.goto(`/search?q=${word}`);
    await expect(page.getByText('60 matches')).toBeVisible();
    await expect(page.locator('.hits > li')).toHaveCount(50);
    await page.getByRole('link', { name: 'Next' }).click();
    await expect(page.locator('.hits > li')).toHaveCount(10);
    await page.getByRole('link', { name: `${word}.55` }).click();
    await expect(page).toHaveURL(`${server.url}/configs/dev/${app}/application?edit=${word}.55#edit`);
    await expect(page.locator('#item [name=value]')).toHaveValue('value 55');
  });
});

test.describe('palette', () => {
  test.beforeEach(async ({ page, signIn }) => signIn(page));

  test('finds a key by keyboard alone', async ({ page, server }) => {
    const { name: app, api } = await application(server);
    const needle = unique('needle');
    await api.publish([{ config: `dev/${app}/application`, set: { [`${needle}.one`]: '1', [`${needle}.two`]: '2' } }]);
    await page.goto('/apps');
    await expect(page.locator(alive)).toBeAttached();
    await page.keyboard.press('ControlOrMeta+k');
    const field = page.getByRole('combobox');
    await expect(field).toBeFocused();
    await page.keyboard.type(needle);
    const options = page.getByRole('option');
    await expect(options).toHaveText([/one/, /two/, 'Show all results']);
    await expect(page.locator('#palette-status')).toHaveText('2 results');
    await expect(options.nth(0)).toHaveAttribute('aria-selected', 'true');
    await expectAccessible(page);
    await page.keyboard.press('ArrowDown');
    await expect(options.nth(1)).toHaveAttribute('aria-selected', 'true');
    await expect(field).toHaveAttribute('aria-activedescendant', 'palette-1');
    await page.keyboard.press('Enter');
    await expect(page).toHaveURL(`${server.url}/configs/dev/${app}/application?edit=${needle}.two#edit`);
  });

  test('Escape closes it and returns the focus', async ({ page }) => {
    await page.goto('/apps');
    await expect(page.locator(alive)).toBeAttached();
    const link = page.getByRole('link', { name: 'Search' });
    await link.focus();
    await page.keyboard.press('Enter');
    await expect(page.getByRole('combobox')).toBeFocused();
    await expect(page.getByRole('option').first()).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(page.getByRole('combobox')).toBeHidden();
    await expect(link).toBeFocused();
  });

  test('finds actions, and shows the last answer only', async ({ page, server }) => {
    await page.goto('/');
    await expect(page.locator(alive)).toBeAttached();
    await page.keyboard.press('ControlOrMeta+k');
    await page.keyboard.type('nothing-like-it');
    await expect(page.locator('#palette-status')).toHaveText('No matches');
    await page.getByRole('combobox').fill('add user');
    await page.getByRole('option', { name: 'Add a user' }).click();
    await expect(page).toHaveURL(`${server.url}/users/new`);
  });
});
