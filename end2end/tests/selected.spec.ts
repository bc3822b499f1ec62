// Selected keys of a config: ranges, all that the filter lists, and what can be done with them.

import type { Page } from '@playwright/test';
import { application, createUser } from '../support/prepare';
import { expect, expectAccessible, expectNoSideways, expectTargets, test, type Server } from '../support/test';

const NAMES = ['alpha', 'beta', 'delta', 'gamma', 'omega'];

/** Publishes keys in an application of its own. Returns the path of its config in dev. */
async function prepare(server: Server, set: Record<string, string>): Promise<string> {
  const { name, api } = await application(server, 'selected');
  await api.publish([{ config: `dev/${name}/application`, set }]);
  return `/configs/dev/${name}/application`;
}

const greek = (server: Server) => prepare(server, Object.fromEntries(NAMES.map((name, n) => [name, String(n)])));
const box = (page: Page, key: string) => page.getByRole('checkbox', { name: `Select ${key}`, exact: true });
const bar = (page: Page) => page.locator('#many');
const act = (page: Page, name: string) => bar(page).getByRole('button', { name, exact: true });
const edited = (page: Page, kind: string) => page.locator(`#items tr.${kind}`);
const alive = (page: Page) => expect(page.locator('html[data-alive]')).toBeAttached();

test.describe('with scripts', () => {
  test.beforeEach(async ({ page, signIn }) => signIn(page));

  test('a range is removed, and reverted with all listed keys', async ({ page, server }) => {
    await page.goto(await greek(server));
    await alive(page);
    await expect(bar(page)).toBeHidden();
    await box(page, 'alpha').check();
    await box(page, 'delta').click({ modifiers: ['Shift'] });
    await expect(bar(page).locator('output')).toHaveText('3 selected');
    await box(page, 'beta').uncheck();
    await expect(bar(page).locator('output')).toHaveText('2 selected');
    const all = page.getByRole('checkbox', { name: 'Select all listed keys' });
    await all.check();
    await expect(bar(page).locator('output')).toHaveText('5 selected');
    for (const name of ['beta', 'gamma', 'omega']) await box(page, name).uncheck();
    await expect(all).not.toBeChecked();
    await expectAccessible(page);
    await expectTargets(page);
    await page.setViewportSize({ width: 320, height: 800 });
    await expectNoSideways(page);
    await expectTargets(page);
    await page.setViewportSize({ width: 1280, height: 800 });
    await act(page, 'Remove').click();
    await expect(edited(page, 'removed')).toHaveCount(2);
    await expect(bar(page)).toBeHidden();

    await page.getByRole('searchbox').fill('delta');
    await page.getByRole('checkbox', { name: 'Select all listed keys' }).check();
    await expect(bar(page).locator('output')).toHaveText('1 selected');
    await act(page, 'Revert edits').click();
    await expect(edited(page, 'removed')).toHaveCount(1);
    await expect(edited(page, 'removed')).toContainText('alpha');
  });

  test('the keyboard alone selects rows', async ({ page, server }) => {
    await page.goto(await greek(server));
    await alive(page);
    await box(page, 'beta').focus();
    await page.keyboard.press('Space');
    await page.keyboard.press('Shift+ArrowDown');
    await page.keyboard.press('Shift+ArrowDown');
    await page.keyboard.press('ArrowDown');
    await expect(box(page, 'omega')).toBeFocused();
    for (const [n, name] of NAMES.entries()) await expect(box(page, name)).toBeChecked({ checked: n >= 1 && n <= 3 });
    await expect(bar(page).locator('output')).toHaveText('3 selected');
  });

  test('five keys go to another environment in a few clicks', async ({ page, server, allowErrors }) => {
    allowErrors(/422 .*\/fn\/edit-keys/);
    await page.goto(await greek(server));
    await alive(page);
    await page.getByRole('checkbox', { name: 'Select all listed keys' }).check();
    await act(page, 'Copy to other configs').click();
    const dialog = page.getByRole('dialog', { name: 'Copy to other configs' });
    await dialog.getByLabel('Another config').fill('nonsense');
    // The Enter key in the field never removes keys.
    await page.keyboard.press('Enter');
    await expect(dialog).toContainText('“nonsense” is not a valid config');
    await expectAccessible(page);
    for (const name of NAMES) await expect(box(page, name)).toBeChecked();
    await dialog.getByLabel('Another config').fill('');
    await dialog.getByRole('checkbox', { name: 'prod' }).check();
    await dialog.getByRole('button', { name: 'Copy into a new change' }).click();
    await expect(page).toHaveURL(/\/changes\//);
    await expect(page.locator('.sum').first()).toContainText('5 added');
  });

  test('selected keys are copied to the clipboard', async ({ page, server, context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: server.url });
    await page.goto(await greek(server));
    await alive(page);
    await box(page, 'beta').check();
    await box(page, 'gamma').check();
    await act(page, '.properties').click();
    await expect(page.locator('#flash')).toHaveText('Copied to the clipboard');
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('beta=1\ngamma=3\n');
    // The selection stays for the next action.
    await expect(bar(page).locator('output')).toHaveText('2 selected');
  });

  test('edits are moved to another change', async ({ page, server }) => {
    const path = await greek(server);
    await page.goto(path);
    await alive(page);
    await box(page, 'alpha').check();
    await box(page, 'beta').check();
    await act(page, 'Remove').click();
    await expect(edited(page, 'removed')).toHaveCount(2);
    await box(page, 'beta').check();
    await act(page, 'Move to another change').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Move to another change' }).click();
    await expect(page).toHaveURL(/\/changes\//);
    await expect(page.locator('.sum').first()).toContainText('1 removed');
  });

  test('a selection in 10,000 keys includes rows that are not in the page', async ({ page, server }) => {
    test.skip(test.info().project.name === 'cluster', 'as on the embedded set-up');
    test.setTimeout(60_000);
    const key = (n: number) => `key.${String(n).padStart(5, '0')}`;
    const set = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [key(n), `value ${n}`]));
    await page.goto(await prepare(server, set));
    await alive(page);
    const output = bar(page).locator('output');
    const jump = (share: number) => page.evaluate((share) => scrollTo(0, document.documentElement.scrollHeight * share), share);

    // All that a filter lists, except one.
    await page.getByRole('searchbox').fill('key.098');
    await expect(page.locator('search output')).toHaveText('100 of 10,000');
    await page.getByRole('checkbox', { name: 'Select all listed keys' }).check();
    await expect(output).toHaveText('100 selected');
    await box(page, key(9_801)).uncheck();
    await expect(output).toHaveText('99 selected');
    await act(page, 'Remove').click();
    await expect(page.locator('#my-change .sum')).toContainText('99 removed');
    await expect(bar(page)).toBeHidden();
    await page.getByRole('searchbox').fill('');

    // A range whose rows between are loaded for it.
    await expect(page.locator('#items')).toHaveAttribute('aria-rowcount', '10001');
    await page.evaluate(() => scrollTo(0, 0));
    await box(page, key(3)).check();
    await jump(0.04);
    const far = page.locator('#items td.pick input').nth(60);
    const last = Number((await far.getAttribute('value'))!.slice(4));
    await far.click({ modifiers: ['Shift'] });
    await expect(output).toHaveText(`${last - 2} selected`);
    // They stay selected when they leave the page and come back.
    await jump(0.9);
    await expect(box(page, key(20))).not.toBeAttached();
    await page.evaluate(() => scrollTo(0, 0));
    await expect(box(page, key(20))).toBeChecked();
    await expect(box(page, key(2))).not.toBeChecked();
    await act(page, 'Remove').click();
    await expect(page.locator('#my-change .sum')).toContainText(`${99 + last - 2} removed`);
  });
});

