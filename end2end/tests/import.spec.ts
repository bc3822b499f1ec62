// Import of files and pasted texts, and export in all formats.

import type { Page } from '@playwright/test';
import { application } from '../support/prepare';
import { card, expect, test } from '../support/test';

// Samples within the limits of each format: names of variables have no dots, and only three formats have types.
const files = {
  'app.properties': { source: 'properties', text: 'db.url=jdbc:mysql://db/shop?a=b\ndb.pool=16\ngreeting=Gr\\u00fc\\u00dfe 商店\n' },
  '.env': { source: 'dotenv', text: 'DB_URL="mysql://db/shop?a=b"\nPOOL=16\nMULTI="one\\ntwo"\n' },
  'app.json': { source: 'json', text: '{\n  "db": { "url": "mysql://db", "pool": 16 },\n  "features": ["a", "b"],\n  "on": true\n}\n' },
  'app.yaml': { source: 'yaml', text: 'db:\n  url: mysql://db\n  pool: 16\non: "true"\ntext: |\n  one\n  two\n' },
  'app.toml': { source: 'toml', text: 'on = true\n\n[db]\nurl = "mysql://db"\npool = 16\n' },
};

const broken = {
  'app.properties': ['fine=1\nbad=\\u12G4\n', 'Line 2'],
  '.env': ['A=1\nB="never closed\n', 'Line 2'],
  'app.json': ['{\n  "a": 1,\n  "b": }\n', 'Line 3, column 8'],
  'app.yaml': ['a: 1\nb: [1, 2\nc: 3\n', 'Line '],
  'app.toml': ['a = 1\nb = \n', 'Line 2, column '],
};

async function put(page: Page, name: string, text: string, paste: boolean): Promise<void> {
  if (paste) await card(page, 'paste').locator('[name=text]').fill(text);
  // A large file takes seconds to reach a busy browser.
  else await card(page, 'paste').locator('[name=file]').setInputFiles({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(text) }, { timeout: 30_000 });
}

