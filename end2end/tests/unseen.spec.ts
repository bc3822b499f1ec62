// Line endings that browsers change in forms, and invisible characters: unchanged values stay byte for byte, keys have
// no invisible characters, values have marks for them.

import type { Page } from '@playwright/test';
import { application, createAdministrator, unique } from '../support/prepare';
import { expect, expectAccessible, expectNoSideways, test } from '../support/test';

const values = {
  cr: 'a\rb',
  crlf: 'a\r\nb\r\n',
  mixed: 'a\rb\nc\r\nd',
  first: '\n\ra',
  blanks: ' a\u00a0b ',
};

const row = (page: Page, key: string) => page.locator('table.items tbody tr').filter({ has: page.getByRole('link', { name: key, exact: true }) });

for (const scripts of [true, false]) {
  test.describe(scripts ? 'with scripts' : 'without scripts', () => {
    test.use({ javaScriptEnabled: scripts });

    test('an unchanged value stays byte for byte, also in a refused form', async ({
      page, another, server, signIn, allowErrors,
    }) => {
      allowErrors(/(412|422) .*save-item/);
      const { name, api } = await application(server, 'unseen');
      const config = `dev/${name}/application`;
      const path = `/configs/${config}`;
      const live = async () => JSON.parse(await (await page.request.get(`${path}/export?format=json`)).text()) as Record<string, string>;
      const set = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, { value, comment: 'old' }]));
      await api.publish([{ config, set: { ...set, note: { value: '1', comment: 'one\rtwo' } } }]);
      await signIn(page);
      for (const key of Object.keys(values)) {
        await page.goto(`${path}?edit=${key}`);
        await page.locator('#item [name=comment]').fill('x'.repeat(2001));
        await page.locator('#item button.primary').click();
        await expect(page.locator('#item .wrong')).toBeVisible();
        await page.locator('#item [name=comment]').fill('new');
        await page.locator('#item button.primary').click();
        await expect(row(page, key)).toHaveClass('changed');
      }
      await page.goto(`${path}?edit=note`);
      await page.locator('#item [name=value]').fill('2');
      await page.locator('#item button.primary').click();
      await expect(row(page, 'note')).toHaveClass('changed');
      await page.locator('#publish button').click();
      await expect(page.locator('#flash')).toContainText('is delivered');
      expect(await live()).toEqual({ ...values, note: '2' });
      // Comments are in no document: they are unchanged.
      await page.goto(`${path}/difference`);
      await expect(page.locator('[data-hunk]').filter({ hasText: 'note' })).not.toContainText('Comment');

      // A conflict shows the value of the form.
      const marek = await another(await createAdministrator(server, unique('marek')));
      await page.goto(`${path}?edit=cr`);
      await marek.goto(`${path}?edit=cr`);
      await marek.locator('#item [name=value]').fill('theirs\nis another');
      await marek.locator('#item button.primary').click();
      await marek.locator('#publish button').click();
      await expect(marek.locator('#flash')).toContainText('is delivered');
      await page.locator('#item [name=comment]').fill('mine');
      await page.locator('#item button.primary').click();
      await expect(page.locator('.sides')).toBeVisible();
      await page.locator('#item button.primary').click();
      await expect(row(page, 'cr')).toHaveClass('changed');
      await page.locator('#publish button').click();
      await expect(page.locator('#flash')).toContainText('is delivered');
      expect((await live())['cr']).toBe(values.cr);
    });

    test('a key with an invisible character is refused, and the character named', async ({ page, server, signIn, allowErrors }) => {
      allowErrors(/422 .*(save-item|import)/);
      const { name } = await application(server, 'unseen');
      const path = `/configs/dev/${name}/application`;
      await signIn(page);
      await page.goto(`${path}?add=#edit`);
      await page.locator('#item [name=key]').fill('db\u200b.url');
      await page.locator('#item [name=value]').fill('kept');
      await page.locator('#item button.primary').click();
      await expect(page.locator('#item .wrong')).toContainText('Character 3 is invisible: U+200B ZERO WIDTH SPACE');
      await expect(page.locator('#item [name=value]')).toHaveValue('kept');
      await page.goto(`${path}/import`);
      await page.locator('[name=text]').fill('a=1\ndb\u202e.url=2\n');
      await page.getByRole('button', { name: 'Preview' }).click();
      await expect(page.getByRole('alert')).toContainText('Line 2, column 1: Character 3 is invisible: U+202E RIGHT-TO-LEFT OVERRIDE');
      // The key cannot change the direction of the text around it.
      await expect(page.getByRole('alert').locator('code')).toHaveCSS('unicode-bidi', 'isolate');
      await page.locator('[name=file]').setInputFiles({ name: 'a\u202eb.env', mimeType: 'text/plain', buffer: Buffer.from('a=1\n') });
      await page.getByRole('button', { name: 'Preview' }).click();
      await expect(page.locator('#import bdi')).toHaveText('a\u202eb.env');
    });

    test('invisible characters of a value are marked beside it', async ({ page, server, signIn }) => {
      const { name, api } = await application(server, 'unseen');
      const config = `dev/${name}/application`;
      await api.publish([{ config, set: { plain: 'a b', blank: 'a ', turned: 'a\u202eb', zero: '\u200ba', cr: 'a\rb' } }]);
      await api.publish([{ config, set: { blank: 'b ', turned: 'c\u202eb' } }]);
      await signIn(page);
      await page.setViewportSize({ width: 360, height: 740 });
      await page.goto(`/configs/${config}`);
      await expect(row(page, 'plain').locator('.marks')).toHaveCount(0);
      await expect(row(page, 'blank').locator('.marks')).toHaveText('ends with a space');
      await expect(row(page, 'turned').locator('.marks')).toHaveText('contains U+202E');
      await expect(row(page, 'turned').getByTitle('U+202E RIGHT-TO-LEFT OVERRIDE')).toBeVisible();
      await expect(row(page, 'zero').locator('.marks')).toHaveText('begins with U+200B');
      await expect(row(page, 'cr').locator('.marks')).toHaveText('contains a carriage return');
      await expectNoSideways(page);
      for (const view of ['', '?view=split']) {
        await page.goto(`/configs/${config}/difference${view}`);
        await expect(page.locator('[data-hunk]').filter({ hasText: 'blank' }).locator('.marks')).toHaveText(['ends with a space', 'ends with a space']);
        await expect(page.locator('[data-hunk]').filter({ hasText: 'turned' }).locator('.marks')).toHaveText(['contains U+202E', 'contains U+202E']);
        await expectNoSideways(page);
      }
      if (scripts) await expectAccessible(page);
    });
  });
}