test.describe('without scripts', () => {
  test.use({ javaScriptEnabled: false });

  test('selected keys and all that a filter lists are removed', async ({ page, server, signIn }) => {
    await signIn(page);
    const path = await greek(server);
    await page.goto(path);
    await expect(bar(page)).toBeHidden();
    await box(page, 'omega').check();
    await act(page, 'Remove').click();
    await expect(edited(page, 'removed')).toHaveCount(1);
    // “a” is in all of them, “lt” in one.
    await page.getByRole('searchbox').fill('lt');
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByRole('checkbox', { name: 'Select all listed keys' }).check();
    await act(page, 'Remove').click();
    await expect(page.getByRole('searchbox')).toHaveValue('lt');
    await page.goto(path);
    await expect(edited(page, 'removed')).toHaveCount(2);
    const file = page.waitForEvent('download');
    await box(page, 'alpha').check();
    await act(page, '.properties').click();
    expect((await file).suggestedFilename()).toMatch(/^dev-.*-application\.properties$/);
  });
});

test.describe('items as one text', () => {
  test('the difference of the text is saved, and mistakes are named while typing', async ({ page, server, signIn, allowErrors }) => {
    allowErrors(/422 .*\/fn\/save-items/);
    await signIn(page);
    await page.goto(await greek(server));
    await alive(page);
    await page.getByRole('link', { name: 'Edit as text' }).click();
    await page.getByRole('navigation', { name: 'Format of the text' }).getByRole('link', { name: '.json' }).click();
    const editor = page.getByRole('textbox', { name: 'Items as text' });
    await expect(editor).toContainText('"beta": "1"');
    await expectAccessible(page);
    await expectNoSideways(page);
    await editor.fill('{\n  "alpha": "0",\n  oops\n}');
    await expect(page.locator('.code-editor')).toContainText('Line 3, column 3');
    // The check while typing names the mistake, too, so it does not show that the refusal has come.
    const refused = page.waitForResponse((response) => response.url().endsWith('/fn/save-items'));
    await page.getByRole('button', { name: 'Save' }).click();
    expect((await refused).status()).toBe(422);
    await expect(page.locator('form[aria-busy]')).toHaveCount(0);
    await expect(page.locator('.wrong')).toBeVisible();
    // As a person selects and types: `fill` selects behind the back of the editor, which has just been made again.
    await editor.press('ControlOrMeta+a');
    await page.keyboard.insertText('{"alpha": "0",\n "beta": "one", "new": "2"}');
    await page.getByRole('button', { name: 'Save' }).click();
    await expect(page).toHaveURL(/\/application$/);
    await expect(page.locator('#my-change .sum')).toHaveText('1 added1 changed3 removed');
  });

  test('a viewer reads the text', async ({ page, server, demo, administrator, another }) => {
    const viewer = await another(await createUser(demo, administrator, 'reader', { '*/*/*': 'viewer' }));
    await viewer.goto('/configs/dev/shop/application');
    await viewer.getByRole('link', { name: 'View as text' }).click();
    await expect(viewer.locator('.document')).toContainText('checkout.timeout_ms=3000');
    await expect(viewer.getByRole('button', { name: 'Save' })).toHaveCount(0);
  });
});
