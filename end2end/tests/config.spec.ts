// The pages of a config: editing, merging, texts, import, rolling back. All of it with and without scripts.

import type { Browser, Page } from '@playwright/test';
import { createAdministrator, expect, expectAccessible, signIn, test, type Server } from '../support/test';

const hostile = `</textarea><script>document.title='owned'</script>"'><img src=x onerror="document.title='owned'">{{7*7}}<!--\u2028`;

let applications = 0;

/** An application of the test's own with a few releases in prod, and the address of its pages there. */
async function application(server: Server): Promise<string> {
  const name = `config${process.pid}-${applications++}`;
  const token = await server.cli(['token', 'create', '--name', name, '--admin', '--write', '*/*/*']);
  const send = (method: string, path: string, body: object) =>
    fetch(`${server.url}/api/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  // What a command makes is noticed by the server within two seconds.
  await expect.poll(async () => (await send('PUT', 'envs/dev', {})).ok).toBe(true);
  const call = async (method: string, path: string, body: object) => {
    const answer = await send(method, path, body);
    expect(answer.ok, `${path}: ${answer.status} ${await answer.text()}`).toBe(true);
  };
  await call('PUT', 'envs/staging', {});
  await call('PUT', 'envs/prod', { protected: true });
  await call('PUT', `apps/${name}`, {});
  await call('PUT', `apps/${name}/namespaces/application`, { format: 'kv' });
  await call('PUT', `apps/${name}/namespaces/routes`, { format: 'yaml' });
  const publish = (edit: object) =>
    call('POST', 'changes', { message: 'prepared', confirm: 'prod', publish: true, edits: [edit] });
  const config = `prod/${name}/application`;
  await publish({ config, set: { 'db.url': 'mysql://db/shop', 'db.pool': { value: '16', type: 'number' }, hostile } });
  await publish({ config, set: { 'db.pool': { value: '32', type: 'number' } } });
  await publish({ config: `prod/${name}/routes`, text: 'a: 1\r\nb: 2\nc: 3\r\n' });
  return `/configs/prod/${name}`;
}

/** Another administrator, in a browser of their own. */
async function another(browser: Browser, server: Server, scripts: boolean): Promise<Page> {
  const user = await createAdministrator(server, `marek${applications}`);
  const page = await (await browser.newContext({ baseURL: server.url, javaScriptEnabled: scripts })).newPage();
  await signIn(page, server.url, user);
  return page;
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

const row = (page: Page, key: string) => page.locator('table.items tbody tr').filter({ hasText: key });

for (const scripts of [true, false]) {
  test.describe(scripts ? 'with scripts' : 'without scripts', () => {
    test.use({ javaScriptEnabled: scripts });

    let path: string;
    test.beforeEach(async ({ page, server, signIn }) => {
      path = await application(server);
      await signIn(page);
    });

    test('a key is added, changed, removed and taken back', async ({ page, allowErrors }) => {
      allowErrors(/422/);
      await page.goto(`${path}/application`);
      await page.getByRole('link', { name: 'Add key' }).click();
      await page.locator('#item [name=key]').fill('new.key');
      await page.locator('#item [name=value]').fill(hostile);
      await page.locator('#item [name=comment]').fill(hostile);
      await page.locator('#item button.primary').click();
      await expect(row(page, 'new.key')).toHaveClass('added');
      await expect(row(page, 'new.key').locator('.v')).toHaveText(hostile);

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
      await page.getByRole('button', { name: 'Take back my edit' }).click();
      await expect(row(page, 'db.url')).not.toHaveClass('removed');
      await expect(page.locator('#publish button')).toHaveText('Publish 2 edits');
      expect(await page.title()).not.toContain('owned');
    });

    test('a value that somebody else has changed meanwhile is merged, and nothing typed is lost', async ({
      page, browser, server, allowErrors,
    }) => {
      allowErrors(/412/);
      const marek = await another(browser, server, scripts);
      await page.goto(`${path}/application?edit=db.pool`);
      await edit(marek, path, 'db.pool', '48');
      await publish(marek);

      await page.locator('#item [name=value]').fill('64');
      await page.locator('#item button.primary').click();
      await expect(page.locator('.sides dd')).toHaveText(['32', '48', '64']);
      await expect(page.locator('#item [name=value]')).toHaveValue('64');
      await page.locator('#item button.primary').click();
      await expect(row(page, 'db.pool').locator('.v')).toHaveText('48 64');

      // Now it is saved, and meets a newer release again.
      await edit(marek, path, 'db.pool', '50');
      await publish(marek);
      await page.goto(`${path}/application`);
      await expect(page.locator('#conflicts .sides dd')).toHaveText(['48', '50', '64']);
      await expect(page.locator('#publish')).toHaveCount(0);
      await page.getByRole('button', { name: 'Keep theirs' }).click();
      await expect(row(page, 'db.pool').locator('.v')).toHaveText('50');
      await marek.context().close();
    });

    test('a text keeps its own line ends, and what is wrong in it is shown', async ({ page, allowErrors }) => {
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

    test('a file is previewed before it goes into the change', async ({ page }) => {
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

    test('anybody finds the way back', async ({ page }) => {
      await page.goto(`${path}/application`);
      await page.getByRole('link', { name: 'Roll back to release 1' }).click();
      await page.locator('#back [name=message]').fill('16 was enough');
      await page.locator('#back [name=confirm]').fill('prod');
      await page.getByRole('button', { name: 'Roll back to release 1' }).click();
      await expect(page.locator('#flash')).toContainText('Release 3 is delivered');
      await expect(row(page, 'db.pool').locator('.v')).toHaveText('16');
      await page.goto(`${path}/application/releases`);
      await expect(page.locator('tbody tr').first()).toContainText('back to 1');
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

test('the pages of a config are accessible, and as wide as a phone', async ({ page, server, signIn }) => {
  test.setTimeout(120_000);
  const path = await application(server);
  await signIn(page);
  await edit(page, path, 'db.pool', '64');
  const pages = ['/application', '/application?edit=db.url', '/application?add=', '/application/difference'];
  pages.push('/application/difference?view=split', '/application/releases', '/application/releases/1', '/routes');
  pages.push('/application/readers', '/application/use', '/application/import', '/routes/releases/1?show=content');
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    for (const width of [1280, 320]) {
      await page.setViewportSize({ width, height: 800 });
      for (const at of pages) {
        await page.goto(path + at);
        await expectAccessible(page);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
        expect(wide, `${at} at ${width}`).toBe(false);
      }
    }
  }
});
