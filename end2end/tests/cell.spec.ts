// Editing values in their rows, and undo and redo of saved edits.

import type { Page } from '@playwright/test';
import { application } from '../support/prepare';
import { expect, expectAccessible, expectNoSideways, expectTargets, test, type Server } from '../support/test';

async function prepare(server: Server, set: Record<string, string | { value: string; type: string }>): Promise<string> {
  const { name, api } = await application(server, 'cell');
  await api.publish([{ config: `dev/${name}/application`, set }]);
  return `/configs/dev/${name}/application`;
}

const cell = (page: Page, key: string) =>
  page.locator('#items tr').filter({ has: page.getByRole('checkbox', { name: `Select ${key}`, exact: true }) }).locator('td.v');
/** Opens the form of a value in its row. */
async function open(page: Page, key: string): Promise<void> {
  await cell(page, key).click();
  await expect(cell(page, key).locator('[name=value]').first()).toBeVisible();
  await expect(page.locator(':focus')).toHaveAttribute('name', 'value');
}
const alive = (page: Page) => expect(page.locator('html[data-alive]')).toBeAttached();

test.describe('with scripts', () => {
  test.beforeEach(async ({ page, signIn }) => signIn(page));

  test('a value is edited in its row, and Tab leads on', async ({ page, server }) => {
    await page.goto(await prepare(server, { alpha: '1', beta: '2', delta: '3' }));
    await alive(page);
    await open(page, 'alpha');
    const field = page.getByLabel('Value', { exact: true });
    await expect(field).toBeFocused();
    await expect(field).toHaveValue('1');
    await expectAccessible(page);
    await expectTargets(page);
    await page.keyboard.type('10');
    await page.keyboard.press('Tab');
    // The first is saved, the second is open.
    await expect(cell(page, 'alpha')).toContainText('10');
    await expect(cell(page, 'beta').getByLabel('Value', { exact: true })).toBeFocused();
    // An unchanged value is not saved.
    await page.keyboard.press('Tab');
    await expect(cell(page, 'delta').getByLabel('Value', { exact: true })).toBeFocused();
    await page.keyboard.press('Shift+Tab');
    await expect(cell(page, 'beta').getByLabel('Value', { exact: true })).toBeFocused();
    await page.keyboard.type('nobody wants this');
    await page.keyboard.press('Escape');
    await expect(cell(page, 'beta')).toHaveText('2');
    await expect(page.getByRole('link', { name: 'beta', exact: true })).toBeFocused();
    await page.keyboard.press('F2');
    await expect(field).toBeFocused();
    await page.keyboard.type('20');
    await page.keyboard.press('Enter');
    await expect(cell(page, 'beta')).toContainText('20');
    await expect(page.getByRole('link', { name: 'beta', exact: true })).toBeFocused();
    await expect(page.locator('#items tr.changed')).toHaveCount(2);
    await page.setViewportSize({ width: 320, height: 800 });
    await open(page, 'delta');
    await expect(field).toBeFocused();
    await expectNoSideways(page);
    await expectTargets(page);
  });

  test('each type has a field that fits, and mistakes are named while typing', async ({ page, server, allowErrors }) => {
    allowErrors(/422 .*\/fn\/save-item/);
    const path = await prepare(server, {
      on: { value: 'true', type: 'boolean' },
      port: { value: '80', type: 'number' },
      shape: { value: '{"a":1}', type: 'json' },
      long: 'l'.repeat(200),
    });
    await page.goto(path);
    await alive(page);
    await open(page, 'on');
    await expect(page.getByRole('radio', { name: 'true' })).toBeFocused();
    await expectAccessible(page);
    await expectTargets(page);
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await expect(cell(page, 'on')).toContainText('false');

    await open(page, 'port');
    const field = page.getByLabel('Value', { exact: true });
    await expect(field).toHaveAttribute('inputmode', 'decimal');
    await page.keyboard.type('8o');
    await expect(cell(page, 'port').locator('.wrong')).toContainText('number');
    await expect(field).toHaveAttribute('aria-invalid', 'true');
    await expectAccessible(page);
    // The refused value is kept in the form of the whole key.
    await page.keyboard.press('Enter');
    const form = page.locator('#edit');
    await expect(form.getByLabel('Value', { exact: true })).toHaveValue('8o');
    await expect(form).toContainText('number');
    await form.getByLabel('Value', { exact: true }).fill('81');
    await expect(form.locator('.wrong')).toBeHidden();
    await form.getByRole('button', { name: 'Save' }).click();
    await expect(cell(page, 'port')).toContainText('81');

    // JSON and long values open the form with the editor.
    await cell(page, 'shape').click();
    await expect(page.locator('#edit .cm-editor')).toBeVisible();
    await page.getByRole('link', { name: 'Cancel' }).click();
    await cell(page, 'long').click();
    await expect(page.locator('#edit .cm-editor')).toBeVisible();
  });

  test('a value of a long table is edited in its row', async ({ page, server }) => {
    const set = Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`key.${String(n).padStart(4, '0')}`, String(n)]));
    await page.goto(`${await prepare(server, set)}?at=key.1500#at`);
    await alive(page);
    await open(page, 'key.1500');
    await page.keyboard.type('new');
    await page.keyboard.press('Tab');
    await expect(cell(page, 'key.1501').getByLabel('Value', { exact: true })).toBeFocused();
    await expect(cell(page, 'key.1500')).toContainText('new');
  });

  test('saved edits are undone and redone with the keyboard', async ({ page, server }) => {
    await page.goto(await prepare(server, { alpha: '1', beta: '2' }));
    await alive(page);
    for (const [key, value] of [['alpha', '10'], ['beta', '20']] as const) {
      await open(page, key);
      await page.keyboard.type(value);
      await page.keyboard.press('Enter');
      await expect(cell(page, key)).toContainText(value);
    }
    await expectAccessible(page);
    await page.keyboard.press('Control+z');
    await expect(cell(page, 'beta')).toHaveText('2');
    await page.keyboard.press('Control+z');
    await expect(cell(page, 'alpha')).toHaveText('1');
    await expect(page.getByRole('button', { name: 'Undo', exact: true })).toHaveCount(0);
    await page.keyboard.press('Control+Shift+Z');
    await expect(cell(page, 'alpha')).toContainText('10');
    await page.keyboard.press('Control+y');
    await expect(cell(page, 'beta')).toContainText('20');
  });
});

test.describe('without scripts', () => {
  test.use({ javaScriptEnabled: false });

  test('the form of a key has the fields, and a button undoes', async ({ page, server, signIn }) => {
    await signIn(page);
    const path = await prepare(server, { on: { value: 'true', type: 'boolean' } });
    await page.goto(`${path}?edit=on`);
    await page.getByRole('radio', { name: 'false' }).check();
    await page.getByRole('button', { name: 'Save' }).click();
    await expect(cell(page, 'on')).toContainText('false');
    await page.getByRole('button', { name: 'Undo', exact: true }).click();
    await expect(page.locator('#flash')).toContainText('undone');
    await expect(cell(page, 'on')).toHaveText('true');
    await page.getByRole('button', { name: 'Redo', exact: true }).click();
    await expect(cell(page, 'on')).toContainText('false');
  });
});