for (const scripts of [true, false]) {
  test.describe(scripts ? 'with scripts' : 'without scripts', () => {
    test.use({ javaScriptEnabled: scripts });

    for (const [n, [name, { source, text }]] of Object.entries(files).entries()) {
      test(`${name} is imported and exported without changes`, async ({ page, server, signIn }) => {
        const { name: app } = await application(server);
        const path = `/configs/dev/${app}/application`;
        await signIn(page);
        await page.goto(`${path}/import`);
        // The format of a file follows from its name; that of a pasted text is detected.
        const paste = (n + Number(scripts)) % 2 === 0;
        await put(page, name, text, paste);
        await page.getByRole('button', { name: 'Preview' }).click();
        await expect(card(page, 'preview')).toContainText(`Read as ${source}.`);
        const added = await card(page, 'preview').locator('.hunks > li.added').count();
        expect(added).toBeGreaterThan(2);
        await page.getByRole('button', { name: `Add ${added} edits to my change` }).click();
        await expect(page.locator('#flash')).toContainText('Added to your change, not live yet');
        await page.getByRole('button', { name: `Publish ${added} edits` }).click();
        await expect(page.locator('#flash')).toContainText('Release 1 is delivered');

        // Importing the export again changes nothing.
        await page.goto(`${path}/import`);
        await card(page, 'export').locator(`a[href*="format=${source}"]`).click({ trial: true });
        const out = await page.request.get(`${path}/export?format=${source}`);
        expect(out.headers()['content-disposition']).toContain(`attachment; filename="dev-${app}-application.`);
        await put(page, name, await out.text(), false);
        await page.getByLabel('Keys missing from the import').selectOption('replace');
        await page.getByRole('button', { name: 'Preview' }).click();
        await expect(page.locator('main')).toContainText('Nothing to import');
      });
    }

    test('a broken file is refused with the position, and a pasted text stays to be corrected', async ({ page, server, signIn, allowErrors }) => {
      allowErrors(/422 .*\/import/);
      const { name: app } = await application(server);
      await signIn(page);
      await page.goto(`/configs/dev/${app}/application/import`);
      for (const [name, [text, place]] of Object.entries(broken)) {
        await put(page, name, text!, false);
        const [answer] = await Promise.all([
          page.waitForResponse((r) => r.request().method() === 'POST'),
          page.getByRole('button', { name: 'Preview' }).click(),
        ]);
        expect(answer.status(), name).toBe(422);
        await expect(page.getByRole('alert'), name).toContainText('This cannot be imported');
        await expect(page.getByRole('alert'), name).toContainText(place!);
        await expect(card(page, 'preview')).toHaveCount(0);
      }
      const [text] = broken['app.json'];
      await put(page, '', text!, true);
      await page.getByLabel('Format').selectOption('json');
      await page.getByRole('button', { name: 'Preview' }).click();
      await expect(page.getByRole('alert')).toContainText('Line 3, column 8');
      await expect(card(page, 'paste').locator('[name=text]')).toHaveValue(text!);
      await expect(page.getByLabel('Format')).toHaveValue('json');
      await card(page, 'paste').locator('[name=text]').fill('{ "a": 1, "b": 2 }');
      await page.getByRole('button', { name: 'Preview' }).click();
      await expect(card(page, 'preview').locator('.hunks > li.added')).toHaveCount(2);
      // An empty text is not an import.
      await card(page, 'paste').locator('[name=text]').fill('  ');
      await page.getByRole('button', { name: 'Preview' }).click();
      await expect(page.getByRole('alert')).toContainText('Fill this in.');
    });

    test('keys missing from the file are kept or removed as chosen, and shown in the preview', async ({ page, server, signIn }) => {
      const { name: app, api } = await application(server);
      await api.publish([{ config: `dev/${app}/application`, set: { a: '1', b: '2', c: '3' } }]);
      await signIn(page);
      await page.goto(`/configs/dev/${app}/application/import`);
      await put(page, '', 'a=1\nb=20\nd=4\n', true);
      await page.getByRole('button', { name: 'Preview' }).click();
      await expect(card(page, 'preview').locator('.sum')).toHaveText('1 added1 changed');
      await page.getByLabel('Keys missing from the import').selectOption('replace');
      await page.getByRole('button', { name: 'Preview' }).click();
      await expect(card(page, 'preview').locator('.sum')).toHaveText('1 added1 changed1 removed');
      await page.getByRole('button', { name: 'Add 3 edits to my change' }).click();
      await expect(page.locator('table.items tr.removed')).toContainText('c');
      await expect(page.locator('table.items tr.changed')).toContainText('b');
      await expect(page.locator('table.items tr.added')).toContainText('d');
    });

    test('a text is imported byte for byte', async ({ page, server, signIn, allowErrors }) => {
      allowErrors(/422 .*\/import/);
      const { name: app } = await application(server);
      const path = `/configs/dev/${app}/routes`;
      const text = '# Grüße 商店\r\nroutes:\r\n  - path: /a\n    to: b\n\n';
      await signIn(page);
      await page.goto(`${path}/import`);
      await put(page, 'routes.yaml', 'a: [1\n', false);
      await page.getByRole('button', { name: 'Preview' }).click();
      await expect(page.getByRole('alert')).toContainText(/Line \d+, column \d+/);
      await put(page, 'routes.yaml', text, false);
      await page.getByRole('button', { name: 'Preview' }).click();
      await page.getByRole('button', { name: 'Add the text to my change' }).click();
      await page.getByRole('button', { name: 'Publish the text' }).click();
      await expect(page.locator('#flash')).toContainText('Release 1 is delivered');
      expect(await (await page.request.get(`${path}/export`)).text()).toBe(text);
    });
  });
}

test('a file that is too large is refused with a message', async ({ page, server, signIn, allowErrors }) => {
  allowErrors(/413 .*\/import/);
  const { name: app } = await application(server);
  await signIn(page);
  await page.goto(`/configs/dev/${app}/application/import`);
  await put(page, 'big.properties', `a=${'x'.repeat(9_500_000)}`, false);
  await page.getByRole('button', { name: 'Preview' }).click();
  await expect(page.getByRole('alert')).toContainText('Make it smaller, or split it.');
});
