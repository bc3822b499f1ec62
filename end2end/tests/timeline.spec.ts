// The releases of an application as a picture and as a table, any two releases of a config, and any two configs.

import { application } from '../support/prepare';
import { expect, test } from '../support/test';

for (const scripts of [true, false]) {
  test.describe(scripts ? 'with scripts' : 'without scripts', () => {
    test.use({ javaScriptEnabled: scripts });

    test('the releases of an application are a picture and a table', async ({ page, server, signIn }) => {
      const { name, api } = await application(server);
      await signIn(page);
      await page.goto(`/apps/${name}/releases`);
      await expect(page.locator('.empty')).toContainText('Nothing published yet');
      await page.getByRole('link', { name: 'Open the configs' }).click();
      await expect(page).toHaveURL(new RegExp(`/apps/${name}$`));

      const config = `prod/${name}/application`;
      await api.publish([{ config, set: { pool: '16' } }], 'The first pool');
      await api.publish([{ config, set: { pool: '32' } }]);
      await api.publish([{ config: `dev/${name}/application`, set: { pool: '4' } }, { config: `dev/${name}/routes`, text: 'a: 1\n' }]);
      await page.goto(`/configs/prod/${name}/application/releases/1`);
      await page.locator('#back [name=message]').fill('Too big');
      await page.locator('#back [name=confirm]').fill('prod');
      await page.getByRole('button', { name: 'Roll back to release 1' }).click();
      await expect(page.locator('#flash')).toContainText('Release 3 is delivered');

      await page.goto(`/apps/${name}`);
      await page.getByRole('navigation', { name: 'Application' }).getByRole('link', { name: 'Releases' }).click();
      await expect(page.locator('.timeline .lanes li')).toHaveText(['dev', 'prod']);
      const dots = page.locator('.timeline svg a');
      await expect(dots).toHaveCount(5);
      await expect(page.locator('.timeline path.dot')).toHaveCount(1);
      await expect(page.locator('.timeline path.back')).toHaveCount(1);
      const rows = page.locator('#releases tbody tr');
      await expect(rows).toHaveCount(5);
      await expect(rows.first()).toHaveText(/prod.*application.*3.*Too big.*rollback to 1/);
      await expect(rows.last()).toHaveText(/prod.*application.*1.*The first pool/);

      await page.getByLabel('Namespace').selectOption('routes');
      await page.getByRole('button', { name: 'Filter' }).click();
      await expect(page).toHaveURL(/namespace=routes/);
      await expect(rows).toHaveText([/dev.*routes.*1/]);

      await page.goto(`/apps/${name}/releases`);
      await page.getByRole('link', { name: new RegExp(`^Release 2 of prod/${name}/application, `) }).click();
      await expect(page).toHaveURL(new RegExp(`/configs/prod/${name}/application/releases/2$`));
    });

    test('a narrow page shows the table alone, and nothing scrolls sideways', async ({ page, server, signIn }) => {
      const { name, api } = await application(server);
      for (let n = 0; n < 12; n++) await api.publish([{ config: `prod/${name}/application`, set: { pool: `${n}` } }]);
      await signIn(page);
      for (const width of [320, 1200]) {
        await page.setViewportSize({ width, height: 800 });
        for (const path of [`/apps/${name}/releases`, `/configs/prod/${name}/application/releases`]) {
          await page.goto(path);
          expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
        }
        await page.goto(`/apps/${name}/releases`);
        await expect(page.locator('#releases tbody tr').first()).toBeVisible();
        await expect(page.locator('.timeline')).toBeVisible({ visible: width > 320 });
      }
    });

    test('long time lines have pages', async ({ page, server, signIn }) => {
      const { name, api } = await application(server);
      for (let n = 0; n < 52; n++) await api.publish([{ config: `dev/${name}/application`, set: { n: `${n}` } }]);
      await signIn(page);
      await page.goto(`/apps/${name}/releases`);
      const rows = page.locator('#releases tbody tr');
      await expect(rows).toHaveCount(50);
      await page.getByRole('link', { name: 'Older' }).click();
      await expect(rows).toHaveCount(2);
      await expect(page.locator('.timeline svg a')).toHaveCount(2);
      await page.getByRole('link', { name: 'Newer' }).click();
      await expect(rows).toHaveCount(50);
    });

    test('any two releases of the list are compared', async ({ page, server, signIn }) => {
      const { name, api } = await application(server);
      const config = `prod/${name}/application`;
      for (const pool of ['1', '2', '3']) await api.publish([{ config, set: { pool } }]);
      await signIn(page);
      await page.goto(`/configs/${config}/releases`);
      await expect(page.getByRole('radio', { name: 'From release 2' })).toBeChecked();
      await expect(page.getByRole('radio', { name: 'To release 3' })).toBeChecked();
      await page.getByRole('radio', { name: 'From release 1' }).check();
      await page.getByRole('radio', { name: 'To release 2' }).check();
      await page.getByRole('button', { name: 'Compare', exact: true }).click();
      await expect(page).toHaveURL(/difference\?to=2&from=1$/);
      await expect(page.locator('.versus')).toContainText('Release 1 → Release 2');
      await page.getByRole('link', { name: 'Swap' }).click();
      await expect(page.locator('.versus')).toContainText('Release 2 → Release 1');
      // A single release has nothing to compare with.
      await api.publish([{ config: `dev/${name}/application`, set: { pool: '1' } }]);
      await page.goto(`/configs/dev/${name}/application/releases`);
      await expect(page.getByRole('radio')).toHaveCount(0);
    });

    test('configs of two applications are compared', async ({ page, server, signIn, allowErrors }) => {
      allowErrors(/4(04|22) .*\/difference/);
      const [one, two] = [await application(server), await application(server)];
      await one.api.publish([{ config: `prod/${one.name}/application`, set: { same: '1', pool: '4' } }]);
      await two.api.publish([{ config: `dev/${two.name}/application`, set: { same: '1', pool: '16' } }]);
      await signIn(page);
      const other = `dev/${two.name}/application`;
      await page.goto(`/configs/prod/${one.name}/application/difference`);
      await page.getByText('Compare others').click();
      await page.getByRole('combobox', { name: /^Other config/ }).fill(other);
      await page.getByRole('button', { name: 'Compare live contents' }).click();
      await expect(page.locator('.versus')).toContainText(`${other}, release 1 → Live, release 1`);
      const hunks = page.locator('.hunks > li');
      await expect(hunks).toHaveText([/pool.*16.*4/]);
      await page.getByRole('link', { name: 'Side by side' }).click();
      await expect(page.locator('table.diff tbody tr')).toHaveText(/pool.*changed.*16.*4/);
      await page.getByRole('link', { name: 'Swap' }).click();
      await expect(page).toHaveURL(new RegExp(`/configs/${other}/difference`));
      await expect(page.locator('.versus')).toContainText(`prod/${one.name}/application, release 1 → Live, release 1`);

      for (const [typed, answer] of [
        [`dev/${two.name}/routes`, 'Only configs of the same format can be compared'],
        ['dev/none/application', 'does not exist, or you have no access to it'],
        ['no config', 'is not a valid config'],
      ] as const) {
        await page.goto(`/configs/prod/${one.name}/application/difference?with=${encodeURIComponent(typed)}`);
        await expect(page.locator('main')).toContainText(answer);
        await expect(page.getByRole('combobox', { name: /^Other config/ })).toHaveValue(typed);
      }
    });

    test('the last change of a key leads to its release', async ({ page, server, signIn }) => {
      const { name, api } = await application(server);
      const config = `prod/${name}/application`;
      await api.publish([{ config, set: { pool: '1', url: 'x' } }]);
      await api.publish([{ config, set: { pool: '2' } }]);
      await signIn(page);
      await page.goto(`/configs/${config}`);
      await page.locator('#items tr').filter({ hasText: 'pool' }).getByRole('link', { name: 'Release 2' }).click();
      await expect(page).toHaveURL(new RegExp(`/configs/${config}/releases/2$`));
    });
  });
}
