// The pages of a config: editing, merging, texts, import, rollback; with and without scripts.

import type { Page } from '@playwright/test';
import { application, createAdministrator, unique } from '../support/prepare';
import { expect, test, type Server } from '../support/test';

const hostile = `</textarea><script>document.title='owned'</script>"'><img src=x onerror="document.title='owned'">{{7*7}}<!--\u2028`;

/** Creates an application with a few releases in prod. Returns the address of its configs there. */
async function prepare(server: Server): Promise<string> {
  const { name, api } = await application(server, 'config');
  const config = `prod/${name}/application`;
  const first = { 'db.url': 'mysql://db/shop', 'db.pool': { value: '16', type: 'number' }, hostile };
  await api.publish([{ config, set: first }, { config: `prod/${name}/routes`, text: 'a: 1\r\nb: 2\nc: 3\r\n' }]);
  await api.publish([{ config, set: { 'db.pool': { value: '32', type: 'number' } } }]);
  return `/configs/prod/${name}`;
}

async function edit(page: Page, path: string, key: string, value: string): Promise<void> {
  await page.goto(`${path}/application?edit=${key}`);
  await page.locator('#item [name=value]').fill(value);
  await page.locator('#item button.primary').click();
}

async function publish(page: Page): Promise<void> {
  await page.locator('#publish [name=message]').fill('because');
  await page.locator('#publish [name=confirm]').fill('prod');
  await page.locator('#publish button').click();
  await expect(page.locator('#flash')).toContainText('is delivered');
}

const row = (page: Page, key: string) => page.locator('table.items tbody tr').filter({ has: page.getByRole('link', { name: key, exact: true }) });

for (const scripts of [true, false]) {
  test.describe(scripts ? 'with scripts' : 'without scripts', () => {
    test.use({ javaScriptEnabled: scripts });

    let path: string;
    test.beforeEach(async ({ page, server, signIn }) => {
      path = await prepare(server);
      await signIn(page);
    });

    test('a key is added, changed, removed and reverted', async ({ page, allowErrors }) => {
      allowErrors(/422/);
      await page.goto(`${path}/application`);
      await page.getByRole('link', { name: 'Add key' }).click();
      await page.locator('#item [name=key]').fill('new.key');
      await page.locator('#item [name=value]').fill(hostile);
      await page.locator('#item [name=comment]').fill(hostile);
      await page.locator('#item button.primary').click();
      await expect(row(page, 'new.key')).toHaveClass('added');
      await expect(row(page, 'new.key').locator('.v')).toContainText(hostile);

      await edit(page, path, 'db.pool', 'many');
      await expect(page.locator('#item .wrong')).toContainText('Not a number');
      await expect(page.locator('#item [name=value]')).toHaveValue('many');
      await page.locator('#item [name=value]').fill('64');
      await page.locator('#item button.primary').click();
      await expect(row(page, 'db.pool')).toHaveClass('changed');
      await expect(row(page, 'db.pool').locator('.v')).toHaveText('32 64');

      await page.getByRole('link', { name: 'db.url' }).click();
      await page.getByRole('button', { name: 'Remove' }).click();
      await expect(row(page, 'db.url')).toHaveClass('removed');
      await page.getByRole('link', { name: 'db.url' }).click();
      await page.getByRole('button', { name: 'Revert' }).click();
      await expect(row(page, 'db.url')).not.toHaveClass('removed');
      await expect(page.locator('#publish button')).toHaveText('Publish 2 edits');
      expect(await page.title()).not.toContain('owned');
    });

    test('a value that another user has changed meanwhile is merged without losing input', async ({
      page, another, server, allowErrors,
    }) => {
      allowErrors(/412/);
      const marek = await another(await createAdministrator(server, unique('marek')));
      await page.goto(`${path}/application?edit=db.pool`);
      await edit(marek, path, 'db.pool', '48');
      await publish(marek);

      await page.locator('#item [name=value]').fill('64');
      await page.locator('#item button.primary').click();
      await expect(page.locator('.sides dd')).toHaveText(['32', '48', '64']);
      await expect(page.locator('#item [name=value]')).toHaveValue('64');
      await page.locator('#item button.primary').click();
      await expect(row(page, 'db.pool').locator('.v')).toHaveText('48 64');

      // The saved edit conflicts with another newer release.
      await edit(marek, path, 'db.pool', '50');
      await publish(marek);
      await page.goto(`${path}/application`);
      await expect(page.locator('#conflicts .sides dd')).toHaveText(['48', '50', '64']);
      await expect(page.locator('#publish')).toHaveCount(0);
      await page.getByRole('button', { name: 'Keep theirs' }).click();
      await expect(row(page, 'db.pool').locator('.v')).toHaveText('50');
    });

    test('a text keeps its line endings, and errors in it are shown', async ({ page, allowErrors }) => {
      allowErrors(/422/);
      await page.goto(`${path}/routes`);
      const text = page.locator('#text [name=text]');
      await text.fill('a: 1\nb: [\nc: 3\n');
      await page.locator('#text button[type=submit]').first().click();
      await expect(page.locator('#text .wrong')).toContainText(/Line \d+, column \d+/);
      await expect(text).toHaveValue('a: 1\nb: [\nc: 3\n');
      await text.fill('a: 1\nb: 2\nnew: 4\nc: 3\n');
      await page.locator('#text button[type=submit]').first().click();
      await publish(page);
      const exported = await page.request.get(`${path}/routes/export`);
      expect(await exported.text()).toBe('a: 1\r\nb: 2\nnew: 4\r\nc: 3\r\n');
    });

    test('a file is previewed before its edits are saved', async ({ page }) => {
      await page.goto(`${path}/application/import`);
      await page.locator('[name=text]').fill('DB_URL=mysql://other\nPOOL=5\n');
      await page.getByRole('button', { name: 'Preview' }).click();
      await expect(page.locator('.preview')).toContainText('mysql://other');
      await page.getByRole('button', { name: 'Add 2 edits to my change' }).click();
      await expect(row(page, 'POOL')).toHaveClass('added');

      await page.goto(`${path}/application/import`);
      await page.locator('[name=file]').setInputFiles({
        name: 'app.yml', mimeType: 'text/yaml', buffer: Buffer.from('server:\r\n  port: 8080\r\n'),
      });
      await page.getByRole('button', { name: 'Preview' }).click();
      await expect(page.locator('.preview')).toContainText('server.port');
    });

    test('a rollback starts from the page of the config', async ({ page }) => {
      await page.goto(`${path}/application`);
      await page.getByRole('link', { name: 'Roll back to release 1' }).click();
      await page.locator('#back [name=message]').fill('16 was enough');
      await page.locator('#back [name=confirm]').fill('prod');
      await page.getByRole('button', { name: 'Roll back to release 1' }).click();
      await expect(page.locator('#flash')).toContainText('Release 3 is delivered');
      await expect(row(page, 'db.pool').locator('.v')).toHaveText('16');
      await page.goto(`${path}/application/releases`);
      await expect(page.locator('tbody tr').first()).toContainText('rollback to 1');
    });

    test('hostile values stay values on every page', async ({ page }) => {
      await edit(page, path, 'hostile', `${hostile} changed`);
      const pages = ['', '?edit=hostile', '/difference', '/difference?view=split', '/difference?env=staging', '/releases'];
      for (const at of [...pages, '/releases/1', '/releases/1?show=content', '/readers', '/use', '/import']) {
        await page.goto(`${path}/application${at}`);
        expect(await page.title(), at).not.toContain('owned');
      }
    });
  });
}
